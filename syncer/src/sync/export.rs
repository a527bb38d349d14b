//! Export of a configured kind: the guest's objects, kept on the host under their own names.
//!
//! The host object is written by server-side apply, so that fields which the guest drops vanish there, drift heals,
//! and what others add in fields of their own stays.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, PartialObjectMeta};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::{Value, json};

use super::cache::{Cache, Change};
use super::config::Export;
use super::engine::{Engine, MANAGER};
use super::failure::{Attempt, Failure, refusal, unless_gone};
use super::key::Key;
use super::kinds::{self, Status};
use super::marks::{self, HostName};
use super::object::{Applied, Body, Fields, Object};
use super::part::{Next, Part};
use super::queue::Queue;
use super::references::{References, Referrer};
use super::removal;
use super::watches::metadata;
use super::written::{Versions, Written};
use crate::naming;

/// Keeps one kind on the host.
#[derive(Debug)]
pub(crate) struct Exporter {
    engine: Engine,
    export: Export,
    kind: ApiResource,
    status: Status,
    guest: Arc<Cache<Object>>,
    host: Arc<Cache<ObjectMeta>>,
    queue: Arc<Queue>,
    references: Arc<References>,
    written: Written,
}

impl Exporter {
    /// Makes the part for a kind that both sides know; nothing runs yet.
    pub(crate) fn new(
        engine: &Engine,
        export: Export,
        kind: ApiResource,
        status: Status,
        references: Arc<References>,
    ) -> Arc<Self> {
        Arc::new(Self {
            engine: engine.clone(),
            export,
            kind,
            status,
            guest: Arc::default(),
            host: Arc::default(),
            queue: Arc::default(),
            references,
            written: Written::default(),
        })
    }

    /// Watches the kind on both sides.
    pub(crate) fn watch(self: &Arc<Self>) {
        let what = self.name();
        let part = self.clone();
        let guests: Api<Object> = Api::all_with(self.engine.guest(), &self.kind);
        self.engine.watch_guest(
            &what,
            guests,
            &self.guest,
            |object| object,
            move |change| match change {
                Change::Object(key) => {
                    part.refer(&key);
                    part.queue.add(key);
                }
                Change::Complete => {
                    part.references
                        .know(&kinds::name(&part.kind.api_version, &part.kind.kind));
                    part.queue.begin_first_pass();
                }
            },
        );
        let part = self.clone();
        let kind = self.kind.clone();
        let hosts = move |engine: &Engine, namespace: &str| {
            let namespace = engine.tenant().host_namespace(namespace);
            Api::<PartialObjectMeta<Object>>::namespaced_with(engine.host(), &namespace, &kind)
        };
        let changed = move |namespace: &str, change| match change {
            Change::Object(key) => part.queue.add(key),
            Change::Complete => {
                for key in part.guest.keys_in(namespace) {
                    part.queue.add(key);
                }
            }
        };
        self.engine.watch_hosts(
            &what,
            hosts,
            &watcher::Config::default(),
            &self.host,
            metadata,
            changed,
        );
    }

    /// Says which Secrets the object names, so that they are on the host for whoever resolves them there.
    fn refer(&self, key: &Key) {
        let guest = self.guest.get(key);
        let fields = guest
            .as_ref()
            .map(|object| object.fields.clone())
            .unwrap_or_default();
        self.references.set(
            &Referrer::exported(&self.kind, key),
            References::in_fields(key, &fields),
        );
    }

    async fn write(&self, key: &Key, guest: &Object, host: Option<&ObjectMeta>) -> Result<Next, Failure> {
        let now = |host: Option<String>| Versions {
            guest: guest.metadata.resource_version.clone(),
            host,
        };
        if host.is_some_and(|host| self.written.is_at(key, &now(host.resource_version.clone()))) {
            return Ok(Next::Idle);
        }
        let Some(written) = self.apply(key, guest, host).await? else {
            return Ok(Next::Idle);
        };
        if self.status == Status::Subresource {
            self.show_status(key, guest).await?;
        }
        self.written.set(key, now(written.resource_version));
        Ok(Next::Idle)
    }

