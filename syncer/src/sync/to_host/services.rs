//! Guest Services and their mirrors on the host, with one cluster IP for both.
//!
//! The syncer asks the host for the address that the guest has assigned. If the address is taken there, the host chooses one, and
//! the guest's Service is recreated with it. Until then, the mirror keeps the deleted Service in an annotation, so that it
//! survives a syncer that stops in between.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Service, ServiceSpec, ServiceStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use vcluster_values::admission;
use vcluster_values::naming::own::RECREATING;
use vcluster_values::patches::Json;

use super::decide::Step;
use super::steps::Pair;
use crate::guest::metrics;
use crate::sync::from_host::projections;
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::unmet::Unmet;
use crate::sync::runtime::watches::with_guest_keys;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::Target;
use crate::sync::write::delete;
use crate::sync::write::host_metadata;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::ownership::{self, HostName};

/// The specs to write on both sides.
mod spec;

/// Reconciler of Services.
#[derive(Debug)]
pub(crate) struct Services {
    context: Context,
    guest: Arc<Store<Service>>,
    host: Arc<Store<Service>>,
    queue: Arc<WorkQueue>,
    written: LastApplied,
    unmet: Unmet,
}

/// Returns the key of the guest's DNS.
fn dns_service() -> Key {
    Key::new("kube-system", "kube-dns")
}

