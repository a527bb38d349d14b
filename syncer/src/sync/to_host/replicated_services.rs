//! Replication of Services of the guest to the host, by mappings of the host's administrator. Each has a Service and its
//! `Endpoints` on the host.
//!
//! The guest's pods have the addresses of their mirrors, so the guest's `Endpoints` are valid on both sides. A replica is deleted
//! with its original; a foreign object of the same name is not changed.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Endpoints, ObjectReference, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use vcluster_values::mapping::Mapping;
use vcluster_values::naming::own::{self, REPLICA_OF};

use crate::sync::from_host::projections::{addresses, ports};
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal, unless_gone};
use crate::sync::runtime::informer::{Change, Scope, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::apply::{Target, is_outdated};
use crate::sync::write::delete;
use crate::sync::write::last_applied::{LastApplied, Versions};
use crate::sync::write::object::{Body, Fields, Object};

/// Reconciler of one replicated Service of the host, or of its `Endpoints`.
#[derive(Debug)]
pub(crate) struct ReplicatedServices {
    context: Context,
    kind: ApiResource,
    guest_key: Key,
    host_key: Key,
    guest: Arc<Store<Object>>,
    host: Arc<Store<Object>>,
    queue: WorkQueue,
    written: LastApplied,
}

impl ReplicatedServices {
    /// Creates the reconcilers of all mappings; nothing runs yet.
    pub(crate) fn all(context: &Context) -> Vec<Arc<Self>> {
        let kinds = [
            ApiResource::erase::<Service>(&()),
            ApiResource::erase::<Endpoints>(&()),
        ];
        let named = context.config().services_to_host.iter().filter_map(keys);
        named
            .flat_map(|(host_key, guest_key)| {
                kinds
                    .clone()
                    .map(|kind| (kind, host_key.clone(), guest_key.clone()))
            })
            .map(|(kind, host_key, guest_key)| {
                Arc::new(Self {
                    context: context.clone(),
                    kind,
                    guest_key,
                    host_key,
                    guest: Arc::default(),
                    host: Arc::default(),
                    queue: WorkQueue::default(),
                    written: LastApplied::on_host(context.budget()),
                })
            })
            .collect()
    }

    /// Watches the one object on each side.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let changed = move |change| reconciler.queue.guest_changed(change);
        self.watch_side(&self.guest_key, self.guests(), &self.guest, "guest", changed);
        let reconciler = self.clone();
        // What is left on the host of a Service that is gone has no other reason to be looked at.
        self.watch_side(&self.host_key, self.hosts(), &self.host, "host", move |_| {
            reconciler.queue.add(reconciler.guest_key.clone());
        });
    }

    fn watch_side(
        &self,
        key: &Key,
        api: Api<Object>,
        store: &Arc<Store<Object>>,
        side: &'static str,
        changed: impl Fn(Change) + Send + 'static,
    ) {
        let informer = self.context.informer(side, &self.name(), store);
        let keep = |mut object: Object| {
            object.metadata.managed_fields = None;
            Some((Key::of(&object.metadata), object))
        };
        // A role can be for single names, and then lets no other watch pass.
        let config = watcher::Config::default().fields(&format!("metadata.name={}", key.name));
        self.context
            .tasks()
            .spawn(informer.run(api, config, keep, changed));
    }

    async fn write(&self, guest: &Object, host: Option<&Object>) -> Result<Action, ReconcileError> {
        let now = |host: &Object| Versions {
            guest: guest.metadata.resource_version.clone(),
            host: host.metadata.resource_version.clone(),
        };
        if host.is_some_and(|host| self.written.is_at(&self.guest_key, &now(host))) {
            return Ok(Action::AwaitChange);
        }
        let fields = self.fields(guest)?;
        let metadata = ObjectMeta {
            name: Some(self.host_key.name.clone()),
            namespace: Some(self.host_key.namespace.clone()),
            uid: host.and_then(|host| host.metadata.uid.clone()),
            labels: Some(self.context.tenant().labels()),
            annotations: Some([(REPLICA_OF.to_owned(), self.original())].into()),
            ..ObjectMeta::default()
        };
        let body = Body {
            kind: &self.kind,
            metadata: &metadata,
            fields: &fields,
        };
        let target = Target {
            api: &self.hosts(),
            kind: &self.kind,
            name: &self.host_key.name,
            there: host.map(|host| &host.metadata),
        };
        let how = host.map_or("apply", |_| "replace");
        self.context.metrics().write("host", &self.kind.kind, how);
        let written = target.write_exactly(&body, &self.written, &self.guest_key).await;
        if is_outdated(&written, target.there) {
            return Ok(Action::AwaitChange);
        }
        if let (Some(status), Some(host)) = (refusal(&written), host)
            && status.is_invalid()
        {
            // A Service cannot be given an address, or lose it.
            return self.delete(host).await;
        }
        let written = written.attempting(|| format!("replicate {self} to the host"))?;
        self.written.set(&self.guest_key, now(&written));
        Ok(Action::AwaitChange)
    }

    fn fields(&self, guest: &Object) -> Result<Fields, ReconcileError> {
        let unreadable = |source| ReconcileError::Unreadable {
            what: format!("{self} of the guest"),
            source,
        };
        let (field, value) = if self.kind.kind == "Service" {
            let spec: Value = guest.field("spec").map_err(unreadable)?.unwrap_or_default();
            ("spec", service(&spec)?)
        } else {
            let subsets: Value = guest.field("subsets").map_err(unreadable)?.unwrap_or_default();
            ("subsets", addresses(subsets))
        };
        let value = to_raw_value(&value).map_err(unreadable)?;
        Ok(Fields::from([(field.to_owned(), value)]))
    }

    async fn delete(&self, host: &Object) -> Result<Action, ReconcileError> {
        self.written.forget(&self.guest_key);
        self.context.metrics().write("host", &self.kind.kind, "delete");
        let params = delete::if_unchanged(&host.metadata);
        unless_gone(self.hosts().delete(&self.host_key.name, &params).await)
            .attempting(|| format!("delete the replica of {self} on the host"))?;
        Ok(Action::AwaitChange)
    }

    /// Returns the value of the annotation that names a replica's original.
    fn original(&self) -> String {
        let Key { namespace, name } = &self.guest_key;
        format!("{}{namespace}/{name}", self.context.tenant().replica_prefix())
    }

    fn is_ours(&self, host: &Object) -> bool {
        let annotations = host.metadata.annotations.as_ref();
        annotations.and_then(own::replica_of) == Some(&self.original())
    }

    fn guests(&self) -> Api<Object> {
        self.context.guest_objects(&self.kind, &self.guest_key.namespace)
    }

    fn hosts(&self) -> Api<Object> {
        Api::namespaced_with(self.context.host(), &self.host_key.namespace, &self.kind)
    }
}

