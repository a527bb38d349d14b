//! Guest pods and their mirrors on the host, where they are scheduled and run.
//!
//! A mirror is created once everything that it mounts is on the host. When the host has scheduled it, the guest pod is bound to
//! that node. Its status is shown in the guest, without containers that the host has added. Deletion goes both ways, with its
//! grace period.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};
use serde::Serialize;
use serde_json::json;

use self::nodes::Nodes;
use self::show::Shown;
use self::tokens::Tokens;
use self::translate::Surroundings;
use super::from_host::projections::Projections;
use super::runtime::budget::{Charge, Ledger, size_of};
use super::runtime::context::{Context, MANAGER};
use super::runtime::error::{Attempt, ReconcileError, refusal, unless_gone};
use super::runtime::informer::{Change, Store};
use super::runtime::key::Key;
use super::runtime::reconciler::{Action, Reconciler};
use super::runtime::work_queue::WorkQueue;
use super::to_host::config_objects::ConfigObjects;
use super::to_host::core_kinds::{CoreKindSync, accounts};
use super::to_host::references::{ConfigObject, Needs, References, Referrer, needs};
use super::to_host::services::Services;
use super::write::delete;
use super::write::host_metadata;
use super::write::ownership;

/// The translation of a guest pod to the host.
pub(crate) mod translate;

/// Updates of a running pod.
mod update;

/// Ephemeral containers.
mod ephemeral;

/// The containers that are the guest's own.
mod own;

/// Resizes of a running pod's containers.
mod resize;

/// The guest's view of a host pod's status.
pub(crate) mod status;

/// The generation of the tenant's changes that the host has observed.
mod generation;

/// Writes of the status to the guest.
mod show;

/// Pods that are gone from the host.
mod end;

/// The check against the host's policies.
mod review;

/// Conditions that only the guest knows.
mod gates;

/// The Secrets that hold the pods' tokens.
pub(crate) mod tokens;

/// The guest's nodes.
pub(crate) mod nodes;

pub(crate) use self::own::{Own, is_record};
pub(crate) use self::translate::volumes::token_secret;

/// The name of pods among the kinds that name ConfigMaps and Secrets.
const REFERRERS: &str = "pods";

/// Reconciler of pods.
#[derive(Debug)]
pub(crate) struct Pods {
    context: Context,
    guest: Arc<Store<Pod>>,
    host: Arc<Store<Pod>>,
    queue: Arc<WorkQueue>,
    references: Arc<References>,
    config_maps: Arc<ConfigObjects>,
    secrets: Arc<ConfigObjects>,
    services: Arc<Services>,
    tokens: Arc<Tokens>,
    nodes: Arc<Nodes>,
    priority_classes: Option<Arc<Projections>>,
    runtime_classes: Option<Arc<Projections>>,
    accounts: Option<Arc<CoreKindSync>>,
    /// The UIDs of the host pods that were checked against the policies.
    reviewed: Mutex<HashMap<Key, String>>,
    /// The statuses that were shown in the guest, by pod.
    shown: Mutex<HashMap<Key, Shown>>,
    /// The sizes of the host pods.
    ledger: Ledger,
}

/// The reconcilers that pods depend on.
#[derive(Debug)]
pub(crate) struct Dependencies {
    /// The index of objects that name ConfigMaps and Secrets.
    pub(crate) references: Arc<References>,
    /// ConfigMaps.
    pub(crate) config_maps: Arc<ConfigObjects>,
    /// Secrets.
    pub(crate) secrets: Arc<ConfigObjects>,
    /// Services, for the address of the guest's DNS.
    pub(crate) services: Arc<Services>,
    /// The host's priority classes, if they are shown.
    pub(crate) priority_classes: Option<Arc<Projections>>,
    /// The host's runtime classes, if they are shown.
    pub(crate) runtime_classes: Option<Arc<Projections>>,
    /// The host's nodes, if they are shown.
    pub(crate) copied_nodes: Option<Arc<Projections>>,
    /// Service accounts, if they have mirrors.
    pub(crate) accounts: Option<Arc<CoreKindSync>>,
}

