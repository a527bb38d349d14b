//! Objects of tests.

use serde_json::{Value, json};

/// Returns a Component like the blog's, with one more value.
pub(crate) fn component(name: &str, value: impl Into<Value>) -> Value {
    json!({
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name},
        "spec": {
            "type": "state.redis",
            "version": "v1",
            "metadata": [
                {"name": "redisHost", "value": "redis-master.shared-dapr.svc.cluster.local:6379"},
                {"name": "keyPrefix", "value": value.into()},
            ],
        },
    })
}

/// The path of the value in a Component of [`component`].
pub(crate) const VALUE: &str = "/spec/metadata/1/value";

/// Returns a namespace.
pub(crate) fn namespace(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
}
