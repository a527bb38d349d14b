//! Import of a configured kind: foreign objects in the tenant's host namespaces are shown in the guest.
//!
//! A copy is deleted with its original. The original is deleted with a copy that the tenant deletes. So that this is not missed
//! while the syncer is down, the host object is marked once its copy exists.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource};
use vcluster_values::patches;

use self::step::{Step, step};
use super::custom_resources::Status;
use super::patch_rule::PatchRule;
use crate::sync::config::Import;
use crate::sync::pods::Pods;
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::{metadata, with_guest_keys};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::last_applied::LastApplied;
use crate::sync::write::object::Object;
use crate::sync::write::ownership;

/// The next step for one object.
mod step;

/// The copy in the guest.
mod copy;

/// The original on the host.
mod original;

/// The copy of a pod.
mod pod;

/// The Secrets that are shown.
mod secret;

/// Reconciler of one imported kind.
#[derive(Debug)]
pub(crate) struct Importer {
    context: Context,
    import: Import,
    rule: PatchRule,
    kind: ApiResource,
    status: Status,
    sides: Sides,
    queue: WorkQueue,
    written: LastApplied,
}

/// The stores of the objects of both sides.
#[derive(Debug)]
enum Sides {
    /// Stores of its own.
    Own {
        guest: Arc<Store<ObjectMeta>>,
        host: Arc<Store<ObjectMeta>>,
    },
    /// The stores of the reconciler of pods.
    Pods(Arc<Pods>),
}

impl Sides {
    fn cover(&self, namespace: &str) -> bool {
        match self {
            Self::Own { host, .. } => host.has_listed_namespace(namespace),
            Self::Pods(pods) => pods.host().has_listed_namespace(namespace),
        }
    }

    fn has_synced(&self, namespace: &str) -> bool {
        match self {
            Self::Own { host, .. } => host.has_delivered_namespace(namespace),
            Self::Pods(pods) => pods.host().has_delivered_namespace(namespace),
        }
    }

    fn guest(&self, key: &Key) -> Option<ObjectMeta> {
        match self {
            Self::Own { guest, .. } => guest.get(key).map(|object| (*object).clone()),
            Self::Pods(pods) => pods.guest().get(key).map(|pod| pod.metadata.clone()),
        }
    }

    /// Returns a host object, if it is foreign.
    fn host(&self, key: &Key, kind: &ApiResource) -> Option<ObjectMeta> {
        let foreign = |object: &&ObjectMeta| ownership::owner_of(object, kind).is_none();
        match self {
            Self::Own { host, .. } => host.get(key).as_deref().filter(foreign).cloned(),
            Self::Pods(pods) => {
                let pod = pods.host().get(key)?;
                Some(&pod.metadata).filter(foreign).cloned()
            }
        }
    }
}

impl Importer {
    /// Creates the reconciler for a kind that both sides serve; nothing runs yet.
    ///
    /// # Errors
    ///
    /// A patch of the rule can't be read.
    pub(crate) fn of_kind(
        context: &Context,
        import: Import,
        kind: ApiResource,
        status: Status,
    ) -> Result<Arc<Self>, patches::Error> {
        let sides = Sides::Own {
            guest: Arc::default(),
            host: Arc::default(),
        };
        Self::new(context, import, kind, status, sides)
    }

    /// Creates the reconciler for pods. It shares the stores of the reconciler of pods and needs no watches of its own.
    ///
    /// # Errors
    ///
    /// A patch of the rule can't be read.
    pub(crate) fn of_pods(
        context: &Context,
        import: Import,
        pods: &Arc<Pods>,
    ) -> Result<Arc<Self>, patches::Error> {
        let kind = ApiResource::erase::<Pod>(&());
        Self::new(
            context,
            import,
            kind,
            Status::Subresource,
            Sides::Pods(pods.clone()),
        )
    }

