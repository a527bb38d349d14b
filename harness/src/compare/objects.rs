//! The host's objects of a tenant, without the parts that differ each time.
//!
//! It has every kind that the host can list, in every host namespace that mirrors one of the tenant's. The key of an
//! object is `kind/guest namespace/name`, and its content is split into fields and their values. Statuses, fields
//! that an API server adds to each object, and kinds that only record events are left out. Placeholders replace names
//! that are partly random, addresses, times, UIDs, tokens, certificates, and secret values.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, ListParams};
use kube::discovery::{Discovery, Scope, verbs};
use kube::{Client, ResourceExt as _};
use provision::naming;
use serde_json::Value;

pub use same::Same;

/// Replacing texts that differ each time.
mod same;

/// The content of an object: the paths of fields, such as `spec.containers[daprd].image`, and their values.
pub type Parts = BTreeMap<String, String>;

/// Objects by `kind/guest namespace/name`.
pub type Objects = BTreeMap<String, Parts>;

/// The kinds that record events, and differ between two runs of the same.
const TOLD: [&str; 2] = ["Event", "Lease"];

/// The fields that an API server adds to an object, and those that others set on it.
const ADDED: [&str; 7] = [
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
    "generation",
    "selfLink",
];

/// Fields that identify elements of a list, where they have one.
const KEYS: [&str; 5] = ["name", "mountPath", "containerPort", "port", "type"];

/// The tenant whose objects are listed.
#[derive(Clone, Debug)]
pub struct Tenant<'a> {
    /// Its name.
    pub name: &'a str,
    /// The host namespace of its control plane.
    pub namespace: &'a str,
    /// Its password, which is another in each environment.
    pub password: &'a str,
}

/// Lists the objects that the host has of a tenant.
pub async fn of(tenant: &Tenant<'_>, guest: &Client, host: &Client) -> Result<Objects, kube::Error> {
    let mirrors = mirrors(tenant, guest).await?;
    let mut found = Vec::new();
    for (host_namespace, guest_namespace) in &mirrors {
        let namespaces: Api<DynamicObject> =
            Api::all_with(host.clone(), &kube::api::ApiResource::erase::<Namespace>(&()));
        if let Some(namespace) = namespaces.get_opt(host_namespace).await? {
            found.push(("Namespace".to_owned(), guest_namespace.clone(), namespace));
        }
    }
    let discovery = Discovery::new(host.clone()).run().await?;
    for group in discovery.groups() {
        for (resource, capabilities) in group.recommended_resources() {
            let listed =
                capabilities.scope == Scope::Namespaced && capabilities.supports_operation(verbs::LIST);
            if !listed || TOLD.contains(&&*resource.kind) {
                continue;
            }
            let all: Api<DynamicObject> = Api::all_with(host.clone(), &resource);
            for object in all.list(&ListParams::default()).await? {
                let namespace = object.namespace().unwrap_or_default();
                if let Some(guest_namespace) = mirrors.get(&namespace) {
                    found.push((resource.kind.clone(), guest_namespace.clone(), object));
                }
            }
        }
    }
    Ok(normalised(tenant, &mirrors, &found))
}

/// Returns the host namespaces of the tenant, with the guest namespaces that they mirror.
async fn mirrors(tenant: &Tenant<'_>, guest: &Client) -> Result<BTreeMap<String, String>, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(guest.clone());
    let list = namespaces.list_metadata(&ListParams::default()).await?;
    Ok(list
        .iter()
        .map(kube::ResourceExt::name_any)
        .map(|guest| {
            (
                naming::host_namespace(tenant.name, tenant.namespace, &guest),
                guest,
            )
        })
        .collect())
}