    /// Writes the host object; nothing if it has to go first.
    async fn apply(
        &self,
        key: &Key,
        guest: &Object,
        host: Option<&ObjectMeta>,
    ) -> Result<Option<ObjectMeta>, Failure> {
        let hosts = self.engine.host_objects(&self.kind, &key.namespace);
        let metadata = self.host_metadata(key, guest, host);
        let fields = without_status(&guest.fields);
        let body = Body {
            kind: &self.kind,
            metadata: &metadata,
            fields: &fields,
        };
        // Unforced, an object that somebody else has made meanwhile is not taken over.
        let params = PatchParams::apply(MANAGER);
        let params = if host.is_some() { params.force() } else { params };
        self.engine.metrics().write("host", &self.kind.kind, "apply");
        let written = hosts
            .patch_metadata(&key.name, &params, &Patch::Apply(Applied(&body)))
            .await;
        if let (Some(status), Some(host)) = (refusal(&written), host)
            && status.is_invalid()
            && self.export.replace_on_conflict
        {
            self.disown(key, host).await?;
            return Ok(None);
        }
        let written = written.attempting(|| format!("write {} {key} to the host", self.kind.kind))?;
        Ok(Some(written.metadata))
    }

    /// Makes a host object one whose guest object is gone. So it is deleted, and somebody who holds it there does not
    /// take the guest's with it.
    async fn disown(&self, key: &Key, host: &ObjectMeta) -> Result<(), Failure> {
        let hosts = self.engine.host_objects(&self.kind, &key.namespace);
        let body = json!({"metadata": {"uid": host.uid, "annotations": {naming::OBJECT_UID: ""}}});
        self.engine.metrics().write("host", &self.kind.kind, "disown");
        unless_gone(
            hosts
                .patch_metadata(&key.name, &PatchParams::default(), &Patch::Merge(body))
                .await,
        )
        .attempting(|| format!("give up {} {key} on the host to make it anew", self.kind.kind))
    }

    fn host_metadata(&self, key: &Key, guest: &Object, host: Option<&ObjectMeta>) -> ObjectMeta {
        let namespace = self.engine.tenant().host_namespace(&key.namespace);
        let name = HostName {
            namespace: &namespace,
            name: &key.name,
        };
        let mut annotations = marks::annotations(&guest.metadata, &self.kind, &name);
        annotations.insert(naming::CONTROLLED_BY.to_owned(), marks::exporter(&self.kind));
        ObjectMeta {
            name: Some(key.name.clone()),
            namespace: Some(namespace.clone()),
            // With its UID, an object that was deleted meanwhile is not made by what is meant as a change.
            uid: host.and_then(|host| host.uid.clone()),
            labels: Some(marks::labels(&guest.metadata)),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        }
    }

    async fn show_status(&self, key: &Key, guest: &Object) -> Result<(), Failure> {
        let hosts = self.engine.host_objects(&self.kind, &key.namespace);
        let read = hosts.get_opt(&key.name).await;
        let host = read.attempting(|| format!("read the status of {} {key}", self.kind.kind))?;
        let unreadable = |source| Failure::Unreadable {
            what: format!("the status of {key}"),
            source,
        };
        let theirs: Option<Value> = match &host {
            Some(host) => host.field("status").map_err(unreadable)?,
            None => None,
        };
        let ours: Option<Value> = guest.field("status").map_err(unreadable)?;
        if theirs == ours || theirs.is_none() {
            return Ok(());
        }
        let guests = self.engine.guest_objects(&self.kind, &key.namespace);
        let body = json!({"metadata": {"uid": guest.metadata.uid}, "status": replaced(ours, theirs)});
        self.engine.metrics().write("guest", &self.kind.kind, "status");
        unless_gone(
            guests
                .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(body))
                .await,
        )
        .attempting(|| format!("show the status of {} {key} in the guest", self.kind.kind))
    }

    async fn delete_host(&self, key: &Key, host: &ObjectMeta) -> Result<(), Failure> {
        let hosts = self.engine.host_objects(&self.kind, &key.namespace);
        let params = removal::of(host);
        self.engine.metrics().write("host", &self.kind.kind, "delete");
        unless_gone(hosts.delete(&key.name, &params).await)
            .attempting(|| format!("delete {} {key} on the host", self.kind.kind))
    }

    async fn delete_guest(&self, key: &Key, guest: &Object) -> Result<(), Failure> {
        let guests = self.engine.guest_objects(&self.kind, &key.namespace);
        let params = removal::of(&guest.metadata);
        self.engine.metrics().write("guest", &self.kind.kind, "delete");
        unless_gone(guests.delete(&key.name, &params).await)
            .attempting(|| format!("delete {} {key} in the guest", self.kind.kind))
    }

    fn wanted(&self, key: &Key) -> Option<Arc<Object>> {
        let guest = self.guest.get(key)?;
        let labels = guest.metadata.labels.as_ref();
        let selected = (self.export.selector.iter())
            .all(|(name, value)| labels.and_then(|labels| labels.get(name)) == Some(value));
        let stays =
            guest.metadata.deletion_timestamp.is_none() && !self.engine.is_copy(&self.kind, &guest.metadata);
        (selected && stays).then_some(guest)
    }
}

