//! The guest's copy of a host's CRD.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionStatus, CustomResourceDefinitionVersion,
    ServiceReference,
};
use serde_json::{Value, json};

use super::custom_resources::Status;

/// Returns the CRD for the guest: names, scope, every served or stored version with its schema, and the conversion between the
/// versions.
///
/// A conversion webhook's Service is replaced by its URL: the guest's API server does not have the host's Service, but runs on
/// the host and resolves its name.
///
/// A version that the host has dropped stays in the guest, not served, while the guest's store may have objects in it. Without
/// it, the API would refuse the CRD.
pub(crate) fn for_guest(host: &CustomResourceDefinition, guest: Option<&CustomResourceDefinition>) -> Value {
    let spec = &host.spec;
    let mut versions: Vec<_> = spec
        .versions
        .iter()
        .filter(|version| version.served || version.storage)
        .cloned()
        .collect();
    if let Some(guest) = guest {
        versions.extend(given_up(guest, &versions));
    }
    versions.sort_by(|one, other| one.name.cmp(&other.name));
    let mut mirror = json!({
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
        mirror["spec"]["conversion"] = json!(conversion);
    }
    if let Some(preserve) = spec.preserve_unknown_fields {
        mirror["spec"]["preserveUnknownFields"] = json!(preserve);
    }
    mirror
}

/// Returns the versions that the guest's store may have objects in, without those in `versions`.
fn given_up(
    guest: &CustomResourceDefinition,
    versions: &[CustomResourceDefinitionVersion],
) -> Vec<CustomResourceDefinitionVersion> {
    let stored = guest
        .status
        .iter()
        .flat_map(|status| status.stored_versions.iter().flatten());
    let missing = stored.filter(|stored| versions.iter().all(|version| version.name != **stored));
    let kept = missing.filter_map(|missing| {
        guest
            .spec
            .versions
            .iter()
            .find(|version| version.name == *missing)
    });
    let unserved = |version: &CustomResourceDefinitionVersion| CustomResourceDefinitionVersion {
        served: false,
        storage: false,
        ..version.clone()
    };
    kept.map(unserved).collect()
}

/// Returns the URL of a Service of the host. Its certificate is for this name, which the host's API server uses too.
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

/// Returns the way in which a version of a CRD writes its status.
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

/// Returns true if the API serves the kind of a CRD.
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
        insta::assert_json_snapshot!(for_guest(&serde_json::from_value(host).unwrap(), None));
    }

    #[test]
    fn a_version_that_is_stored_stays_until_it_is_not() {
        let definition = |versions: Value, stored: Value| -> CustomResourceDefinition {
            let names = json!({"kind": "Widget", "plural": "widgets"});
            let spec =
                json!({"group": "example.com", "names": names, "scope": "Namespaced", "versions": versions});
            serde_json::from_value(json!({"spec": spec, "status": {"storedVersions": stored}})).unwrap()
        };
        let version = |name: &str, served: bool| json!({"name": name, "served": served, "storage": served});
        let host = definition(
            json!([version("v1", false), version("v3", true)]),
            json!(["v1", "v3"]),
        );
        let had = json!([version("v1", true), version("v2", true)]);
        let versions =
            |guest: &CustomResourceDefinition| for_guest(&host, Some(guest))["spec"]["versions"].clone();
        let kept = json!([version("v1", false), version("v3", true)]);
        assert_eq!(versions(&definition(had.clone(), json!(["v1"]))), kept);
        assert_eq!(
            versions(&definition(had, json!([]))),
            json!([version("v3", true)])
        );
    }
}
