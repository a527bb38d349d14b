//! The context that all reconcilers share.

use std::sync::Arc;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, PartialObjectMeta};
use kube::{Api, Client, Resource as Kind};
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vcluster_values::admission::Resource;
use vcluster_values::naming::Tenant;

use super::budget::Budget;
use super::error::ReconcileError;
use super::informer::{Scope, Store};
use super::key::Key;
use super::metrics::Metrics;
use super::recorder::EventRecorder;
use super::watched_namespaces::WatchedNamespaces;
use super::work_queue::WorkQueue;
use crate::sync::config::{Config, Import};
use crate::sync::from_host::projections;
use crate::sync::write::object::Object;
use crate::sync::write::ownership;

/// The field manager of all writes.
pub(crate) const MANAGER: &str = "vcluster-syncer";

/// Configuration, clients, stores, recorder and metrics of the engine; cheap to clone.
#[derive(Clone)]
pub(crate) struct Context(Arc<Inner>);

struct Inner {
    config: Config,
    host: Client,
    guest: Client,
    metrics: Metrics,
    recorder: EventRecorder,
    budget: Budget,
    watched_namespaces: WatchedNamespaces,
    namespaces: Arc<WorkQueue>,
    guest_namespaces: Arc<Store<Namespace>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl std::fmt::Debug for Context {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Context({})", self.0.config.tenant.name())
    }
}

impl Context {
    /// Creates the context; nothing is read or written yet.
    pub(crate) fn new(
        config: Config,
        host: Client,
        guest: Client,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Self {
        let recorder = EventRecorder::new(guest.clone());
        let budget = Budget::new(config.limits);
        metrics.gauges().budget(&budget);
        Self(Arc::new(Inner {
            config,
            host,
            guest,
            metrics,
            recorder,
            budget,
            watched_namespaces: WatchedNamespaces::new(stop.clone()),
            namespaces: Arc::default(),
            guest_namespaces: Arc::default(),
            tasks: TaskTracker::new(),
            stop,
        }))
    }

    /// Returns the configuration.
    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    /// Returns the virtual cluster.
    pub(crate) fn tenant(&self) -> &Tenant {
        &self.0.config.tenant
    }

    /// Returns a client for the host.
    pub(crate) fn host(&self) -> Client {
        self.0.host.clone()
    }

    /// Returns a client for the guest.
    pub(crate) fn guest(&self) -> Client {
        self.0.guest.clone()
    }

    /// Returns the API of a kind in the host namespace of a guest namespace.
    pub(crate) fn host_api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Kind<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.host(), &self.tenant().host_namespace(namespace))
    }

    /// Returns the API of a kind in a guest namespace.
    pub(crate) fn guest_api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Kind<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.guest(), namespace)
    }

    /// Returns the API of a kind that is known at run time, in the host namespace of a guest namespace.
    pub(crate) fn host_objects(&self, kind: &ApiResource, namespace: &str) -> Api<Object> {
        Api::namespaced_with(self.host(), &self.tenant().host_namespace(namespace), kind)
    }

    /// Returns the API of the metadata of such a kind there.
    pub(crate) fn host_metadata(
        &self,
        kind: &ApiResource,
        namespace: &str,
    ) -> Api<PartialObjectMeta<Object>> {
        Api::namespaced_with(self.host(), &self.tenant().host_namespace(namespace), kind)
    }

    /// Returns the API of a kind that is known at run time, in a guest namespace.
    pub(crate) fn guest_objects(&self, kind: &ApiResource, namespace: &str) -> Api<Object> {
        Api::namespaced_with(self.guest(), namespace, kind)
    }

    /// Returns true if a guest object is a copy of a host object. On kinds that are not imported, the annotations that say so are
    /// the tenant's own and mean nothing.
    pub(crate) fn is_copy(&self, kind: &ApiResource, guest: &ObjectMeta) -> bool {
        (ownership::is_imported(guest) || projections::is_marked(guest)) && self.is_imported(kind)
    }

    /// Returns true if a kind is imported: the guest shows foreign objects in the tenant's host namespaces.
    pub(crate) fn is_imported(&self, kind: &ApiResource) -> bool {
        let is_of = |import: &Import| import.api_version == kind.api_version && import.kind == kind.kind;
        self.config().imports.iter().any(is_of)
    }

    /// Refuses an object that the host's policies would refuse; the error names the field and the reason.
    pub(crate) fn admit(&self, resource: Resource, object: &impl Serialize) -> Result<(), ReconcileError> {
        let violations = self.config().admission.violations(resource, object);
        if violations.is_empty() {
            return Ok(());
        }
        Err(ReconcileError::Refused(format!(
            "not created on the host: {}. Remove the field, or ask the host's administrator to allow it in the values \
             of this virtual cluster",
            violations.join("; ")
        )))
    }

    /// Returns the metrics.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Returns the recorder of Events in the guest.
    pub(crate) fn recorder(&self) -> &EventRecorder {
        &self.0.recorder
    }

    /// Returns the budget of bytes on the host.
    pub(crate) fn budget(&self) -> &Budget {
        &self.0.budget
    }

    /// Returns the host namespaces that are watched.
    pub(crate) fn watched_namespaces(&self) -> &WatchedNamespaces {
        &self.0.watched_namespaces
    }

    /// Returns the work queue of guest namespaces.
    pub(crate) fn namespaces(&self) -> &Arc<WorkQueue> {
        &self.0.namespaces
    }

    /// Returns the store of the guest's namespaces.
    pub(crate) fn guest_namespaces(&self) -> &Arc<Store<Namespace>> {
        &self.0.guest_namespaces
    }

    /// Returns true if the guest is known to have no such namespace.
    pub(crate) fn is_without(&self, namespace: &str) -> bool {
        let known = self.guest_namespaces();
        known.has_listed(&Scope::Everything) && known.get(&Key::new("", namespace)).is_none()
    }

    /// Requeues a guest namespace, because its host namespace was missing.
    pub(crate) fn recheck_namespace(&self, namespace: &str) {
        self.namespaces().add(Key::new("", namespace));
    }

    /// Returns the background tasks.
    pub(crate) fn tasks(&self) -> &TaskTracker {
        &self.0.tasks
    }

    /// Returns the token that stops the engine.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.0.stop
    }
}