impl Part for Exporter {
    fn name(&self) -> String {
        format!("export of {}", self.kind.kind)
    }

    fn queue(&self) -> &Queue {
        &self.queue
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|object| object.object_ref(&self.kind))
    }

    async fn look(&self, key: &Key) -> Result<Next, Failure> {
        if !self.host.covers_namespace(&key.namespace) {
            return Ok(Next::Uncovered);
        }
        let host = self.host.get(key);
        let ours = host.as_deref().and_then(marks::guest_of);
        match (self.wanted(key), host, ours) {
            (None, Some(host), Some(_)) => {
                self.written.forget(key);
                if host.deletion_timestamp.is_none() {
                    self.delete_host(key, &host).await?;
                }
                Ok(Next::Idle)
            }
            (None, ..) => {
                self.written.forget(key);
                Ok(Next::Idle)
            }
            (Some(_), Some(_), None) => Err(Failure::Refused(format!(
                "the host has a {} {} that is not this virtual cluster's: it is left as it is",
                self.kind.kind, key.name
            ))),
            (Some(guest), Some(host), Some(ours)) if host.deletion_timestamp.is_some() => {
                // Deleted on the host and held there, it goes from the guest too, as with vcluster. What nobody holds
                // is made anew once it is gone, and so is what the guest has made anew meanwhile.
                let is_held = host.finalizers.as_ref().is_some_and(|held| !held.is_empty());
                if is_held && guest.metadata.uid.as_ref() == Some(&ours.uid) {
                    self.delete_guest(key, &guest).await?;
                }
                Ok(Next::Idle)
            }
            (Some(guest), Some(host), Some(ours)) if guest.metadata.uid.as_ref() != Some(&ours.uid) => {
                self.delete_host(key, &host).await?;
                Ok(Next::Idle)
            }
            (Some(guest), host, _) => self.write(key, &guest, host.as_deref()).await,
        }
    }
}

/// All fields but the status.
pub(crate) fn without_status(fields: &Fields) -> Fields {
    fields
        .iter()
        .filter(|(name, _)| *name != "status")
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// A merge patch that turns one value into another: what the old one has beyond the new is set to null.
pub(crate) fn replaced(old: Option<Value>, new: Option<Value>) -> Value {
    match (old, new) {
        (Some(Value::Object(old)), Some(Value::Object(mut new))) => {
            for (name, value) in old {
                let merged = match (value, new.remove(&name)) {
                    (value @ Value::Object(_), Some(later @ Value::Object(_))) => {
                        replaced(Some(value), Some(later))
                    }
                    (_, later) => later.unwrap_or(Value::Null),
                };
                new.insert(name, merged);
            }
            Value::Object(new)
        }
        (_, new) => new.unwrap_or(Value::Null),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replacement_nulls_what_is_gone_at_any_depth() {
        let old = json!({"phase": "Pending", "loadBalancer": {"ingress": [1]}, "message": "m"});
        let new = json!({"phase": "Running", "loadBalancer": {}});
        let patch = json!({"phase": "Running", "loadBalancer": {"ingress": null}, "message": null});
        assert_eq!(replaced(Some(old), Some(new)), patch);
    }
}
