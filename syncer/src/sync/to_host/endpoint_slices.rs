//! EndpointSlices of guest Services without a selector: somebody in the guest writes their endpoints.
//!
//! For Services with a selector, the host creates the EndpointSlices itself, from the pods there.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt};

use super::decide::Step;
use super::services::{Services, is_the_guests_alone};
use super::steps::Pair;
use crate::sync::from_host::projections;
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::informer::{Scope, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::{metadata, with_guest_keys};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::Target;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::ownership::{self, HostName};

/// Label: the Service of an EndpointSlice.
const SERVICE: &str = "kubernetes.io/service-name";

/// Label: the controller of an EndpointSlice. The host's own controllers do not change the syncer's.
const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Reconciler of EndpointSlices.
#[derive(Debug)]
pub(crate) struct EndpointSlices {
    context: Context,
    services: Arc<Services>,
    guest: Arc<Store<EndpointSlice>>,
    host: Arc<Store<ObjectMeta>>,
    queue: WorkQueue,
    written: LastApplied,
}

impl EndpointSlices {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context, services: &Arc<Services>) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            services: services.clone(),
            guest: Arc::default(),
            host: Arc::default(),
            queue: WorkQueue::default(),
            written: LastApplied::on_host(context.budget()),
        })
    }

    /// Watches EndpointSlices on both sides; on the host, only the syncer's own.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let guests: Api<EndpointSlice> = Api::all(self.context.guest());
        let keep = |mut slice: EndpointSlice| {
            if !is_by_hand(&slice) {
                slice.endpoints = None;
            }
            slice
        };
        let changed = move |change| reconciler.queue.guest_changed(change);
        self.context
            .watch_guest("EndpointSlices", guests, &self.guest, keep, changed);
        let reconciler = self.clone();
        let hosts = |context: &Context, namespace: &str| {
            context.host_api::<PartialObjectMeta<EndpointSlice>>(namespace)
        };
        let changed = with_guest_keys(&self.guest, move |key| reconciler.queue.add(key));
        let ours = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
        self.context
            .watch_hosts("EndpointSlices", hosts, &ours, &self.host, metadata, changed);
    }

    /// Requeues the EndpointSlices of a Service that has changed.
    pub(crate) fn recheck(&self, service: &Key) {
        for key in self.guest.keys_in(&service.namespace) {
            if self
                .guest
                .get(&key)
                .is_some_and(|slice| service_of(&slice).as_ref() == Some(service))
            {
                self.queue.add(key);
            }
        }
    }

    fn is_wanted(&self, slice: &EndpointSlice) -> bool {
        let service = service_of(slice).filter(|service| !is_the_guests_alone(service));
        let service = service.and_then(|service| self.services.guest().get(&service));
        let selects = |selector: &Option<_>| {
            selector
                .as_ref()
                .is_some_and(|labels: &std::collections::BTreeMap<_, _>| !labels.is_empty())
        };
        is_by_hand(slice)
            && slice.metadata.deletion_timestamp.is_none()
            && !self
                .context
                .is_copy(&ApiResource::erase::<EndpointSlice>(&()), &slice.metadata)
            && service
                .filter(|service| !projections::is_marked(&service.metadata))
                .is_some_and(|service| service.spec.as_ref().is_some_and(|spec| !selects(&spec.selector)))
    }

    async fn write(
        &self,
        key: &Key,
        guest: &EndpointSlice,
        host: Option<&ObjectMeta>,
    ) -> Result<Action, ReconcileError> {
        let now = |host: &ObjectMeta| Versions {
            guest: guest.resource_version(),
            host: host.resource_version.clone(),
        };
        if host.is_some_and(|host| self.written.is_at(key, &now(host))) {
            return Ok(Action::AwaitChange);
        }
        let namespace = self.context.tenant().host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let mut labels = ownership::labels(&guest.metadata);
        labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
        let mut mirror = EndpointSlice {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                uid: host.and_then(|host| host.uid.clone()),
                labels: Some(labels),
                annotations: Some(ownership::annotations(
                    &guest.metadata,
                    &ApiResource::erase::<EndpointSlice>(&()),
                    &name,
                )),
                ..ObjectMeta::default()
            },
            ..guest.clone()
        };
        for endpoint in mirror.endpoints.iter_mut().flatten() {
            endpoint.target_ref = None;
            endpoint.node_name = None;
        }
        let target = Target {
            api: &self.context.host_api::<EndpointSlice>(&key.namespace),
            kind: &ApiResource::erase::<EndpointSlice>(&()),
            name: &key.name,
            there: host,
        };
        self.context.metrics().write("host", "EndpointSlice", "apply");
        let written = target.apply_metadata(&mirror, &self.written, key).await;
        let written = written.attempting(|| format!("write EndpointSlice {key} to the host"))?;
        self.written.set(key, now(&written.metadata));
        Ok(Action::AwaitChange)
    }
}

impl Reconciler for EndpointSlices {
    fn name(&self) -> String {
        "EndpointSlices".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.host.has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|slice| slice.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let services_known = self.services.guest().has_listed(&Scope::Everything);
        if !self.host.has_listed_namespace(&key.namespace) || !services_known {
            return Ok(Action::NotSynced);
        }
        let guest = self.guest.get(key).filter(|slice| self.is_wanted(slice));
        let host = self.host.get(key);
        let kind = ApiResource::erase::<EndpointSlice>(&());
        let pair = Pair {
            kind: &kind,
            key,
            guest: guest.as_deref().map(|guest| &guest.metadata),
            host: host.as_deref(),
        };
        if guest.is_none() {
            self.written.forget(key);
        }
        match (pair.step(), &guest) {
            (Step::Write, Some(guest)) => self.write(key, guest, host.as_deref()).await,
            (step, _) => pair.take(step, &self.context).await,
        }
    }
}

fn service_of(slice: &EndpointSlice) -> Option<Key> {
    let namespace = slice.metadata.namespace.clone()?;
    Some(Key::new(namespace, slice.labels().get(SERVICE)?))
}

/// Returns true if an EndpointSlice was not made from a selector.
fn is_by_hand(slice: &EndpointSlice) -> bool {
    slice
        .labels()
        .get(MANAGED_BY)
        .is_none_or(|by| by != "endpointslice-controller.k8s.io")
}
