//! Export of a configured kind: guest objects have mirrors on the host, under their own names.
//!
//! The mirror is written by server-side apply. So fields that the guest removes are removed there, drift is corrected, and fields
//! that others have added stay.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::json;
use vcluster_values::kinds;
use vcluster_values::naming;
use vcluster_values::patches::{self, Json};

use super::custom_resources::Status;
use super::patch_rule::{HostNames, PatchRule};
use crate::sync::config::Export;
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::informer::{Change, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::{metadata, with_guest_keys};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::to_host::config_objects::ConfigObjects;
use crate::sync::to_host::decide::Step;
use crate::sync::to_host::references::{ConfigObject, References, Referrer, needs};
use crate::sync::to_host::steps::Pair;
use crate::sync::write::apply::Target;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::object::{Body, Fields, Object};
use crate::sync::write::ownership::{self, HostName};

/// Reconciler of one exported kind.
#[derive(Debug)]
pub(crate) struct Exporter {
    context: Context,
    export: Export,
    rule: PatchRule,
    kind: ApiResource,
    status: Status,
    guest: Arc<Store<Object>>,
    host: Arc<Store<ObjectMeta>>,
    queue: Arc<WorkQueue>,
    references: Arc<References>,
    secrets: Arc<ConfigObjects>,
    written: LastApplied,
}

impl Exporter {
    /// Creates the reconciler for a kind that both sides serve; nothing runs yet.
    ///
    /// # Errors
    ///
    /// A patch of the rule can't be read.
    pub(crate) fn new(
        context: &Context,
        export: Export,
        kind: ApiResource,
        status: Status,
        references: Arc<References>,
        secrets: Arc<ConfigObjects>,
    ) -> Result<Arc<Self>, patches::Error> {
        let queue: Arc<WorkQueue> = Arc::default();
        references.register(&kind, &queue);
        Ok(Arc::new(Self {
            context: context.clone(),
            rule: PatchRule::new(&export.patches, &export.reverse_patches)?,
            export,
            kind,
            status,
            guest: Arc::default(),
            host: Arc::default(),
            queue,
            references,
            secrets,
            written: LastApplied::on_host(context.budget()),
        }))
    }

    /// Watches the kind on both sides.
    pub(crate) fn watch(self: &Arc<Self>) {
        let what = self.name();
        let reconciler = self.clone();
        let guests: Api<Object> = Api::all_with(self.context.guest(), &self.kind);
        let changed = move |change| {
            match &change {
                Change::Object(key) => reconciler.refer(key),
                Change::Complete => reconciler
                    .references
                    .know(&kinds::shown(&reconciler.kind.api_version, &reconciler.kind.kind)),
            }
            reconciler.queue.guest_changed(change);
        };
        self.context
            .watch_guest(&what, guests, &self.guest, |object| object, changed);
        let reconciler = self.clone();
        let kind = self.kind.clone();
        let hosts = move |context: &Context, namespace: &str| context.host_metadata(&kind, namespace);
        let changed = with_guest_keys(&self.guest, move |key| reconciler.queue.add(key));
        self.context.watch_hosts(
            &what,
            hosts,
            &watcher::Config::default(),
            &self.host,
            metadata,
            changed,
        );
    }

    /// Registers the ConfigMaps and Secrets that the object names, so that they have mirrors for programs that read them on the
    /// host.
    fn refer(&self, key: &Key) {
        let guest = self.guest.get(key);
        let named = guest.map(|object| needs::of_exported(key, &object));
        let referrer = Referrer::exported(&self.kind, key);
        self.references.set(&referrer, named.unwrap_or_default());
    }

    async fn write(
        &self,
        key: &Key,
        guest: &Object,
        host: Option<&ObjectMeta>,
    ) -> Result<Action, ReconcileError> {
        let now = |host: Option<String>| Versions {
            guest: guest.metadata.resource_version.clone(),
            host,
        };
        if host.is_some_and(|host| self.written.is_at(key, &now(host.resource_version.clone()))) {
            return Ok(Action::AwaitChange);
        }
        for ((payload, named), need) in needs::of_exported(key, guest) {
            // A config map that only the host has may be read, so it is enough that the tenant's is kept there.
            if payload == ConfigObject::Secret
                && let Some(what) = self.secrets.admit(&named, need)?
            {
                return Ok(Action::WaitFor(what));
            }
        }
        let Some(written) = self.apply(key, guest, host).await? else {
            return Ok(Action::AwaitChange);
        };
        self.bring_back(key, guest, &written).await?;
        self.written.set(key, now(written.metadata.resource_version));
        Ok(Action::AwaitChange)
    }

    /// Returns true if anything of the host object is shown in the guest.
    fn brings_back(&self) -> bool {
        self.status != Status::None || self.rule.has_reverse()
    }

    /// Writes the mirror. Returns `None` if the old one has to be deleted first. The answer contains the object's fields only if
    /// they are needed.
    async fn apply(
        &self,
        key: &Key,
        guest: &Object,
        host: Option<&ObjectMeta>,
    ) -> Result<Option<Object>, ReconcileError> {
        let hosts = self.context.host_objects(&self.kind, &key.namespace);
        let there = match host {
            Some(_) if self.rule.looks_across() => hosts
                .get_opt(&key.name)
                .await
                .attempting(|| format!("read {} {key} of the host", self.kind.kind))?,
            _ => None,
        };
        let wanted = self.rule.forward(
            &self.host_metadata(key, guest, host),
            &without_status(&guest.fields),
            there.as_ref(),
            &self.names(key),
        )?;
        let body = Body {
            kind: &self.kind,
            metadata: &wanted.metadata,
            fields: &wanted.fields,
        };
        let target = Target {
            api: &hosts,
            kind: &self.kind,
            name: &key.name,
            there: host,
        };
        self.context.metrics().write("host", &self.kind.kind, "apply");
        let written = if self.brings_back() {
            target.apply(&body, &self.written, key).await
        } else {
            let written = target.apply_metadata(&body, &self.written, key).await;
            written.map(|written| Object {
                metadata: written.metadata,
                ..Object::default()
            })
        };
        if let (Some(status), Some(host)) = (refusal(&written), host)
            && status.is_invalid()
            && self.export.replace_on_conflict
        {
            self.disown(key, host).await?;
            return Ok(None);
        }
        let written = written.attempting(|| format!("write {} {key} to the host", self.kind.kind))?;
        Ok(Some(written))
    }

    fn names<'a>(&'a self, key: &'a Key) -> HostNames<'a> {
        HostNames {
            context: &self.context,
            namespace: &key.namespace,
        }
    }

    /// Marks a host object as the mirror of a guest object that is gone. So the host object is deleted. If a
    /// finalizer on the host holds it, the guest object is not deleted with it.
    async fn disown(&self, key: &Key, host: &ObjectMeta) -> Result<(), ReconcileError> {
        let changes = json!({"metadata": {"uid": host.uid, "annotations": {naming::OBJECT_UID: ""}}});
        let writer = self.context.on_host(&self.kind, key);
        writer.merge("disown", &changes, "for recreation").await
    }

    fn host_metadata(&self, key: &Key, guest: &Object, host: Option<&ObjectMeta>) -> ObjectMeta {
        let namespace = self.context.tenant().host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let mut annotations = ownership::annotations(&guest.metadata, &self.kind, &name);
        annotations.insert(naming::CONTROLLED_BY.to_owned(), ownership::exporter(&self.kind));
        ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(namespace.clone()),
            // With its UID, an object that was deleted meanwhile is not made by what is meant as a change.
            uid: host.and_then(|host| host.uid.clone()),
            labels: Some(ownership::labels(&guest.metadata)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    /// Writes to the guest what the mirror gives back: its status, and the results of reverse patches.
    async fn bring_back(&self, key: &Key, guest: &Object, host: &Object) -> Result<(), ReconcileError> {
        if !self.brings_back() {
            return Ok(());
        }
        let unreadable = |source| ReconcileError::Unreadable {
            what: format!("the status of {} {key}", self.kind.kind),
            source,
        };
        let guests = self.context.in_guest(&self.kind, key);
        let (mut before, mut after) = self.rule.reverse(guest, host, &self.names(key))?;
        if self.status != Status::None {
            let theirs: Option<Json> = host.field("status").map_err(unreadable)?;
            if let (Some(theirs), Json::Map(fields)) = (theirs, &mut after) {
                // What a reverse patch says of the status stands.
                let patched =
                    matches!(&before, Json::Map(before) if before.get("status") != fields.get("status"));
                if !patched {
                    fields.insert("status".to_owned(), theirs);
                }
            }
        }
        if self.status == Status::Subresource {
            let status = |object: &mut Json| match object {
                Json::Map(fields) => fields.remove("status"),
                _ => None,
            };
            let (ours, theirs) = (status(&mut before), status(&mut after));
            if ours != theirs && theirs.is_some() {
                let changes = Json::replacement(ours, theirs);
                guests.merge_status(guest.metadata.uid.as_ref(), &changes).await?;
            }
        }
        if before != after {
            let changes = Json::replacement(Some(before), Some(after));
            guests
                .merge("reverse", &changes, "by its reverse patches")
                .await?;
        }
        Ok(())
    }

    fn wanted(&self, key: &Key) -> Option<Arc<Object>> {
        let guest = self.guest.get(key)?;
        let labels = guest.metadata.labels.as_ref();
        let selected = (self.export.selector.iter())
            .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value));
        let stays =
            guest.metadata.deletion_timestamp.is_none() && !self.context.is_copy(&self.kind, &guest.metadata);
        (selected && stays).then_some(guest)
    }
}

impl Reconciler for Exporter {
    fn name(&self) -> String {
        format!("export of {}", self.kind.kind)
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
        if !self.host.has_listed_namespace(&key.namespace) {
            return Ok(Action::NotSynced);
        }
        let (guest, host) = (self.wanted(key), self.host.get(key));
        let pair = Pair {
            kind: &self.kind,
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

/// Returns all fields but the status.
pub(crate) fn without_status(fields: &Fields) -> Fields {
    fields
        .iter()
        .filter(|(name, _)| *name != "status")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
