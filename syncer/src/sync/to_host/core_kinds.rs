//! Kubernetes' own kinds whose guest objects have mirrors on the host, under the same names.
//!
//! There is one reconciler per kind; a [`Translation`] has the differences between the kinds. The mirror is written by server-side
//! apply, so that fields which the host's controllers add stay.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::json;
use serde_json::value::to_raw_value;
use vcluster_values::kinds::{self, CoreKind};
use vcluster_values::patches::Json;

use self::translation::{Status, Translation};
pub(crate) use self::translation::{accounts, resource};
use super::decide::Step;
use super::references::{Need, References, Referrer};
use super::steps::Pair;
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::unmet::Unmet;
use crate::sync::runtime::watches::with_guest_keys;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::Target;
use crate::sync::write::host_metadata;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::object::{Body, Fields, Object};
use crate::sync::write::ownership::{self, Guest, HostName};

/// Differences between the kinds.
mod translation;

/// Reconciler of one kind.
#[derive(Debug)]
pub(crate) struct CoreKindReconciler {
    context: Context,
    translation: Box<dyn Translation>,
    kind: ApiResource,
    guest: Arc<Store<Object>>,
    host: Arc<Store<Object>>,
    queue: WorkQueue,
    references: Arc<References>,
    written: LastApplied,
    unmet: Unmet,
}