    fn new(
        context: &Context,
        import: Import,
        kind: ApiResource,
        status: Status,
        sides: Sides,
    ) -> Result<Arc<Self>, patches::Error> {
        Ok(Arc::new(Self {
            context: context.clone(),
            rule: PatchRule::new(&import.patches, &import.reverse_patches)?,
            import,
            kind,
            status,
            sides,
            queue: WorkQueue::default(),
            written: LastApplied::default(),
        }))
    }

    /// Handles a change that another reconciler has seen.
    pub(crate) fn seen(&self, change: &Change) {
        self.queue.guest_changed(change.clone());
    }

    /// Watches the kind on both sides, unless another reconciler does.
    pub(crate) fn watch(self: &Arc<Self>) {
        let Sides::Own { guest, host } = &self.sides else {
            return;
        };
        let what = self.name();
        let reconciler = self.clone();
        let guests: Api<PartialObjectMeta<Object>> = Api::all_with(self.context.guest(), &self.kind);
        self.context
            .watch_guest(&what, guests, guest, metadata, move |change| {
                reconciler.seen(&change);
            });
        let reconciler = self.clone();
        let kind = self.kind.clone();
        let hosts = move |context: &Context, namespace: &str| context.host_metadata(&kind, namespace);
        let changed = with_guest_keys(guest, move |key| reconciler.queue.add(key));
        self.context
            .watch_hosts(&what, hosts, &watcher::Config::default(), host, metadata, changed);
    }
}

impl Reconciler for Importer {
    fn name(&self) -> String {
        format!("import of {}", self.kind.kind)
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    /// Returns true once the host objects of a namespace are known. An object that could not be shown has no copy to report on;
    /// the Event is on its namespace.
    fn has_synced(&self, namespace: &str) -> bool {
        self.sides.has_synced(namespace)
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        let Some(metadata) = self.sides.guest(key) else {
            let namespaces = self.context.guest_namespaces();
            let namespace = namespaces.get(&Key::new("", key.namespace.clone()))?;
            return Some(namespace.object_ref(&()));
        };
        let object = Object {
            metadata,
            ..Object::default()
        };
        Some(object.object_ref(&self.kind))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        // What the host calls otherwise than the guest, each side fills itself.
        if self.context.tenant().host_name(&key.namespace, &key.name) != key.name {
            return Ok(Action::AwaitChange);
        }
        if !self.sides.cover(&key.namespace) {
            return Ok(Action::NotSynced);
        }
        let namespaces = self.context.guest_namespaces();
        let namespace = namespaces.get(&Key::new("", key.namespace.clone()));
        let Some(life) = namespace.and_then(|namespace| namespace.metadata.uid.clone()) else {
            return Ok(Action::WaitFor("the guest's namespace to be known"));
        };
        let (guest, host) = (self.sides.guest(key), self.sides.host(key, &self.kind));
        let step = step(guest.as_ref(), host.as_ref(), &life);
        if step != Step::Show {
            self.written.forget(key);
        }
        match (step, guest, host) {
            (Step::Show, guest, Some(host)) => self.show(key, guest.as_ref(), &host, &life).await,
            (Step::Refuse, ..) => Err(ReconcileError::Refused(format!(
                "the host has a {kind} {} too, which is not shown: the guest's {kind} of that name is its own",
                key.name,
                kind = self.kind.kind,
            ))),
            (Step::DeleteCopy, Some(guest), _) => {
                self.delete_copy(key, &guest).await.map(|()| Action::AwaitChange)
            }
            // Only pods take their time; of other kinds, the copy stays until what it shows is gone.
            (Step::EndCopy(Some(grace)), Some(guest), _) => self
                .end_copy(key, &guest, Some(grace))
                .await
                .map(|()| Action::AwaitChange),
            (Step::DeleteHost(grace), guest, Some(host)) => self
                .delete_host(key, guest.as_ref(), &host, grace, &life)
                .await
                .map(|()| Action::AwaitChange),
            _ => Ok(Action::AwaitChange),
        }
    }
}
