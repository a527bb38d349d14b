//! Objects that the syncer creates in a guest and that its administrator may change, as in any cluster. Of an object, those
//! fields are applied that nobody else has changed.
//!
//! The conflict of an apply without force names the fields that somebody else has changed
//! (<https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts>). They are omitted, and the rest is applied, so
//! that a new version of the syncer still brings its new fields.

use kube::api::{ApiResource, DynamicObject, GroupVersionKind, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::Value;
use tracing::info;

use super::{Error, asked};
use crate::host::FIELD_MANAGER;

/// A place of an object in the guest.
pub(super) struct Place {
    /// The API of its kind.
    pub(super) api: Api<DynamicObject>,
    /// Its kind and name.
    pub(super) what: String,
    /// Its name.
    pub(super) name: String,
}

impl Place {
    /// Returns the place that an object names.
    pub(super) fn of(object: &Value, guest: &Client) -> Self {
        let text = |pointer: &str| {
            object
                .pointer(pointer)
                .and_then(Value::as_str)
                .unwrap_or_default()
        };
        let (group, version) = text("/apiVersion")
            .split_once('/')
            .unwrap_or_else(|| ("", text("/apiVersion")));
        let (kind, name) = (text("/kind"), text("/metadata/name"));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Self {
            api: match text("/metadata/namespace") {
                "" => Api::all_with(guest.clone(), &resource),
                namespace => Api::namespaced_with(guest.clone(), namespace, &resource),
            },
            what: format!("{kind} {name}"),
            name: name.to_owned(),
        }
    }
}

/// Creates an object in the guest, or updates the existing one, except for changes by the administrator.
pub(super) async fn apply(guest: &Client, object: &Value) -> Result<(), Error> {
    let Place { api, what, name } = Place::of(object, guest);
    let params = PatchParams::apply(FIELD_MANAGER);
    let failed = |source| asked(format!("apply {what} in the guest"), source);
    let refused = match api.patch(&name, &params, &Patch::Apply(object)).await {
        Err(kube::Error::Api(status)) if status.is_conflict() => status,
        applied => return applied.map(drop).map_err(failed),
    };
    let causes = refused.details.iter().flat_map(|details| &details.causes);
    let fields: Vec<&str> = causes.map(|cause| cause.field.as_str()).collect();
    let mut rest = object.clone();
    if fields.is_empty() || !fields.iter().all(|field| leave_out(&mut rest, field)) {
        return Err(failed(kube::Error::Api(refused)));
    }
    info!(%what, fields = fields.join(" "), "left as the guest's administrator has changed it");
    let applied = api.patch(&name, &params, &Patch::Apply(&rest)).await;
    applied.map(drop).map_err(failed)
}

/// Removes a field from an object. The field has an API server's notation: `.spec.ports[port=53,protocol="UDP"].name`. Returns
/// true if the object had it.
fn leave_out(object: &mut Value, field: &str) -> bool {
    match object {
        Value::Object(fields) => {
            let Some(path) = field.strip_prefix('.') else {
                return false;
            };
            // A name may have dots in it, and is not quoted.
            let begins = |name: &&String| {
                path.strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
            };
            let Some(name) = fields
                .keys()
                .filter(begins)
                .max_by_key(|name| name.len())
                .cloned()
            else {
                return false;
            };
            match &path[name.len()..] {
                "" => fields.remove(&name).is_some(),
                rest => fields.get_mut(&name).is_some_and(|inner| leave_out(inner, rest)),
            }
        }
        Value::Array(items) => {
            let Some((key, rest)) = field.strip_prefix('[').and_then(|path| path.split_once(']')) else {
                return false;
            };
            let Some(at) = items.iter().position(|item| is_keyed(item, key)) else {
                return false;
            };
            if rest.is_empty() {
                items.remove(at);
                return true;
            }
            leave_out(&mut items[at], rest)
        }
        _ => false,
    }
}

/// Returns true if an item of a list has a key, as in `port=53,protocol="UDP"`.
fn is_keyed(item: &Value, key: &str) -> bool {
    key.split(',').all(|part| {
        let Some((name, value)) = part.split_once('=') else {
            return false;
        };
        serde_json::from_str::<Value>(value).is_ok_and(|value| item.get(name) == Some(&value))
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::of_an_object(".data.Corefile", "/data/Corefile")]
    #[case::with_dots(".metadata.labels.example.com/a.b", "/metadata/labels/example.com~1a.b")]
    #[case::of_an_item(r#".spec.containers[name="app"].image"#, "/spec/containers/1/image")]
    #[case::of_an_item_by_two(r#".spec.ports[port=53,protocol="UDP"].name"#, "/spec/ports/0/name")]
    #[case::a_whole_item(r#".spec.containers[name="app"]"#, "/spec/containers/1")]
    #[case::the_longer_of_two_names(".data.a.b", "/data/a.b")]
    fn a_field_is_left_out_and_nothing_else(#[case] field: &str, #[case] pointer: &str) {
        let object = json!({
            "metadata": {"labels": {"example.com/a.b": "c", "example": "d"}},
            "data": {"Corefile": "text", "a": "1", "a.b": "2"},
            "spec": {
                "containers": [{"name": "other", "image": "b"}, {"name": "app", "image": "a"}],
                "ports": [{"port": 53, "protocol": "UDP", "name": "dns"}, {"port": 53, "protocol": "TCP"}],
            },
        });
        let count = |value: &Value| serde_json::to_string(value).unwrap().matches(':').count();
        let mut rest = object.clone();
        assert!(leave_out(&mut rest, field));
        let gone = object.pointer(pointer).unwrap();
        assert_ne!(rest.pointer(pointer), Some(gone));
        assert_eq!(count(&object) - count(&rest), count(gone).max(1));
    }

    #[rstest]
    #[case::missing(".spec.replicas")]
    #[case::of_no_such_item(r#".spec.containers[name="none"].image"#)]
    #[case::of_a_set(r#".metadata.finalizers[="x"]"#)]
    fn what_the_object_does_not_have_is_not_left_out(#[case] field: &str) {
        let object = json!({"metadata": {"finalizers": ["x"]}, "spec": {"containers": [{"name": "app"}]}});
        let mut rest = object.clone();
        assert!(!leave_out(&mut rest, field));
        assert_eq!(rest, object);
    }
}
