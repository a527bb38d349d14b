//! The guest's twin of a host's custom resource definition.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionStatus, ServiceReference,
};
use serde_json::{Value, json};

use super::kinds::Status;

/// What the guest gets of a host's definition: names, scope, every served version, schema and all, and who converts
/// between the versions.
///
/// The guest's API server has no Service of the host, but runs there and finds it by its name.
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
    if let Some(conversion) = &spec.conversion {
        let mut conversion = conversion.clone();
        let config = conversion
            .webhook
            .as_mut()
            .and_then(|webhook| webhook.client_config.as_mut());
        if let Some(config) = config
            && let Some(service) = config.service.take()
        {
            config.url = Some(address(&service));
        }
        twin["spec"]["conversion"] = json!(conversion);
    }
    if let Some(preserve) = spec.preserve_unknown_fields {
        twin["spec"]["preserveUnknownFields"] = json!(preserve);
    }
    twin
}

/// Where a Service of the host answers. Its certificate is for this name, as the host's API server asks for it.
fn address(service: &ServiceReference) -> String {
    let ServiceReference {
        name,
        namespace,
        path,
        port,
    } = service;
    let path = path.as_deref().unwrap_or_default().trim_start_matches('/');
    format!("https://{name}.{namespace}.svc:{}/{path}", port.unwrap_or(443))
}

/// How a version of a definition writes its status.
pub(crate) fn status(definition: &CustomResourceDefinition, version: &str) -> Status {
    let version = definition.spec.versions.iter().find(|one| one.name == version);
    let has_field = || {
        let schema = version?.schema.as_ref()?.open_api_v3_schema.as_ref()?;
        schema.properties.as_ref()?.get("status")
    };
    match version.and_then(|version| version.subresources.as_ref()?.status.as_ref()) {
        Some(_) => Status::Subresource,
        None if has_field().is_some() => Status::Field,
        None => Status::None,
    }
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
    fn every_served_version_reaches_the_guest_with_the_webhook() {
        let version = |name: &str, served: bool, storage: bool| json!({"name": name, "served": served, "storage": storage, "schema": {"openAPIV3Schema": {"type": "object"}}});
        let host = json!({
            "metadata": {"name": "subscriptions.dapr.io", "resourceVersion": "7", "labels": {"a": "b"}},
            "spec": {
                "group": "dapr.io",
                "names": {"kind": "Subscription", "plural": "subscriptions"},
                "scope": "Namespaced",
                "conversion": {"strategy": "Webhook", "webhook": {
                    "clientConfig": {"caBundle": "Y2E=", "service": {"name": "dapr-webhook", "namespace": "dapr-system", "path": "/convert"}},
                    "conversionReviewVersions": ["v1"],
                }},
                "versions": [version("v2alpha1", true, true), version("v0", false, false), version("v1alpha1", true, false)],
            },
        });
        insta::assert_json_snapshot!(for_guest(&serde_json::from_value(host).unwrap()));
    }
}