impl Pods {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context, dependencies: Dependencies) -> Arc<Self> {
        let Dependencies {
            references,
            config_maps,
            secrets,
            services,
            priority_classes,
            runtime_classes,
            copied_nodes,
            accounts,
        } = dependencies;
        references.expect(REFERRERS);
        let guest: Arc<Store<Pod>> = Arc::default();
        let host = Arc::new(Store::with_deleted());
        Arc::new(Self {
            tokens: Tokens::new(context, &guest, &secrets),
            nodes: Nodes::new(context, &guest, &host, copied_nodes),
            context: context.clone(),
            guest,
            host,
            queue: Arc::default(),
            references,
            config_maps,
            secrets,
            services,
            priority_classes,
            runtime_classes,
            accounts,
            reviewed: Mutex::default(),
            shown: Mutex::default(),
            ledger: context.budget().ledger(),
        })
    }

    /// Returns the reconciler of their tokens.
    pub(crate) fn tokens(&self) -> &Arc<Tokens> {
        &self.tokens
    }

    /// Returns the reconciler of their nodes.
    pub(crate) fn nodes(&self) -> &Arc<Nodes> {
        &self.nodes
    }

    /// Returns the guest's pods.
    pub(crate) fn guest(&self) -> &Arc<Store<Pod>> {
        &self.guest
    }

    /// Returns the host's pods in the tenant's namespaces, mirrors and foreign ones.
    pub(crate) fn host(&self) -> &Arc<Store<Pod>> {
        &self.host
    }

    /// Watches pods on both sides. `seen` is called for each change of a pod on either side, and when the guest has listed all of
    /// its pods.
    pub(crate) fn watch(self: &Arc<Self>, seen: impl Fn(&Change) + Clone + Send + Sync + 'static) {
        let (reconciler, tell) = (self.clone(), seen.clone());
        let guests: Api<Pod> = Api::all(self.context.guest());
        self.context.watch_guest(
            "pods",
            guests,
            &self.guest,
            |pod| pod,
            move |change| {
                match &change {
                    Change::Object(key) => reconciler.guest_changed(key),
                    Change::Complete => {
                        reconciler.references.know(REFERRERS);
                        reconciler.queue.begin_initial_sync();
                        reconciler.tokens.queue().begin_initial_sync();
                    }
                }
                tell(&change);
            },
        );
        let reconciler = self.clone();
        let changed = move |namespace: &str, change| match change {
            Change::Object(key) => {
                reconciler.queue.add(key.clone());
                seen(&Change::Object(key));
            }
            Change::Complete => {
                for key in reconciler.guest.keys_in(namespace) {
                    reconciler.queue.add(key.clone());
                    seen(&Change::Object(key));
                }
            }
        };
        let hosts = |context: &Context, namespace: &str| context.host_api::<Pod>(namespace);
        self.context.watch_hosts(
            "pods",
            hosts,
            &watcher::Config::default(),
            &self.host,
            |pod| pod,
            changed,
        );
    }

    fn guest_changed(&self, key: &Key) {
        let guest = self.guest.get(key);
        let mut named = Needs::new();
        if let Some(pod) = guest.as_deref().filter(|pod| !is_copy(&self.context, pod)) {
            named = needs::of_pod(pod);
            for (reference, need) in needs::of_added_containers(pod, None) {
                let most = named.entry(reference).or_insert(need);
                *most = need.max(*most);
            }
        }
        self.references.set(&Referrer::Pod(key.clone()), named);
        self.tokens.queue().add(key.clone());
        if guest.is_none() {
            self.nodes.recheck();
        }
        self.queue.add(key.clone());
    }

    /// Requeues the tokens of all pods in a namespace, whose Secrets are known now.
    pub(crate) fn recheck_tokens(&self, namespace: &str) {
        for key in self.guest.keys_in(namespace) {
            self.tokens.queue().add(key);
        }
    }

    /// Requeues the pods and exported objects that wait for a ConfigMap or Secret.
    pub(crate) fn recheck_naming(&self, payload: ConfigObject, key: &Key) {
        let reference = (payload, key.clone());
        for key in self.references.pods_naming(&reference) {
            let waits = match (self.guest.get(&key), self.host.get(&key)) {
                (Some(guest), Some(host)) => !needs::of_added_containers(&guest, Some(&host)).is_empty(),
                _ => true,
            };
            if waits {
                self.queue.add(key);
            }
        }
        self.references.recheck_naming(&reference);
    }

    /// Requeues a pod that may wait for its creation.
    pub(crate) fn recheck(&self, key: Key) {
        if self.host.get(&key).is_none() {
            self.queue.add(key);
        }
    }

    /// Requeues the pods of a guest namespace that may wait for their creation.
    pub(crate) fn recheck_namespace(&self, namespace: &str) {
        for key in self.guest.keys_in(namespace) {
            self.recheck(key);
        }
    }

    /// Requeues all pods that may wait for their creation.
    pub(crate) fn recheck_all(&self) {
        self.guest.keys().into_iter().for_each(|key| self.recheck(key));
    }

    /// Creates the mirror, or returns the reason that it waits for.
    async fn create(&self, key: &Key, guest: &Pod) -> Result<Action, ReconcileError> {
        if is_going(guest) || was_bound(guest) {
            return self.end(key, guest).await;
        }
        if (self.runtime_classes.as_ref()).is_some_and(|classes| !classes.are_known()) {
            return Ok(Action::WaitFor("the host's runtime classes to be known"));
        }
        self.comply(guest)?;
        if let Some(what) = self.admit(&needs::of_pod(guest))? {
            return Ok(Action::WaitFor(what));
        }
        if let (Some(accounts), Some(account)) = (&self.accounts, self.account(guest))
            && !accounts.have_made(&Key::new(key.namespace.clone(), account))?
        {
            return Ok(Action::WaitFor("its service account to be on the host"));
        }
        if (guest.spec.as_ref()).is_some_and(|spec| spec.scheduling_gates.iter().flatten().count() > 0) {
            // Who takes them off changes the pod, which brings it back.
            return Ok(Action::AwaitChange);
        }
        let dns = self.services.dns();
        if translate::needs_dns(guest) && dns.is_none() {
            self.services.dns_may_come()?;
            return Ok(Action::WaitFor("the Service kube-dns in kube-system"));
        }
        if (self.priority_classes.as_ref()).is_some_and(|classes| !classes.are_known()) {
            return Ok(Action::WaitFor("the host's priority classes to be known"));
        }
        let host = self.translated(guest, dns.as_deref());
        let params = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let attempted = || format!("create pod {key} on the host");
        let charge = self.ledger.charge(key, size_of(&host), false);
        let charge = charge.map_err(|over| ReconcileError::over(&attempted(), &over))?;
        self.context.metrics().write("host", "Pod", "create");
        let created = self
            .context
            .host_api::<Pod>(&key.namespace)
            .create(&params, &host)
            .await;
        if refusal(&created).is_some_and(kube::core::Status::is_already_exists) {
            return Ok(Action::WaitFor("the pod of that name on the host to be known"));
        }
        let created = created.attempting(attempted)?;
        charge.keep();
        self.remark(guest, &created).await;
        Ok(Action::AwaitChange)
    }

    /// Returns true if a guest pod has no mirror, although the host's pods are not known: it was never bound, or the host
    /// namespace is not this virtual cluster's.
    fn has_none_on_host(&self, key: &Key, guest: &Pod) -> bool {
        let is_bound = guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        !is_bound || self.context.watched_namespaces().is_refused(&key.namespace)
    }

    /// Returns the dependency that a pod has to wait for before all that it names may be read on the host.
    fn admit(&self, needs: &Needs) -> Result<Option<&'static str>, ReconcileError> {
        for ((payload, key), need) in needs {
            let payloads = match payload {
                ConfigObject::ConfigMap => &self.config_maps,
                ConfigObject::Secret => &self.secrets,
            };
            if let Some(what) = payloads.admit(key, *need)? {
                return Ok(Some(what));
            }
        }
        Ok(None)
    }

    /// Shows the mirror's status in the guest, and applies the tenant's changes to the mirror.
    async fn keep(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<Action, ReconcileError> {
        if self.ledger.bytes(key).is_none() {
            self.ledger.note(key, size_of(host));
        }
        let mut updated = Ok(());
        match (is_going(guest), is_going(host)) {
            (true, going) => {
                let sooner = guest.metadata.deletion_grace_period_seconds
                    < host.metadata.deletion_grace_period_seconds;
                if !going || sooner {
                    self.delete_host(key, host, guest.metadata.deletion_grace_period_seconds)
                        .await?;
                }
            }
            (false, true) => {
                self.disrupt(key, guest, host).await?;
                self.delete_guest(key, guest, host.metadata.deletion_grace_period_seconds)
                    .await?;
            }
            (false, false) => updated = self.update(key, guest, host).await,
        }
        self.pass_gates(key, guest, host).await?;
        if let Some(node) = host.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) {
            self.bind(key, guest, host, node).await?;
        }
        self.show(key, guest, host).await?;
        self.review(key, guest, host).await;
        let (mut added, mut labelled) = (Ok(Action::AwaitChange), Ok(()));
        if !is_going(guest) && !is_going(host) {
            added = self.add_containers(key, guest, host).await;
            let kind = ApiResource::erase::<Pod>(&());
            labelled = host_metadata::show(&self.context, &kind, key, &guest.metadata, &host.metadata).await;
        }
        // Last: a refusal becomes an Event, and holds nothing else up.
        updated.and(labelled)?;
        added
    }

    /// Adds the ephemeral containers of the running guest pod, once all that they name may be read on the host.
    async fn add_containers(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<Action, ReconcileError> {
        let given = (guest.spec.as_ref()).and_then(|spec| spec.ephemeral_containers.as_ref());
        if given.is_none_or(Vec::is_empty) {
            return Ok(Action::AwaitChange);
        }
        if let Some(what) = self.admit(&needs::of_added_containers(guest, Some(host)))? {
            return Ok(Action::WaitFor(what));
        }
        let added: Vec<_> = needs::added_containers(guest, Some(host)).collect();
        let charge = (!added.is_empty()).then(|| self.charge_for_more(key, host, &added));
        let charge = charge.transpose()?;
        self.add_ephemeral(key, guest, host).await?;
        if let Some(charge) = charge {
            charge.keep();
        }
        Ok(Action::AwaitChange)
    }

    /// Charges the budget for the additions to a host pod.
    fn charge_for_more(
        &self,
        key: &Key,
        host: &Pod,
        more: &impl Serialize,
    ) -> Result<Charge, ReconcileError> {
        let charge = self.ledger.charge(key, size_of(host) + size_of(more), true);
        charge.map_err(|over| ReconcileError::over(&format!("change pod {key} on the host"), &over))
    }

    async fn update(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let dns = self.services.dns();
        let mut wanted = self.translated(guest, dns.as_deref());
        let mut resized = Ok(());
        if update::is_changed(&wanted, host) {
            resized = self.resize(key, &wanted, host).await;
        }
        if resized.is_err() {
            update::leave_unheard(&mut wanted, host);
        }
        update::keep_former_annotations(&mut wanted, host);
        let Some(patch) = update::patch(&wanted, host) else {
            return resized;
        };
        let charge = self.charge_for_more(key, host, &patch)?;
        self.context.metrics().write("host", "Pod", "patch");
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let hosts: Api<Pod> = self.context.host_api(&key.namespace);
        unless_gone(
            hosts
                .patch_metadata(&key.name, &params, &Patch::Strategic(patch))
                .await,
        )
        .attempting(|| format!("change pod {key} on the host"))?;
        charge.keep();
        resized
    }

    /// Copies the guest's readiness gates to the mirror: the host's kubelet decides whether the pod is ready.
    async fn pass_gates(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let conditions = gates::to_tell(guest, host);
        if conditions.is_empty() {
            return Ok(());
        }
        let body = json!({"metadata": {"uid": host.uid()}, "status": {"conditions": conditions}});
        self.context.metrics().write("host", "Pod", "status");
        let hosts: Api<Pod> = self.context.host_api(&key.namespace);
        unless_gone(
            hosts
                .patch_status(&key.name, &PatchParams::default(), &Patch::Strategic(body))
                .await,
        )
        .attempting(|| format!("tell the host which gates of pod {key} are open"))
    }

    /// Binds a guest pod to the node of its host pod, unless it is bound or being deleted.
    pub(crate) async fn bind(
        &self,
        key: &Key,
        guest: &Pod,
        host: &Pod,
        node: &str,
    ) -> Result<(), ReconcileError> {
        if guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) || is_going(guest) {
            self.nodes.expect(node);
            return Ok(());
        }
        self.nodes
            .ensure(
                node,
                host.status.as_ref().and_then(|status| status.host_ip.as_deref()),
            )
            .await?;
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid: guest.uid(),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        self.context.metrics().write("guest", "Pod", "bind");
        let guests: Api<Pod> = self.context.guest_api(&key.namespace);
        let bound: Result<kube::core::Status, _> = guests
            .create_subresource("binding", &key.name, &PostParams::default(), &binding)
            .await;
        if refusal(&bound).is_some_and(kube::core::Status::is_conflict) {
            // It is bound already, and the watch has yet to say so.
            return Ok(());
        }
        unless_gone(bound).attempting(|| format!("bind pod {key} to node {node} in the guest"))
    }

    fn translated(&self, guest: &Pod, dns: Option<&str>) -> Pod {
        translate::host_pod(guest, &self.surroundings(guest, dns))
    }

    fn surroundings<'a>(&'a self, guest: &'a Pod, dns: Option<&'a str>) -> Surroundings<'a> {
        let config = self.context.config();
        let class = (guest.spec.as_ref()).and_then(|spec| spec.priority_class_name.as_deref());
        let shown = |class: &&str| (self.priority_classes.iter()).any(|classes| classes.shows(class));
        Surroundings {
            tenant: &config.tenant,
            api_server: config.api_server_service_ip,
            cluster_domain: &config.cluster_domain,
            dns,
            priority_class: class.filter(shown),
            account: self.account(guest),
        }
    }

    /// Returns the pod's service account, if it has a mirror.
    fn account<'a>(&self, guest: &'a Pod) -> Option<&'a str> {
        self.accounts.as_ref()?;
        let named = guest.spec.as_ref()?.service_account_name.as_deref()?;
        accounts::has_mirror(named).then_some(named)
    }

    async fn delete_host(&self, key: &Key, host: &Pod, grace: Option<i64>) -> Result<(), ReconcileError> {
        self.context.metrics().write("host", "Pod", "delete");
        delete(&self.context.host_api(&key.namespace), host, grace)
            .await
            .attempting(|| format!("delete pod {key} on the host"))
    }

    async fn delete_guest(&self, key: &Key, guest: &Pod, grace: Option<i64>) -> Result<(), ReconcileError> {
        self.context.metrics().write("guest", "Pod", "delete");
        delete(&self.context.guest_api(&key.namespace), guest, grace)
            .await
            .attempting(|| format!("delete pod {key} in the guest"))
    }

    fn forget(&self, key: &Key) {
        self.shown().remove(key);
        self.host.forget_deleted(key);
        self.reviewed().remove(key);
        self.ledger.forget(key);
    }

    fn reviewed(&self) -> MutexGuard<'_, HashMap<Key, String>> {
        self.reviewed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reconciler for Pods {
    fn name(&self) -> String {
        "pods".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.host.has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|pod| pod.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let guest = self.guest.get(key);
        if (guest.as_deref()).is_some_and(|pod| is_copy(&self.context, pod)) {
            self.host.forget_deleted(key);
            return Ok(Action::AwaitChange);
        }
        if !self.host.has_listed_namespace(&key.namespace) {
            return match guest {
                Some(guest) if is_going(&guest) && self.has_none_on_host(key, &guest) => {
                    self.end(key, &guest).await
                }
                _ => Ok(Action::NotSynced),
            };
        }
        let host = self.host.get(key);
        let ours = host
            .as_deref()
            .and_then(|pod| ownership::owner_of(&pod.metadata, &ApiResource::erase::<Pod>(&())));
        match (guest, host, ours) {
            (None, Some(host), Some(_)) => {
                self.forget(key);
                if !is_going(&host) {
                    self.delete_host(key, &host, None).await?;
                }
                Ok(Action::AwaitChange)
            }
            (None, ..) => {
                self.forget(key);
                Ok(Action::AwaitChange)
            }
            (Some(guest), None, _) => self.create(key, &guest).await,
            (Some(guest), Some(_), None) if is_going(&guest) => self.end(key, &guest).await,
            (Some(_), Some(_), None) => Err(ReconcileError::Refused(format!(
                "the host has a pod {} that is not this virtual cluster's: it is left as it is",
                key.name
            ))),
            (Some(guest), Some(host), Some(ours)) if guest.metadata.uid.as_ref() != Some(&ours.uid) => {
                if !is_going(&host) {
                    self.delete_host(key, &host, None).await?;
                }
                Ok(Action::WaitFor("the pod of that name before it to be gone"))
            }
            (Some(guest), Some(host), Some(_)) => self.keep(key, &guest, &host).await,
        }
    }
}

/// Returns true if a guest pod is a copy of a foreign host pod.
fn is_copy(context: &Context, guest: &Pod) -> bool {
    context.is_copy(&ApiResource::erase::<Pod>(&()), &guest.metadata)
}

pub(crate) fn is_going(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

/// Returns true if a pod has reached its last phase.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}

/// Returns true if a guest pod has had a mirror: only a pod that ran, or that the syncer bound, has these fields. The tenant may
/// have written the name of a node itself.
fn was_bound(guest: &Pod) -> bool {
    let Some(status) = &guest.status else { return false };
    let scheduled = (status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "PodScheduled" && condition.status == "True");
    let bound = guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    bound && (scheduled || status.start_time.is_some())
}

/// Deletes exactly this pod, not a later one of the same name.
pub(crate) async fn delete(pods: &Api<Pod>, pod: &Pod, grace: Option<i64>) -> Result<(), kube::Error> {
    let params = delete::with_grace(&pod.metadata, grace);
    unless_gone(pods.delete(&pod.name_any(), &params).await)
}