impl CoreKindReconciler {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context, kind: CoreKind, references: &Arc<References>) -> Arc<Self> {
        let translation = translation::of(kind);
        let kind = translation.kind();
        references.expect(&kinds::shown(&kind.api_version, &kind.kind));
        Arc::new(Self {
            context: context.clone(),
            translation,
            kind,
            guest: Arc::default(),
            host: Arc::default(),
            queue: WorkQueue::default(),
            references: references.clone(),
            written: LastApplied::on_host(context.budget()),
            unmet: Unmet::default(),
        })
    }

    /// Returns the guest's objects.
    pub(crate) fn guest(&self) -> &Store<Object> {
        &self.guest
    }

    /// Returns the host's objects in the tenant's namespaces.
    pub(crate) fn host(&self) -> &Store<Object> {
        &self.host
    }

    /// Returns true if an object has its mirror on the host, and no foreign object has that name. Fails if the mirror can't be
    /// created until somebody changes something.
    pub(crate) fn have_made(&self, key: &Key) -> Result<bool, ReconcileError> {
        let host = self.host.get(key);
        let made = host.is_some_and(|host| self.guest_of(&host).is_some());
        if !made {
            self.unmet.check(&self.kind.kind, key)?;
        }
        Ok(made)
    }

    /// Returns the owner of a host object.
    fn guest_of(&self, host: &Object) -> Option<Guest> {
        ownership::owner_of(&host.metadata, &self.kind)
    }

    /// Returns true if this is the reconciler of a kind.
    pub(crate) fn is_of(&self, kind: &ApiResource) -> bool {
        self.kind == *kind
    }

    /// Watches the kind on both sides. `seen` is called for each change of an object on either side, and when the guest has
    /// listed all of its objects.
    pub(crate) fn watch(self: &Arc<Self>, seen: impl Fn(&Change) + Clone + Send + Sync + 'static) {
        let what = self.name();
        let (reconciler, tell) = (self.clone(), seen.clone());
        let guests: Api<Object> = Api::all_with(self.context.guest(), &self.kind);
        let changed = move |change| {
            match &change {
                Change::Object(key) => reconciler.refer(key),
                Change::Complete => reconciler
                    .references
                    .know(&kinds::shown(&reconciler.kind.api_version, &reconciler.kind.kind)),
            }
            tell(&change);
            reconciler.queue.guest_changed(change);
        };
        self.context
            .watch_guest(&what, guests, &self.guest, |object| object, changed);
        let (reconciler, kind) = (self.clone(), self.kind.clone());
        let hosts = move |context: &Context, namespace: &str| context.host_objects(&kind, namespace);
        let changed = with_guest_keys(&self.guest, move |key: Key| {
            reconciler.queue.add(key.clone());
            seen(&Change::Object(key));
        });
        let config = watcher::Config::default();
        self.context
            .watch_hosts(&what, hosts, &config, &self.host, |object| object, changed);
    }

    /// Registers the Secrets that an object names, so that they are on the host.
    fn refer(&self, key: &Key) {
        let guest = self.guest.get(key);
        let named = guest.map(|guest| self.translation.references(key, &guest));
        let needs = named
            .into_iter()
            .flatten()
            .map(|reference| (reference, Need::Required));
        let referrer = Referrer::exported(&self.kind, key);
        self.references.set(&referrer, needs.collect());
    }

    async fn write(
        &self,
        key: &Key,
        guest: &Object,
        host: Option<&Object>,
    ) -> Result<Action, ReconcileError> {
        let now = |host: &Object| Versions {
            guest: guest.metadata.resource_version.clone(),
            host: host.metadata.resource_version.clone(),
        };
        if host.is_some_and(|host| self.written.is_at(key, &now(host))) {
            return Ok(Action::AwaitChange);
        }
        let host = self.apply(key, guest, host).await?;
        self.take_over(key, guest, &host).await?;
        if self.translation.status() == Status::Hosts {
            self.show_status(key, guest, &host).await?;
        }
        host_metadata::show(&self.context, &self.kind, key, &guest.metadata, &host.metadata).await?;
        self.written.set(key, now(&host));
        Ok(Action::AwaitChange)
    }

    async fn apply(
        &self,
        key: &Key,
        guest: &Object,
        host: Option<&Object>,
    ) -> Result<Object, ReconcileError> {
        let attempted = || format!("write {} {key} to the host", self.kind.kind);
        if host.is_none()
            && let Some(resource) = self.translation.admission()
        {
            let field = self.translation.field();
            let value = translation::field(guest, field).map_err(ReconcileError::Refused)?;
            self.context.admit(resource, &json!({field: value}))?;
        }
        let spec = self
            .translation
            .host_spec(guest, self.context.tenant())
            .map_err(ReconcileError::Refused)?;
        let spec = to_raw_value(&spec).map_err(|source| ReconcileError::Unreadable {
            what: format!("the spec of {} {key}", self.kind.kind),
            source,
        })?;
        let metadata = self.host_metadata(key, guest, host);
        let body = Body {
            kind: &self.kind,
            metadata: &metadata,
            fields: &Fields::from([(self.translation.field().to_owned(), spec)]),
        };
        let target = Target {
            api: &self.context.host_objects(&self.kind, &key.namespace),
            kind: &self.kind,
            name: &key.name,
            there: host.map(|host| &host.metadata),
        };
        self.context.metrics().write("host", &self.kind.kind, "apply");
        let written = target.apply(&body, &self.written, key).await;
        written.attempting(attempted)
    }

    fn host_metadata(&self, key: &Key, guest: &Object, host: Option<&Object>) -> ObjectMeta {
        let tenant = self.context.tenant();
        let namespace = tenant.host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let mut annotations = ownership::annotations(&guest.metadata, &self.kind, &name);
        self.translation.annotate(&mut annotations, tenant);
        ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(namespace.clone()),
            // With its UID, an object that was deleted meanwhile is not made by what is meant as a change.
            uid: host.and_then(|host| host.metadata.uid.clone()),
            labels: Some(ownership::labels(&guest.metadata)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    async fn take_over(&self, key: &Key, guest: &Object, host: &Object) -> Result<(), ReconcileError> {
        let Some(mut patch) = self.translation.decided(guest, host) else {
            return Ok(());
        };
        patch["metadata"]["uid"] = json!(guest.metadata.uid);
        let writer = self.context.in_guest(&self.kind, key);
        writer.merge("patch", &patch, "as the host decided").await
    }

    async fn show_status(&self, key: &Key, guest: &Object, host: &Object) -> Result<(), ReconcileError> {
        let unreadable = |source| ReconcileError::Unreadable {
            what: format!("the status of {} {key}", self.kind.kind),
            source,
        };
        let theirs: Option<Json> = host.field("status").map_err(unreadable)?;
        let ours: Option<Json> = guest.field("status").map_err(unreadable)?;
        if theirs == ours || theirs.is_none() {
            return Ok(());
        }
        let writer = self.context.in_guest(&self.kind, key);
        let changes = Json::replacement(ours, theirs);
        writer.merge_status(guest.metadata.uid.as_ref(), &changes).await
    }

    async fn converge(&self, key: &Key) -> Result<Action, ReconcileError> {
        if !self.host.has_listed_namespace(&key.namespace) {
            return Ok(Action::NotSynced);
        }
        let (guest, host) = (self.wanted(key), self.host.get(key));
        let pair = Pair {
            kind: &self.kind,
            key,
            guest: guest.as_deref().map(|guest| &guest.metadata),
            host: host.as_deref().map(|host| &host.metadata),
        };
        if guest.is_none() {
            self.written.forget(key);
        }
        match (pair.step(), &guest) {
            (Step::Write, Some(guest)) if host.is_none() && self.translation.stands_and_falls(guest) => {
                pair.take(Step::DeleteGuest, &self.context).await
            }
            (Step::Write, Some(guest)) => self.write(key, guest, host.as_deref()).await,
            (step, _) => pair.take(step, &self.context).await,
        }
    }

    /// Returns the guest object, if it should have a mirror.
    fn wanted(&self, key: &Key) -> Option<Arc<Object>> {
        let guest = self.guest.get(key)?;
        let goes = guest.metadata.deletion_timestamp.is_some();
        let stays = self.translation.stays(&guest) || self.context.is_copy(&self.kind, &guest.metadata);
        (!goes && !stays).then_some(guest)
    }
}

impl Reconciler for CoreKindReconciler {
    fn name(&self) -> String {
        self.translation.plural().to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn has_synced(&self, namespace: &str) -> bool {
        self.host.has_delivered_namespace(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|object| object.object_ref(&self.kind))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let result = self.converge(key).await;
        self.unmet.note(key, &result);
        result
    }
}
