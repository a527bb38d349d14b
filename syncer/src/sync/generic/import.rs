//! Import of a configured kind: foreign objects in the tenant's host namespaces are shown in the guest.
//!
//! A copy is deleted with its original. The original is deleted with a copy that the tenant deletes. So that this is not missed
//! while the syncer is down, the host object is marked once its copy exists.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use vcluster_values::naming::{self, own};
use vcluster_values::patches::{self, Json};

use self::step::{Step, is_going, step};
use super::custom_resources::Status;
use super::export::without_status;
use super::patch_rule::{GuestNames, HostNames, PatchRule};
use crate::sync::config::Import;
use crate::sync::pods::{Pods, status};
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal, unless_gone};
use crate::sync::runtime::fault_injection::{self, Mutation};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::metadata;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::Place;
use crate::sync::write::delete;
use crate::sync::write::last_applied::{Versions, Written};
use crate::sync::write::object::{Body, Fields, Object};
use crate::sync::write::ownership;

/// The next step for one object.
mod step;

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
    written: Written,
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

/// The parts of a host object that are shown.
struct Sight {
    fields: Fields,
    status: Shown,
    /// The host object, if reverse patches may change it.
    whole: Option<Object>,
}

/// The source of a copy's status.
enum Shown {
    Value(Option<Json>),
    Pod(Arc<Pod>),
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
            written: Written::default(),
        }))
    }

    /// Handles a change that another reconciler has seen.
    pub(crate) fn seen(&self, change: &Change) {
        match change {
            Change::Object(key) => self.queue.add(key.clone()),
            Change::Complete => self.queue.begin_initial_sync(),
        }
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
        let (reconciler, known) = (self.clone(), guest.clone());
        let kind = self.kind.clone();
        let hosts = move |context: &Context, namespace: &str| {
            let namespace = context.tenant().host_namespace(namespace);
            Api::<PartialObjectMeta<Object>>::namespaced_with(context.host(), &namespace, &kind)
        };
        let changed = move |namespace: &str, change| match change {
            Change::Object(key) => reconciler.queue.add(key),
            Change::Complete => {
                for key in known.keys_in(namespace) {
                    reconciler.queue.add(key);
                }
            }
        };
        self.context
            .watch_hosts(&what, hosts, &watcher::Config::default(), host, metadata, changed);
    }

    async fn show(
        &self,
        key: &Key,
        guest: Option<&ObjectMeta>,
        host: &ObjectMeta,
        life: &str,
    ) -> Result<Action, ReconcileError> {
        let seen = guest.map(|guest| Versions {
            guest: guest.resource_version.clone(),
            host: host.resource_version.clone(),
        });
        if seen.is_some_and(|seen| self.written.is_at(key, &seen)) {
            return Ok(Action::AwaitChange);
        }
        // A copy that the watch has yet to deliver may be that of an earlier host object of the same name.
        if guest.is_none() && self.guest_has(key).await? {
            return Ok(Action::AwaitChange);
        }
        let Some(sight) = self.sight(key, host).await? else {
            return Ok(Action::AwaitChange);
        };
        let Some(copy) = self.apply(key, guest, host, &sight.fields).await? else {
            return Ok(Action::AwaitChange);
        };
        self.show_status(key, &copy, sight.status).await?;
        if let Some(theirs) = &sight.whole {
            self.send_back(key, theirs, &copy).await?;
        }
        if ownership::shown_in(host) != Some(life) {
            // What it changes comes back, and with it what else was changed meanwhile.
            self.mark(key, host, life).await?;
            return Ok(Action::AwaitChange);
        }
        let versions = Versions {
            guest: copy.metadata.resource_version,
            host: host.resource_version.clone(),
        };
        self.written.set(key, versions);
        Ok(Action::AwaitChange)
    }

    /// Returns true if the guest's API has an object of that name. The watch delivers it if the store does not have it.
    async fn guest_has(&self, key: &Key) -> Result<bool, ReconcileError> {
        let guests = self.context.guest_objects(&self.kind, &key.namespace);
        let found = guests.get_metadata_opt(&key.name).await;
        let found = found.attempting(|| format!("read {} {key} of the guest", self.kind.kind))?;
        Ok(found.is_some())
    }

    /// Reads the host object. Returns `None` if it is gone by now, or must not be shown.
    async fn sight(&self, key: &Key, host: &ObjectMeta) -> Result<Option<Sight>, ReconcileError> {
        if let Sides::Pods(pods) = &self.sides {
            let Some(theirs) = pods.host().get(key).filter(|pod| pod.metadata.uid == host.uid) else {
                return Ok(None);
            };
            let there = theirs.spec.as_ref().and_then(|spec| spec.node_name.clone());
            let node = match pods.guest().get(key) {
                // A pod that is there can only be bound.
                Some(copy) => copy.spec.as_ref().and_then(|spec| spec.node_name.clone()),
                None => there,
            };
            if let Some(node) = &node {
                pods.nodes().ensure(node, address(&theirs)).await?;
            }
            let unreadable = |source| ReconcileError::Unreadable {
                what: format!("pod {key} of the host"),
                source,
            };
            let spec = to_raw_value(&pod::spec(&theirs, node)).map_err(unreadable)?;
            return Ok(Some(Sight {
                fields: BTreeMap::from([("spec".to_owned(), spec)]),
                status: Shown::Pod(theirs),
                whole: None,
            }));
        }
        let hosts = self.context.host_objects(&self.kind, &key.namespace);
        let read = hosts.get_opt(&key.name).await;
        let read = read.attempting(|| format!("read {} {key} of the host", self.kind.kind))?;
        let Some(theirs) = read.filter(|object| object.metadata.uid == host.uid) else {
            return Ok(None);
        };
        if secret::is_of_the_host_alone(&self.kind, &theirs.fields) {
            return Ok(None);
        }
        let (fields, status) = match self.status {
            Status::None | Status::Field => ((*theirs.fields).clone(), None),
            Status::Subresource => (without_status(&theirs.fields), self.status_of(key, &theirs)?),
        };
        Ok(Some(Sight {
            fields,
            status: Shown::Value(status),
            whole: self.rule.has_reverse().then_some(theirs),
        }))
    }

    /// Writes the copy. Returns `None` if the old one had to be deleted first.
    async fn apply(
        &self,
        key: &Key,
        guest: Option<&ObjectMeta>,
        host: &ObjectMeta,
        fields: &Fields,
    ) -> Result<Option<Object>, ReconcileError> {
        let mut annotations = ownership::import_annotations(host, &self.kind);
        if matches!(self.sides, Sides::Pods(_)) {
            annotations.retain(|name, _| pod::may_pass(name));
        }
        let metadata = ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(key.namespace.clone()),
            // With its UID, a copy that was deleted meanwhile is not made by what is meant as a change.
            uid: guest.and_then(|guest| guest.uid.clone()),
            labels: Some(ownership::labels_of_copy(host)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        };
        let guests = self.context.guest_objects(&self.kind, &key.namespace);
        let there = match guest {
            Some(_) if self.rule.looks_across() => guests
                .get_opt(&key.name)
                .await
                .attempting(|| format!("read {} {key} of the guest", self.kind.kind))?,
            _ => None,
        };
        let names = GuestNames {
            context: &self.context,
        };
        let wanted = self.rule.forward(&metadata, fields, there.as_ref(), &names)?;
        let body = Body {
            kind: &self.kind,
            metadata: &wanted.metadata,
            fields: &wanted.fields,
        };
        let place = Place {
            api: &guests,
            kind: &self.kind,
            name: &key.name,
            there: guest,
        };
        self.context.metrics().write("guest", &self.kind.kind, "apply");
        let written = place.apply(&body, &self.written, key).await;
        if let (Some(status), Some(guest)) = (refusal(&written), guest)
            && status.is_invalid()
            && self.import.replace_on_conflict
        {
            // Without its mark, what the copy shows outlives it.
            self.unmark(key, host).await?;
            self.delete_copy(key, guest).await?;
            return Ok(None);
        }
        written
            .map(Some)
            .attempting(|| format!("show {} {key} of the host in the guest", self.kind.kind))
    }

    /// Changes the host object by the reverse patches, with values of the copy.
    async fn send_back(&self, key: &Key, host: &Object, copy: &Object) -> Result<(), ReconcileError> {
        let names = HostNames {
            context: &self.context,
            namespace: &key.namespace,
        };
        let (before, after) = self.rule.reverse(host, copy, &names)?;
        if before == after {
            return Ok(());
        }
        self.context.metrics().write("host", &self.kind.kind, "reverse");
        let hosts = self.context.host_objects(&self.kind, &key.namespace);
        let body = Patch::Merge(Json::replacement(Some(before), Some(after)));
        unless_gone(hosts.patch(&key.name, &PatchParams::default(), &body).await).attempting(|| {
            format!(
                "change {} {key} of the host by its reverse patches",
                self.kind.kind
            )
        })
    }

    async fn show_status(&self, key: &Key, copy: &Object, shown: Shown) -> Result<(), ReconcileError> {
        let unreadable = |source| ReconcileError::Unreadable {
            what: format!("the status of {key}"),
            source,
        };
        let theirs = match shown {
            Shown::Value(status) => status,
            Shown::Pod(host) => {
                let copy = Pod {
                    metadata: copy.metadata.clone(),
                    spec: copy.field("spec").map_err(unreadable)?,
                    status: copy.field("status").map_err(unreadable)?,
                };
                self.bind(key, &copy, &host).await?;
                let shown = status::shown(&copy, &host, status::Others::Go);
                let shown = serde_json::to_value(shown).map_err(unreadable)?;
                Some(Json::from(&shown))
            }
        };
        let ours = self.status_of(key, copy)?;
        if theirs == ours || theirs.is_none() {
            return Ok(());
        }
        let body = json!({"metadata": {"uid": copy.metadata.uid}, "status": Json::replacement(ours, theirs)});
        self.context.metrics().write("guest", &self.kind.kind, "status");
        let guests = self.context.guest_objects(&self.kind, &key.namespace);
        unless_gone(
            guests
                .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(body))
                .await,
        )
        .attempting(|| format!("show the status of {} {key} in the guest", self.kind.kind))
    }

    async fn bind(&self, key: &Key, copy: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let node = host.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        match (&self.sides, node) {
            (Sides::Pods(pods), Some(node)) => pods.bind(key, copy, host, node).await,
            _ => Ok(()),
        }
    }

    fn status_of(&self, key: &Key, object: &Object) -> Result<Option<Json>, ReconcileError> {
        object
            .field("status")
            .map_err(|source| ReconcileError::Unreadable {
                what: format!("the status of {} {key}", self.kind.kind),
                source,
            })
    }

    /// Marks the host object: the guest has a copy of it.
    async fn mark(&self, key: &Key, host: &ObjectMeta, life: &str) -> Result<(), ReconcileError> {
        let annotations = json!({
            naming::CONTROLLED_BY: ownership::importer(&self.kind),
            own::SYNCED_INTO: life,
        });
        self.annotate(key, host, annotations).await
    }

    async fn unmark(&self, key: &Key, host: &ObjectMeta) -> Result<(), ReconcileError> {
        let annotations = json!({naming::CONTROLLED_BY: null, own::SYNCED_INTO: null});
        self.annotate(key, host, annotations).await
    }

    async fn annotate(&self, key: &Key, host: &ObjectMeta, annotations: Value) -> Result<(), ReconcileError> {
        let body = json!({"metadata": {"uid": host.uid, "annotations": annotations}});
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        self.context.metrics().write("host", &self.kind.kind, "mark");
        let hosts = self.context.host_objects(&self.kind, &key.namespace);
        unless_gone(
            hosts
                .patch_metadata(&key.name, &params, &Patch::Merge(body))
                .await,
        )
        .attempting(|| format!("mark {} {key} of the host as shown in the guest", self.kind.kind))
    }

    /// Deletes a copy at once, as no kubelet would end it after its grace period.
    async fn delete_copy(&self, key: &Key, guest: &ObjectMeta) -> Result<(), ReconcileError> {
        if fault_injection::is(Mutation::KeepCopies) {
            return Ok(());
        }
        let is_pod = matches!(self.sides, Sides::Pods(_));
        if is_going(guest) && (!is_pod || guest.deletion_grace_period_seconds == Some(0)) {
            return Ok(());
        }
        self.end_copy(key, guest, is_pod.then_some(0)).await
    }

    async fn end_copy(
        &self,
        key: &Key,
        guest: &ObjectMeta,
        grace: Option<i64>,
    ) -> Result<(), ReconcileError> {
        self.context.metrics().write("guest", &self.kind.kind, "delete");
        let guests = self.context.guest_objects(&self.kind, &key.namespace);
        unless_gone(guests.delete(&key.name, &delete::with_grace(guest, grace)).await)
            .attempting(|| format!("delete {} {key} in the guest", self.kind.kind))
    }

    /// Deletes the original of a copy that the tenant has deleted. Either side may have changed since it was seen, or the copy
    /// may be about to be recreated, so both APIs are asked.
    async fn delete_host(
        &self,
        key: &Key,
        guest: Option<&ObjectMeta>,
        host: &ObjectMeta,
        grace: Option<i64>,
        life: &str,
    ) -> Result<(), ReconcileError> {
        if guest.is_none() && self.guest_has(key).await? {
            return Ok(());
        }
        let hosts = self.context.host_objects(&self.kind, &key.namespace);
        let now = hosts.get_metadata_opt(&key.name).await;
        let now = now.attempting(|| format!("read {} {key} of the host", self.kind.kind))?;
        let marked = now.filter(|now| ownership::shown_in(&now.metadata) == Some(life));
        let Some(now) = marked.filter(|now| now.metadata.uid == host.uid) else {
            return Ok(());
        };
        let mut params = delete::with_grace(host, grace);
        if let Some(preconditions) = &mut params.preconditions {
            preconditions.resource_version = now.metadata.resource_version;
        }
        self.context.metrics().write("host", &self.kind.kind, "delete");
        unless_gone(hosts.delete(&key.name, &params).await)
            .attempting(|| format!("delete {} {key} on the host", self.kind.kind))
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

fn address(host: &Pod) -> Option<&str> {
    host.status.as_ref().and_then(|status| status.host_ip.as_deref())
}