fn normalised(
    tenant: &Tenant<'_>,
    mirrors: &BTreeMap<String, String>,
    found: &[(String, String, DynamicObject)],
) -> Objects {
    let mut same = Same::default();
    for (host_namespace, guest_namespace) in mirrors {
        same.replace(host_namespace, &format!("<namespace of {guest_namespace}>"));
    }
    same.replace(tenant.password, "<password>");
    for (_, _, object) in found {
        if let Some(stem) = stem(object) {
            same.replace(&object.name_any(), &format!("{stem}*"));
        }
    }
    found
        .iter()
        .map(|(kind, guest_namespace, object)| {
            let name = match kind.as_str() {
                "Namespace" => guest_namespace.clone(),
                _ => same.text(&object.name_any()),
            };
            let mut value = serde_json::to_value(object).unwrap_or_default();
            strip(&mut value, kind);
            let mut parts = Parts::new();
            take_apart(&value, String::new(), &same, &mut parts);
            (format!("{kind}/{guest_namespace}/{name}"), parts)
        })
        .collect()
}

/// Returns the beginning of an object's name, before the random or hashed part that a controller or an API server
/// added.
fn stem(object: &DynamicObject) -> Option<String> {
    let name = object.name_any();
    if let Some(hash) = object.labels().get("pod-template-hash")
        && let Some(at) = name.find(&format!("-{hash}-"))
    {
        return Some(name[..=at].to_owned());
    }
    let stem = object.metadata.generate_name.clone()?;
    name.starts_with(&stem).then_some(stem)
}

fn strip(object: &mut Value, kind: &str) {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
        if kind == "Secret"
            && let Some(Value::Object(data)) = object.get_mut("data")
        {
            for value in data.values_mut() {
                *value = "<secret>".into();
            }
        }
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        for added in ADDED {
            metadata.remove(added);
        }
        if let Some(Value::Array(owners)) = metadata.get_mut("ownerReferences") {
            for owner in owners.iter_mut().filter_map(Value::as_object_mut) {
                owner.remove("uid");
            }
        }
    }
}

fn take_apart(value: &Value, path: String, same: &Same, parts: &mut Parts) {
    match value {
        Value::Object(entries) if !entries.is_empty() => {
            for (key, value) in entries {
                let key = same.text(key);
                let below = if path.is_empty() {
                    key
                } else {
                    format!("{path}.{key}")
                };
                take_apart(value, below, same, parts);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                let below = format!("{path}[{}]", same.text(&key_of(item, index)));
                take_apart(item, below, same, parts);
            }
        }
        Value::String(text) => {
            parts.insert(path, same.text(text));
        }
        other => {
            parts.insert(path, other.to_string());
        }
    }
}

/// Returns the key of a list element: the value of the first of `KEYS` that it has, else its index.
fn key_of(item: &Value, index: usize) -> String {
    let named = KEYS.iter().find_map(|key| match item.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    named.unwrap_or_else(|| index.to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> DynamicObject {
        serde_json::from_value(value).expect("it is an object")
    }

    #[test]
    fn an_object_is_called_as_in_the_guest_and_taken_apart() {
        let tenant = Tenant {
            name: "blue",
            namespace: "vcluster-blue",
            password: "s3cr3t",
        };
        let mirror = naming::host_namespace("blue", "vcluster-blue", "default");
        let mirrors = [(mirror.clone(), "default".to_owned())].into();
        let pod = object(json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "app-5d9c7b6f4-x2x8q", "namespace": mirror, "uid": "u", "resourceVersion": "7",
                "labels": {"pod-template-hash": "5d9c7b6f4"},
            },
            "spec": {"containers": [{"name": "app", "env": [{"name": "POD", "value": "app-5d9c7b6f4-x2x8q s3cr3t"}]}]},
            "status": {"phase": "Running"},
        }));
        let found = [("Pod".to_owned(), "default".to_owned(), pod)];
        let objects = normalised(&tenant, &mirrors, &found);
        insta::assert_json_snapshot!(objects, @r#"
        {
          "Pod/default/app-*": {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata.labels.pod-template-hash": "5d9c7b6f4",
            "metadata.name": "app-*",
            "metadata.namespace": "<namespace of default>",
            "spec.containers[app].env[POD].name": "POD",
            "spec.containers[app].env[POD].value": "app-* <password>",
            "spec.containers[app].name": "app"
          }
        }
        "#);
    }
}