impl Services {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            guest: Arc::default(),
            host: Arc::default(),
            queue: Arc::default(),
            written: LastApplied::on_host(context.budget()),
            unmet: Unmet::default(),
        })
    }

    /// Returns the guest's Services.
    pub(crate) fn guest(&self) -> &Store<Service> {
        &self.guest
    }

    /// Fails if the Service of the guest's DNS can't be on the host until somebody changes something.
    pub(crate) fn dns_may_come(&self) -> Result<(), ReconcileError> {
        self.unmet.check("Service", &dns_service())
    }

    /// Returns the address of the guest's DNS, once both sides agree on it.
    pub(crate) fn dns(&self) -> Option<String> {
        let key = dns_service();
        let (guest, host) = (self.guest.get(&key)?, self.host.get(&key)?);
        ownership::owner_of(&host.metadata, &kind())?;
        cluster_ip(&guest)
            .filter(|address| cluster_ip(&host) == Some(address))
            .map(ToOwned::to_owned)
    }

    /// Watches Services on both sides; `seen` is called for each change.
    pub(crate) fn watch(self: &Arc<Self>, seen: impl Fn(&Key) + Clone + Send + Sync + 'static) {
        let (reconciler, tell) = (self.clone(), seen.clone());
        let guests: Api<Service> = Api::all(self.context.guest());
        self.context.watch_guest(
            "services",
            guests,
            &self.guest,
            |service| service,
            move |change| {
                if let Change::Object(key) = &change {
                    tell(key);
                }
                reconciler.queue.guest_changed(change);
            },
        );
        let reconciler = self.clone();
        let changed = with_guest_keys(&self.guest, move |key| {
            seen(&key);
            reconciler.queue.add(key);
        });
        let hosts = |context: &Context, namespace: &str| context.host_api::<Service>(namespace);
        let config = watcher::Config::default();
        self.context
            .watch_hosts("services", hosts, &config, &self.host, |service| service, changed);
    }

    async fn write(
        &self,
        key: &Key,
        guest: &Service,
        host: Option<&Service>,
    ) -> Result<Action, ReconcileError> {
        let now = |host: &Service| Versions {
            guest: guest.resource_version(),
            host: host.resource_version(),
        };
        if host.is_some_and(|host| self.written.is_at(key, &now(host))) {
            return Ok(Action::AwaitChange);
        }
        self.context.admit(admission::Resource::Services, guest)?;
        let written = self.apply(key, guest, host).await?;
        self.align(key, guest, &written).await?;
        self.show_status(key, guest, &written).await?;
        let kind = kind();
        host_metadata::show(&self.context, &kind, key, &guest.metadata, &written.metadata).await?;
        self.written.set(key, now(&written));
        Ok(Action::AwaitChange)
    }

    async fn apply(
        &self,
        key: &Key,
        guest: &Service,
        host: Option<&Service>,
    ) -> Result<Service, ReconcileError> {
        let hosts: Api<Service> = self.context.host_api(&key.namespace);
        let attempted = || format!("write Service {key} to the host");
        let target = Target {
            api: &hosts,
            kind: &kind(),
            name: &key.name,
            there: host.map(|host| &host.metadata),
        };
        let spec = spec::wanted(guest, host);
        if let Some(released) = host.and_then(|host| spec::releasing(&spec, host)) {
            self.context.metrics().write("host", "Service", "apply");
            let body = self.mirror(key, guest, host, &released);
            let applied = target.apply(&body, &self.written, key).await;
            applied.attempting(|| format!("release the health check port of Service {key} on the host"))?;
        }
        self.context.metrics().write("host", "Service", "apply");
        let body = self.mirror(key, guest, host, &spec);
        let asked = target.apply(&body, &self.written, key).await;
        if !refusal(&asked).is_some_and(spec::is_for_a_choice) {
            return asked.attempting(attempted);
        }
        // An address or a port is taken on the host, or not the host's to give: it chooses itself.
        let spec = spec::at_the_hosts_choice(spec, host);
        let body = self.mirror(key, guest, host, &spec);
        (target.apply(&body, &self.written, key).await).attempting(attempted)
    }

    fn mirror(&self, key: &Key, guest: &Service, host: Option<&Service>, spec: &ServiceSpec) -> Service {
        let namespace = self.context.tenant().host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let kind = kind();
        Service {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(namespace.clone()),
                uid: host.and_then(ResourceExt::uid),
                labels: Some(ownership::labels(&guest.metadata)),
                annotations: Some(ownership::annotations(&guest.metadata, &kind, &name)),
                ..ObjectMeta::default()
            },
            spec: Some(spec.clone()),
            status: None,
        }
    }

    /// Writes the addresses and ports that the host has chosen to the guest's Service.
    async fn align(&self, key: &Key, guest: &Service, host: &Service) -> Result<(), ReconcileError> {
        let (Some(ours), Some(theirs)) = (&guest.spec, &host.spec) else {
            return Ok(());
        };
        if let Some(spec) = spec::anew(ours, theirs) {
            let anew = Service {
                metadata: ObjectMeta {
                    name: guest.metadata.name.clone(),
                    namespace: guest.metadata.namespace.clone(),
                    labels: guest.metadata.labels.clone(),
                    annotations: guest.metadata.annotations.clone(),
                    owner_references: guest.metadata.owner_references.clone(),
                    finalizers: guest.metadata.finalizers.clone(),
                    ..ObjectMeta::default()
                },
                spec: Some(spec),
                status: None,
            };
            return self.recreate(key, guest, &anew).await;
        }
        if spec::node_ports(ours) != spec::node_ports(theirs) {
            let changes = json!({"metadata": {"uid": guest.uid()}, "spec": {"ports": theirs.ports}});
            let (kind, purpose) = (kind(), "by the ports of the host");
            self.context
                .in_guest(&kind, key)
                .merge("patch", &changes, purpose)
                .await?;
        }
        Ok(())
    }

    async fn recreate(&self, key: &Key, guest: &Service, anew: &Service) -> Result<(), ReconcileError> {
        let hosts: Api<Service> = self.context.host_api(&key.namespace);
        let unreadable = |source| ReconcileError::Unreadable {
            what: format!("Service {key}"),
            source,
        };
        let kept = serde_json::to_string(anew).map_err(unreadable)?;
        let note = json!({"metadata": {"annotations": {RECREATING: kept}}});
        hosts
            .patch_metadata(&key.name, &PatchParams::default(), &Patch::Merge(note))
            .await
            .attempting(|| format!("note on the host that Service {key} is recreated"))?;
        let kind = kind();
        let writer = self.context.in_guest(&kind, key);
        writer.delete(&delete::if_uid(&guest.metadata)).await?;
        self.create_guest(key, anew).await
    }

    /// Creates the guest's Service, and removes the annotation at once: after that, a missing Service means that the tenant has
    /// deleted it.
    async fn create_guest(&self, key: &Key, anew: &Service) -> Result<(), ReconcileError> {
        let guests: Api<Service> = self.context.guest_api(&key.namespace);
        self.context.metrics().write("guest", "Service", "create");
        let mut created = guests.create(&PostParams::default(), anew).await;
        if refusal(&created).is_some_and(spec::is_for_a_choice) {
            // Another Service of the guest has one of the ports: the host is asked for those that this one gets.
            created = guests
                .create(&PostParams::default(), &spec::without_node_ports(anew))
                .await;
        }
        if !refusal(&created).is_some_and(kube::core::Status::is_already_exists) {
            created.attempting(|| format!("recreate Service {key} with the host's address"))?;
        }
        self.forget_recreation(key).await
    }

    /// Creates a guest's Service that is missing because it was being recreated.
    async fn go_on(&self, key: &Key, host: &Service) -> Result<(), ReconcileError> {
        let hosts: Api<Service> = self.context.host_api(&key.namespace);
        let now = hosts.get_metadata_opt(&key.name).await;
        let now = now.attempting(|| format!("read Service {key} of the host"))?;
        // If the note was taken off, the change is on its way, and what is missing then was deleted.
        let noted = now.filter(|now| now.metadata.uid == host.metadata.uid);
        let anew = noted
            .as_ref()
            .and_then(|now| now.annotations().get(RECREATING))
            .and_then(|kept| serde_json::from_str(kept).ok());
        match anew {
            Some(anew) => self.create_guest(key, &anew).await,
            None => Ok(()),
        }
    }

    async fn forget_recreation(&self, key: &Key) -> Result<(), ReconcileError> {
        let note = json!({"metadata": {"annotations": {RECREATING: null}}});
        let (kind, purpose) = (kind(), "as the guest's is recreated");
        self.context
            .on_host(&kind, key)
            .merge("patch", &note, purpose)
            .await
    }

    async fn show_status(&self, key: &Key, guest: &Service, host: &Service) -> Result<(), ReconcileError> {
        let balancer =
            |status: &Option<ServiceStatus>| status.as_ref().and_then(|status| status.load_balancer.clone());
        let (ours, theirs) = (balancer(&guest.status), balancer(&host.status));
        if ours.clone().unwrap_or_default() == theirs.clone().unwrap_or_default() {
            return Ok(());
        }
        let value = |side| serde_json::to_value(side).ok().map(|side| Json::from(&side));
        let status = json!({"loadBalancer": Json::replacement(value(&ours), value(&theirs))});
        let kind = kind();
        let writer = self.context.in_guest(&kind, key);
        writer.merge_status(guest.metadata.uid.as_ref(), &status).await
    }

    async fn converge(&self, key: &Key) -> Result<Action, ReconcileError> {
        if is_the_guests_alone(key) {
            return Ok(Action::AwaitChange);
        }
        if !self.host.has_listed_namespace(&key.namespace) {
            return Ok(Action::NotSynced);
        }
        let kind = kind();
        let guest = self
            .guest
            .get(key)
            .filter(|service| service.metadata.deletion_timestamp.is_none())
            .filter(|service| !projections::is_marked(&service.metadata))
            .filter(|service| !self.context.is_copy(&kind, &service.metadata));
        let host = self.host.get(key);
        if guest.is_none() {
            self.written.forget(key);
        }
        let is_recreating = |host: &Service| host.annotations().contains_key(RECREATING);
        if guest.is_none()
            && let Some(host) = host.as_deref().filter(|host| is_recreating(host))
            && ownership::owner_of(&host.metadata, &kind).is_some()
        {
            return self.go_on(key, host).await.map(|()| Action::AwaitChange);
        }
        let has_its_address = (guest.as_deref().zip(host.as_deref()))
            .is_some_and(|(guest, host)| cluster_ip(guest) == cluster_ip(host));
        let pair = Pair {
            kind: &kind,
            key,
            guest: guest.as_deref().map(|guest| &guest.metadata),
            host: host.as_deref().map(|host| &host.metadata),
        };
        let step = match pair.step() {
            // A mirror with a load balancer is held until that is gone.
            Step::DeleteGuest => Step::Wait,
            // The Service that is recreated for its address takes over the mirror.
            Step::DeleteHost if has_its_address => Step::Write,
            step => step,
        };
        match (step, &guest) {
            (Step::Write, Some(guest)) => {
                if has_its_address && host.as_deref().is_some_and(is_recreating) {
                    self.forget_recreation(key).await?;
                }
                self.write(key, guest, host.as_deref()).await
            }
            (step, _) => pair.take(step, &self.context).await,
        }
    }
}

fn kind() -> ApiResource {
    ApiResource::erase::<Service>(&())
}

impl Reconciler for Services {
    fn name(&self) -> String {
        "services".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.host.has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|service| service.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let result = self.converge(key).await;
        self.unmet.note(key, &result);
        result
    }
}

/// Returns true if a Service belongs to the guest's control plane: that of the API itself, or of the API for metrics.
pub(crate) fn is_the_guests_alone(key: &Key) -> bool {
    let Key { namespace, name, .. } = key;
    [("default", "kubernetes"), (metrics::NAMESPACE, metrics::SERVICE)].contains(&(namespace, name))
}

/// Returns the address of a Service that has one.
fn cluster_ip(service: &Service) -> Option<&str> {
    spec::addresses(service.spec.as_ref()?).first().copied()
}
