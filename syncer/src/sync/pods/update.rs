//! Updates of a running pod: only of the fields that Kubernetes lets change, and only of the tenant's, so that containers, labels
//! and annotations which the host has added stay.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};
use kube::ResourceExt;
use serde_json::{Map, Value, json};
use vcluster_values::naming::own::OBJECT_GENERATION;
use vcluster_values::naming::{self, own};

use crate::sync::write::ownership::{self, MANAGED_LABELS};

/// Returns the strategic merge patch from a host pod to the wanted one; `None` if they are equal.
pub(super) fn patch(wanted: &Pod, host: &Pod) -> Option<Value> {
    let mut metadata = Map::new();
    let labels = difference(
        wanted.labels(),
        host.labels(),
        host.annotations().get(MANAGED_LABELS),
    );
    if !labels.is_empty() {
        metadata.insert("labels".to_owned(), Value::Object(labels));
    }
    let mut annotations = difference(
        wanted.annotations(),
        host.annotations(),
        host.annotations().get(naming::MANAGED_ANNOTATIONS),
    );
    for own in [MANAGED_LABELS, naming::MANAGED_ANNOTATIONS] {
        if !wanted.annotations().contains_key(own) && host.annotations().contains_key(own) {
            annotations.insert(own.to_owned(), Value::Null);
        }
    }
    if !annotations.is_empty() {
        metadata.insert("annotations".to_owned(), Value::Object(annotations));
    }
    let mut patch = Map::new();
    if is_changed(wanted, host)
        && let (Some(wanted), Some(host)) = (&wanted.spec, &host.spec)
    {
        let spec = spec(wanted, host);
        if !spec.is_empty() {
            patch.insert("spec".to_owned(), Value::Object(spec));
        }
    }
    if !metadata.is_empty() {
        patch.insert("metadata".to_owned(), Value::Object(metadata));
    }
    (!patch.is_empty()).then_some(Value::Object(patch))
}

/// Returns true if the guest pod has changed since the last update of the host pod, in more than labels and annotations.
pub(super) fn is_changed(wanted: &Pod, host: &Pod) -> bool {
    wanted.annotations().get(OBJECT_GENERATION) != host.annotations().get(OBJECT_GENERATION)
}

/// Restores the generation of the host pod, so that the update is of labels and annotations only, and the rest is still pending.
pub(super) fn leave_unheard(wanted: &mut Pod, host: &Pod) {
    let annotations = wanted.annotations_mut();
    match host.annotations().get(OBJECT_GENERATION) {
        Some(heard) => annotations.insert(OBJECT_GENERATION.to_owned(), heard.clone()),
        None => annotations.remove(OBJECT_GENERATION),
    };
}

/// Keeps the guest's annotations up to date under their former name, too, which the spec of an older host pod names.
pub(super) fn keep_former_annotations(wanted: &mut Pod, host: &Pod) {
    if host.annotations().contains_key(own::former::GUEST_ANNOTATIONS)
        && let Some(shown) = wanted.annotations().get(own::GUEST_ANNOTATIONS).cloned()
    {
        let annotations = wanted.annotations_mut();
        annotations.insert(own::former::GUEST_ANNOTATIONS.to_owned(), shown);
    }
}

/// Returns the merge patch of a map: entries to set, and null for entries to remove that the syncer once set.
fn difference(
    wanted: &BTreeMap<String, String>,
    host: &BTreeMap<String, String>,
    managed: Option<&String>,
) -> Map<String, Value> {
    let mut difference: Map<String, Value> = wanted
        .iter()
        .filter(|(name, value)| host.get(*name) != Some(value))
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    for name in managed.into_iter().flat_map(|names| names.lines()) {
        if !wanted.contains_key(name) && host.contains_key(name) && !ownership::is_own(name) {
            difference.insert(name.to_owned(), Value::Null);
        }
    }
    difference
}