impl Reconciler for ReplicatedServices {
    fn name(&self) -> String {
        format!("replica of {self}")
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        self.guest.get(key).map(|object| object.object_ref(&self.kind))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        if !self.host.has_listed(&Scope::Everything) {
            return Ok(Action::WaitFor("what the host has in its target to be known"));
        }
        let is_there = |object: &Arc<Object>| object.metadata.deletion_timestamp.is_none();
        let guest = self.guest.get(key).filter(is_there);
        match (guest, self.host.get(&self.host_key)) {
            (Some(_), Some(host)) if !self.is_ours(&host) => Err(ReconcileError::Refused(format!(
                "the host has a {} {} that is not this virtual cluster's replica: it is left as it is",
                self.kind.kind, self.host_key
            ))),
            (Some(_), Some(host)) if !is_there(&host) => Ok(Action::AwaitChange),
            (Some(guest), host) => self.write(&guest, host.as_deref()).await,
            (None, Some(host)) if self.is_ours(&host) && is_there(&host) => self.delete(&host).await,
            (None, _) => Ok(Action::AwaitChange),
        }
    }
}

impl std::fmt::Display for ReplicatedServices {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.kind.kind, self.guest_key)
    }
}

/// Returns the keys on the host and in the guest of a Service that is mapped by its name.
fn keys(mapping: &Mapping) -> Option<(Key, Key)> {
    let (host, guest) = mapping.names.as_ref()?;
    Some((
        Key::new(mapping.from_namespace.clone(), host),
        Key::new(mapping.to_namespace.clone(), guest),
    ))
}

/// Returns the spec of a replica: the same ports, at an address that the host chooses, or without one if the guest's has none.
fn service(guest: &Value) -> Result<Value, ReconcileError> {
    if guest["type"] == "ExternalName" {
        return Err(ReconcileError::Refused(
            "a Service of type ExternalName is not replicated to the host: its name may mean something else there"
                .to_owned(),
        ));
    }
    let mut spec = json!({"type": "ClusterIP", "ports": ports(guest)});
    if guest["clusterIP"] == "None" {
        spec["clusterIP"] = json!("None");
    }
    Ok(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_has_the_ports_and_neither_address_nor_selector() {
        let guest = json!({
            "type": "NodePort", "clusterIP": "10.96.0.7", "selector": {"app": "redis"},
            "ports": [{"name": "redis", "port": 6379, "nodePort": 30079}],
        });
        let expected = json!({"type": "ClusterIP", "ports": [{"name": "redis", "port": 6379}]});
        assert_eq!(service(&guest).unwrap(), expected);
        let headless = json!({"clusterIP": "None", "ports": []});
        assert_eq!(service(&headless).unwrap()["clusterIP"], "None");
    }

    #[test]
    fn a_name_of_the_guests_is_not_followed_on_the_host() {
        let told = service(&json!({"type": "ExternalName", "externalName": "other"})).unwrap_err();
        assert!(told.to_string().contains("ExternalName"), "{told}");
    }
}
