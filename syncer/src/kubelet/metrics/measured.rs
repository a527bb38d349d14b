//! The host's figures as the guest shows them: under its names, namespaces and labels.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::DynamicObject;
use serde_json::{Value, json};

use crate::guest::metrics::{GROUP, VERSION};
use crate::sync::Own;

/// Returns the usage of a pod, of the containers that are the guest's own.
pub(super) fn of_pod(guest: &Pod, host: &Pod, theirs: &DynamicObject) -> Value {
    let own = Own::of(guest, host);
    let is_the_guests = |container: &&Value| container["name"].as_str().is_some_and(|name| own.has(name));
    let containers = theirs.data["containers"].as_array().into_iter().flatten();
    let mut shown = of("PodMetrics", &guest.metadata, theirs);
    shown["containers"] = containers.filter(is_the_guests).cloned().collect();
    shown
}

/// Returns the usage of a node.
pub(super) fn of_node(guest: &ObjectMeta, theirs: &DynamicObject) -> Value {
    let mut shown = of("NodeMetrics", guest, theirs);
    shown["usage"] = theirs.data["usage"].clone();
    shown
}

fn of(kind: &str, guest: &ObjectMeta, theirs: &DynamicObject) -> Value {
    let metadata = ObjectMeta {
        name: guest.name.clone(),
        namespace: guest.namespace.clone(),
        labels: guest.labels.clone(),
        creation_timestamp: theirs.metadata.creation_timestamp.clone(),
        ..ObjectMeta::default()
    };
    json!({
        "kind": kind,
        "apiVersion": format!("{GROUP}/{VERSION}"),
        "metadata": metadata,
        "timestamp": theirs.data["timestamp"],
        "window": theirs.data["window"],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theirs() -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
            "metadata": {
                "name": "app", "namespace": "vc-1", "labels": {"vcluster.loft.sh/managed-by": "a"},
                "creationTimestamp": "2026-01-01T00:00:00Z",
            },
            "timestamp": "2026-01-01T00:00:00Z", "window": "15s",
            "containers": [
                {"name": "app", "usage": {"cpu": "3m", "memory": "5Mi"}},
                {"name": "daprd", "usage": {"cpu": "9m", "memory": "50Mi"}},
            ],
            "usage": {"cpu": "1"},
        }))
        .unwrap()
    }

    #[test]
    fn a_pod_has_the_guests_names_and_its_own_containers() {
        let guest: Pod = serde_json::from_value(json!({
            "metadata": {"name": "app", "namespace": "team", "uid": "1", "labels": {"app": "a"}},
            "spec": {"containers": [{"name": "app"}], "ephemeralContainers": [{"name": "daprd"}]},
        }))
        .unwrap();
        let host: Pod =
            serde_json::from_value(json!({"spec": {"containers": [{"name": "daprd"}, {"name": "app"}]}}))
                .unwrap();
        assert_eq!(
            of_pod(&guest, &host, &theirs()),
            json!({
                "apiVersion": "metrics.k8s.io/v1beta1", "kind": "PodMetrics",
                "metadata": {
                    "name": "app", "namespace": "team", "labels": {"app": "a"},
                    "creationTimestamp": "2026-01-01T00:00:00Z",
                },
                "timestamp": "2026-01-01T00:00:00Z", "window": "15s",
                "containers": [{"name": "app", "usage": {"cpu": "3m", "memory": "5Mi"}}],
            })
        );
    }

    #[test]
    fn a_node_has_the_guests_labels() {
        let guest = ObjectMeta {
            name: Some("app".to_owned()),
            ..ObjectMeta::default()
        };
        let shown = of_node(&guest, &theirs());
        assert_eq!(shown["usage"], json!({"cpu": "1"}));
        assert_eq!(shown["metadata"]["labels"], Value::Null);
        assert_eq!(shown["metadata"]["namespace"], Value::Null);
    }
}