fn spec(wanted: &PodSpec, host: &PodSpec) -> Map<String, Value> {
    let mut spec = Map::new();
    let containers = images(&wanted.containers, &host.containers);
    if !containers.is_empty() {
        spec.insert("containers".to_owned(), Value::Array(containers));
    }
    let none = Vec::new();
    let inits = images(
        wanted.init_containers.as_ref().unwrap_or(&none),
        host.init_containers.as_ref().unwrap_or(&none),
    );
    if !inits.is_empty() {
        spec.insert("initContainers".to_owned(), Value::Array(inits));
    }
    if wanted.active_deadline_seconds.is_some()
        && wanted.active_deadline_seconds != host.active_deadline_seconds
    {
        spec.insert(
            "activeDeadlineSeconds".to_owned(),
            json!(wanted.active_deadline_seconds),
        );
    }
    let mut tolerations = host.tolerations.clone().unwrap_or_default();
    let before = tolerations.len();
    for toleration in wanted.tolerations.iter().flatten() {
        if !tolerations.contains(toleration) {
            tolerations.push(toleration.clone());
        }
    }
    if tolerations.len() > before {
        spec.insert("tolerations".to_owned(), json!(tolerations));
    }
    spec
}

fn images(wanted: &[Container], host: &[Container]) -> Vec<Value> {
    wanted
        .iter()
        .filter(|container| {
            host.iter()
                .any(|other| other.name == container.name && other.image != container.image)
        })
        .map(|container| json!({"name": container.name, "image": container.image}))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(value: Value) -> Pod {
        serde_json::from_value(value).unwrap()
    }

    fn host() -> Pod {
        pod(json!({
            "metadata": {
                "labels": {"app": "write", "team": "a", "dapr.io/sidecar-injected": "true"},
                "annotations": {
                    "vcluster.loft.sh/managed-labels": "app\nteam",
                    "shared-dapr.io/object-generation": "1",
                },
            },
            "spec": {"containers": [{"name": "app", "image": "write:1"}, {"name": "daprd", "image": "daprd:1"}]},
        }))
    }

    fn wanted(image: &str, generation: &str) -> Pod {
        pod(json!({
            "metadata": {
                "labels": {"app": "write", "team": "a"},
                "annotations": {
                    "vcluster.loft.sh/managed-labels": "app\nteam",
                    "shared-dapr.io/object-generation": generation,
                },
            },
            "spec": {"containers": [{"name": "app", "image": image}]},
        }))
    }

    #[test]
    fn a_pod_as_wanted_is_left_alone() {
        assert_eq!(patch(&wanted("write:1", "1"), &host()), None);
    }

    #[test]
    fn what_the_host_made_of_an_image_is_left_alone() {
        assert_eq!(patch(&wanted("mirror/write:1", "1"), &host()), None);
    }

    #[test]
    fn a_new_image_names_its_container_alone() {
        let expected = json!({
            "spec": {"containers": [{"name": "app", "image": "write:2"}]},
            "metadata": {"annotations": {"shared-dapr.io/object-generation": "2"}},
        });
        assert_eq!(patch(&wanted("write:2", "2"), &host()), Some(expected));
    }

    #[test]
    fn a_native_sidecar_of_the_hosts_is_left_alone() {
        let mut host = host();
        let spec = host.spec.as_mut().unwrap();
        spec.init_containers = Some(vec![
            serde_json::from_value(json!({"name": "daprd", "image": "daprd:1", "restartPolicy": "Always"}))
                .unwrap(),
            serde_json::from_value(json!({"name": "prepare", "image": "prepare:1"})).unwrap(),
        ]);
        let mut wanted = wanted("write:1", "2");
        wanted.spec.as_mut().unwrap().init_containers = Some(vec![
            serde_json::from_value(json!({"name": "prepare", "image": "prepare:2"})).unwrap(),
        ]);
        let expected = json!({"initContainers": [{"name": "prepare", "image": "prepare:2"}]});
        assert_eq!(patch(&wanted, &host).unwrap()["spec"], expected);
    }

    #[test]
    fn a_label_that_the_tenant_removed_goes_and_the_hosts_stays() {
        let mut wanted = wanted("write:1", "1");
        wanted.labels_mut().remove("team");
        wanted
            .annotations_mut()
            .insert(MANAGED_LABELS.to_owned(), "app".to_owned());
        let expected = json!({"metadata": {
            "labels": {"team": null},
            "annotations": {"vcluster.loft.sh/managed-labels": "app"},
        }});
        assert_eq!(patch(&wanted, &host()), Some(expected));
    }
}
