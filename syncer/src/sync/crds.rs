//! The guest's twin of a host's custom resource definition.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionStatus,
};
use serde_json::{Value, json};

/// What the guest gets of a host's definition: names, scope and every served version, schema and all.
///
/// The host's conversion webhook is a Service of the host that the guest's API can't reach; without it, versions
/// differ in their name alone.
pub(crate) fn for_guest(host: &CustomResourceDefinition) -> Value {
    let spec = &host.spec;
    let mut versions: Vec<_> = spec
        .versions
        .iter()
        .filter(|version| version.served || version.storage)
        .collect();
    versions.sort_by(|one, other| one.name.cmp(&other.name));
    let mut twin = json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": host.metadata.name},
        "spec": {
            "group": spec.group,
            "names": spec.names,
            "scope": spec.scope,
            "versions": versions,
        },
    });
    if let Some(preserve) = spec.preserve_unknown_fields {
        twin["spec"]["preserveUnknownFields"] = json!(preserve);
    }
    twin
}

/// Whether the API serves what a definition defines.
pub(crate) fn is_established(status: Option<&CustomResourceDefinitionStatus>) -> bool {
    (status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten()))
    .any(|condition| condition.type_ == "Established" && condition.status == "True")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_served_version_reaches_the_guest_without_the_webhook() {
        let version = |name: &str, served: bool, storage: bool| json!({"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": {"type": "object"}}});
        let host = json!({
            "metadata": {"name": "subscriptions.dapr.io", "resourceVersion": "7", "labels": {"a": "b"}},
            "spec": {
                "group": "dapr.io",
                "names": {"kind": "Subscription", "plural": "subscriptions"},
                "scope": "Namespaced",
                "conversion": {"strategy": "Webhook"},
                "versions": [version("v2alpha1", true, true), version("v0", false, false), version("v1alpha1", true, false)],
            },
        });
        insta::assert_json_snapshot!(for_guest(&serde_json::from_value(host).unwrap()));
    }
}
