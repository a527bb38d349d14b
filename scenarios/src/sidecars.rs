//! The kinds that configure sidecars besides Components: Dapr's Subscriptions, Configurations and Resiliencies.

use serde_json::{Value, json};

use crate::object::Object;

/// The path at which a write app takes events.
const ROUTE: &str = "/events";

/// Creates a Subscription that delivers messages of a topic to the write app.
#[must_use]
pub fn subscription(name: &str, pubsub: &str, topic: &str) -> Object {
    let spec = json!({"pubsubname": pubsub, "topic": topic, "routes": {"default": ROUTE}});
    Object::new("dapr.io", "v2alpha1", "Subscription", name, spec)
}

/// Creates the same Subscription in the previous version.
#[must_use]
pub fn old_subscription(name: &str, pubsub: &str, topic: &str) -> Object {
    let spec = json!({"pubsubname": pubsub, "topic": topic, "route": ROUTE});
    Object::new("dapr.io", "v1alpha1", "Subscription", name, spec)
}

/// Creates a Configuration that lets an app call these APIs of its sidecar and no others.
#[must_use]
pub fn configuration(name: &str, allowed: &[&str]) -> Object {
    let allowed: Vec<Value> = allowed
        .iter()
        .map(|api| json!({"name": api, "version": "v1.0", "protocol": "http"}))
        .collect();
    Object::new(
        "dapr.io",
        "v1alpha1",
        "Configuration",
        name,
        json!({"api": {"allowed": allowed}}),
    )
}

/// Creates a Configuration that refuses calls of an app by others, but those by `caller` in the host namespace
/// `namespace`.
#[must_use]
pub fn own_calls_only(name: &str, caller: &str, namespace: &str) -> Object {
    let spec = json!({"accessControl": {
        "defaultAction": "deny",
        "trustDomain": "public",
        "policies": [{
            "appId": caller,
            "namespace": namespace,
            "trustDomain": "public",
            "defaultAction": "allow",
        }],
    }});
    Object::new("dapr.io", "v1alpha1", "Configuration", name, spec)
}

/// Creates a Resiliency that gives up calls to a Component after `timeout`.
#[must_use]
pub fn resiliency(name: &str, component: &str, timeout: &str) -> Object {
    let spec = json!({
        "policies": {"timeouts": {"chosen": timeout}},
        "targets": {"components": {component: {"outbound": {"timeout": "chosen"}}}},
    });
    Object::new("dapr.io", "v1alpha1", "Resiliency", name, spec)
}
