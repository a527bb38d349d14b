//! The containers of a host pod that are the guest pod's own.
//!
//! The host adds others, such as sidecars, which are hidden from the guest. The name alone does not distinguish them: an
//! ephemeral container of a running guest pod can have any name that the guest pod does not have, and so that of a sidecar.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::json;

use crate::sync::runtime::context::MANAGER;

/// The subresource by which a running pod gets ephemeral containers.
const ADDED_BY: &str = "ephemeralcontainers";

/// The names of the containers that a guest pod and its host pod share, by list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Own<'a> {
    /// Containers in `containers`.
    pub(crate) containers: BTreeSet<&'a str>,
    /// Containers in `initContainers`.
    pub(crate) init_containers: BTreeSet<&'a str>,
    /// Containers in `ephemeralContainers` that the syncer added to the host pod.
    pub(crate) ephemeral_containers: BTreeSet<&'a str>,
}

impl<'a> Own<'a> {
    /// Compares a guest pod with its host pod: its mirror, or the original that it is a copy of.
    pub(crate) fn of(guest: &'a Pod, host: &'a Pod) -> Self {
        let (Some(ours), Some(theirs)) = (&guest.spec, &host.spec) else {
            return Self::default();
        };
        let shared = |list: for<'b> fn(&'b PodSpec) -> BTreeSet<&'b str>| -> BTreeSet<&'a str> {
            list(ours).intersection(&list(theirs)).copied().collect()
        };
        let mut ephemeral_containers = shared(ephemeral);
        ephemeral_containers.retain(|name| is_added_by_us(host, name));
        Self {
            containers: shared(plain),
            init_containers: shared(init),
            ephemeral_containers,
        }
    }

    /// Returns true if a container is one of them.
    pub(crate) fn has(&self, name: &str) -> bool {
        [
            &self.containers,
            &self.init_containers,
            &self.ephemeral_containers,
        ]
        .iter()
        .any(|list| list.contains(name))
    }
}

/// Returns true if a pod has a container of this name, in any list.
pub(crate) fn has_name(pod: &Pod, name: &str) -> bool {
    (pod.spec.as_ref()).is_some_and(|spec| {
        [plain, init, ephemeral]
            .iter()
            .any(|list| list(spec).contains(name))
    })
}

/// Returns true if an entry of `metadata.managedFields` lists the containers that the syncer added to a running pod.
pub(crate) fn is_record(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(MANAGER) && entry.subresource.as_deref() == Some(ADDED_BY)
}

/// Returns true if the syncer added this ephemeral container. A host's administrator may have added one too, by `kubectl debug`;
/// the host's API server records the field manager.
fn is_added_by_us(host: &Pod, name: &str) -> bool {
    let key = format!("k:{}", json!({ "name": name }));
    let records = host.metadata.managed_fields.iter().flatten();
    records.filter(|entry| is_record(entry)).any(|entry| {
        let fields = entry.fields_v1.as_ref();
        fields.is_some_and(|fields| fields.0["f:spec"]["f:ephemeralContainers"].get(&key).is_some())
    })
}

fn plain(spec: &PodSpec) -> BTreeSet<&str> {
    spec.containers.iter().map(|container| &*container.name).collect()
}

fn init(spec: &PodSpec) -> BTreeSet<&str> {
    let list = spec.init_containers.iter().flatten();
    list.map(|container| &*container.name).collect()
}

fn ephemeral(spec: &PodSpec) -> BTreeSet<&str> {
    let list = spec.ephemeral_containers.iter().flatten();
    list.map(|container| &*container.name).collect()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::Value;

    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    /// Returns the record of an ephemeral container's field manager, as an API server writes it.
    fn record(manager: &str, subresource: &str, name: &str) -> Value {
        let key = format!("k:{{\"name\":\"{name}\"}}");
        json!({
            "manager": manager, "operation": "Update", "apiVersion": "v1", "subresource": subresource,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": {"f:ephemeralContainers": {".": {}, key: {".": {}, "f:name": {}}}}},
        })
    }

    #[test]
    fn a_container_is_own_in_each_list_if_both_have_it_there() {
        let spec = json!({
            "containers": [{"name": "app"}],
            "initContainers": [{"name": "prepare"}],
            "ephemeralContainers": [{"name": "debugger"}],
        });
        let record = record(MANAGER, ADDED_BY, "debugger");
        let (guest, host) = (
            pod(json!({"spec": spec})),
            pod(json!({"metadata": {"managedFields": [record]}, "spec": spec})),
        );
        let own = Own::of(&guest, &host);
        let asked = ["app", "prepare", "debugger", "daprd"];
        assert_eq!(asked.map(|name| own.has(name)), [true, true, true, false]);
    }

    #[rstest]
    #[case::plain("containers")]
    #[case::native_sidecar("initContainers")]
    fn an_added_container_is_not_the_sidecar_of_its_name(#[case] list: &str) {
        let guest = pod(
            json!({"spec": {"containers": [{"name": "app"}], "ephemeralContainers": [{"name": "daprd"}]}}),
        );
        let mut spec = json!({"containers": [{"name": "app"}], "initContainers": []});
        spec[list]
            .as_array_mut()
            .unwrap()
            .insert(0, json!({"name": "daprd"}));
        // Not even if the record says otherwise.
        let host = pod(json!({
            "metadata": {"managedFields": [record(MANAGER, ADDED_BY, "daprd")]},
            "spec": spec,
        }));
        let own = Own::of(&guest, &host);
        assert_eq!((own.has("daprd"), own.has("app")), (false, true));
        assert!(has_name(&host, "daprd"));
    }

    #[rstest]
    #[case::by_an_administrator(record("kubectl", ADDED_BY, "theirs"))]
    #[case::of_another_name(record(MANAGER, ADDED_BY, "the"))]
    #[case::by_another_subresource(record(MANAGER, "status", "theirs"))]
    fn an_added_container_of_somebody_else_is_not_own(#[case] record: Value) {
        let spec = json!({"containers": [{"name": "app"}], "ephemeralContainers": [{"name": "theirs"}]});
        let guest = pod(json!({"spec": spec}));
        let host = pod(json!({"metadata": {"managedFields": [record]}, "spec": spec}));
        assert!(!Own::of(&guest, &host).has("theirs"));
    }
}
