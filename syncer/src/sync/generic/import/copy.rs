//! The copy of a host object in the guest: created, updated with its status, and deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::value::to_raw_value;
use vcluster_values::patches::Json;

use super::{Importer, Sides, pod, secret};
use crate::sync::generic::custom_resources::Status;
use crate::sync::generic::export::without_status;
use crate::sync::generic::patch_rule::GuestNames;
use crate::sync::pods::status;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::Action;
use crate::sync::write::apply::Target;
use crate::sync::write::delete::{self, is_going};
use crate::sync::write::last_applied::Versions;
use crate::sync::write::object::{Body, Fields, Object};
use crate::sync::write::ownership;

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
    pub(super) async fn show(
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
        // A mark that the watch has yet to deliver says that the tenant has deleted the copy.
        if guest.is_none() && (self.guest_has(key).await? || self.is_marked(key, host, life).await?) {
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
            // The mark changes the host object, which requeues the key.
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
    pub(super) async fn guest_has(&self, key: &Key) -> Result<bool, ReconcileError> {
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
        let target = Target {
            api: &guests,
            kind: &self.kind,
            name: &key.name,
            there: guest,
        };
        self.context.metrics().write("guest", &self.kind.kind, "apply");
        let written = target.apply(&body, &self.written, key).await;
        if let (Some(status), Some(guest)) = (refusal(&written), guest)
            && status.is_invalid()
            && self.import.replace_on_conflict
        {
            // Without its mark, what the copy shows outlives it.
            if self.unmark(key, host).await? {
                self.delete_copy(key, guest).await?;
            }
            return Ok(None);
        }
        written
            .map(Some)
            .attempting(|| format!("show {} {key} of the host in the guest", self.kind.kind))
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
        let writer = self.context.in_guest(&self.kind, key);
        let changes = Json::replacement(ours, theirs);
        writer.merge_status(copy.metadata.uid.as_ref(), &changes).await
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

    /// Deletes a copy at once, as no kubelet would end it after its grace period.
    pub(super) async fn delete_copy(&self, key: &Key, guest: &ObjectMeta) -> Result<(), ReconcileError> {
        let is_pod = matches!(self.sides, Sides::Pods(_));
        if is_going(guest) && (!is_pod || guest.deletion_grace_period_seconds == Some(0)) {
            return Ok(());
        }
        self.end_copy(key, guest, is_pod.then_some(0)).await
    }

    pub(super) async fn end_copy(
        &self,
        key: &Key,
        guest: &ObjectMeta,
        grace: Option<i64>,
    ) -> Result<(), ReconcileError> {
        let writer = self.context.in_guest(&self.kind, key);
        writer.delete(&delete::with_grace(guest, grace)).await
    }
}

fn address(host: &Pod) -> Option<&str> {
    host.status.as_ref().and_then(|status| status.host_ip.as_deref())
}
