//! Resizes of a running pod and its containers, in place as by `kubectl patch --subresource resize`.
//!
//! Only the resources of the guest pod are passed on: the host may have filled in the rest, and has other containers.

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec, ResourceRequirements};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::{Map, Value, json};

use super::Pods;
use crate::sync::runtime::error::{Attempt, ReconcileError, unless_gone};
use crate::sync::runtime::key::Key;

impl Pods {
    /// Applies the guest pod's resources to the host pod, if the guest pod has changed since the host pod's last update.
    pub(super) async fn resize(&self, key: &Key, wanted: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let Some(mut body) = changes(wanted, host) else {
            return Ok(());
        };
        body["metadata"] = json!({"uid": host.uid()});
        self.context.metrics().write("host", "Pod", "resize");
        let hosts: Api<Pod> = self.context.host_api(&key.namespace);
        let params = PatchParams::default();
        unless_gone(
            hosts
                .patch_subresource("resize", &key.name, &params, &Patch::Strategic(body))
                .await,
        )
        .attempting(|| format!("resize pod {key} on the host"))
    }
}

/// Returns the patch of a pod's `resize`; `None` if there is nothing to change.
fn changes(wanted: &Pod, host: &Pod) -> Option<Value> {
    let (wanted, host) = (wanted.spec.as_ref()?, host.spec.as_ref()?);
    let mut spec = Map::new();
    let inits = |spec: &PodSpec| spec.init_containers.clone().unwrap_or_default();
    for (field, wanted, host) in [
        ("containers", &wanted.containers, &host.containers),
        ("initContainers", &inits(wanted), &inits(host)),
    ] {
        let changed = of_containers(wanted, host);
        if !changed.is_empty() {
            spec.insert(field.to_owned(), Value::Array(changed));
        }
    }
    if let Some(wanted) = &wanted.resources {
        let changed = difference(wanted, host.resources.as_ref());
        if !changed.is_empty() {
            spec.insert("resources".to_owned(), Value::Object(changed));
        }
    }
    (!spec.is_empty()).then(|| json!({"spec": spec}))
}

fn of_containers(wanted: &[Container], host: &[Container]) -> Vec<Value> {
    let changed = wanted.iter().filter_map(|wanted| {
        let host = host.iter().find(|host| host.name == wanted.name)?;
        let resources = difference(wanted.resources.as_ref()?, host.resources.as_ref());
        (!resources.is_empty()).then(|| json!({"name": wanted.name, "resources": resources}))
    });
    changed.collect()
}

fn difference(wanted: &ResourceRequirements, host: Option<&ResourceRequirements>) -> Map<String, Value> {
    let mut difference = Map::new();
    for (field, wanted, host) in [
        (
            "requests",
            &wanted.requests,
            host.and_then(|host| host.requests.as_ref()),
        ),
        (
            "limits",
            &wanted.limits,
            host.and_then(|host| host.limits.as_ref()),
        ),
    ] {
        let changed: Map<String, Value> = (wanted.iter().flatten())
            .filter(|(name, quantity)| host.and_then(|host| host.get(*name)) != Some(quantity))
            .map(|(name, quantity)| (name.clone(), json!(quantity)))
            .collect();
        if !changed.is_empty() {
            difference.insert(field.to_owned(), Value::Object(changed));
        }
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(spec: &Value) -> Pod {
        serde_json::from_value(json!({"spec": spec})).unwrap()
    }

    #[test]
    fn what_the_guest_says_and_the_host_has_otherwise_is_changed() {
        let wanted = pod(&json!({"containers": [
            {"name": "app", "resources": {"requests": {"cpu": "200m", "memory": "64Mi"}}},
            {"name": "plain"},
        ]}));
        let host = pod(&json!({"containers": [
            {"name": "daprd", "resources": {"requests": {"cpu": "1"}}},
            {"name": "app", "resources": {"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"cpu": "1"}}},
            {"name": "plain", "resources": {"limits": {"cpu": "1"}}},
        ]}));
        assert_eq!(
            changes(&wanted, &host),
            Some(
                json!({"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": "200m"}}}]}})
            )
        );
        assert_eq!(changes(&host, &host), None);
    }

    #[test]
    fn what_the_whole_pod_may_use_is_changed() {
        let of = |cpu: &str| {
            pod(&json!({"containers": [], "resources": {"requests": {"cpu": cpu}, "limits": {"cpu": "1"}}}))
        };
        assert_eq!(
            changes(&of("200m"), &of("100m")),
            Some(json!({"spec": {"resources": {"requests": {"cpu": "200m"}}}}))
        );
        assert_eq!(changes(&of("100m"), &of("100m")), None);
    }
}
