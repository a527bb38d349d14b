//! The copy of a host pod. It has all fields that the guest's API accepts, as nothing in the guest ever runs it.

use std::collections::HashSet;
use std::hash::Hash;

use k8s_openapi::api::core::v1::{Container, Pod, PodSpec};

/// Returns the spec of a copy on this node, if on any.
///
/// It has no accounts, classes, PVCs and gates: those are objects or controllers of the host that the guest does not have.
pub(super) fn spec(host: &Pod, node: Option<String>) -> PodSpec {
    let mut spec = host.spec.clone().unwrap_or_default();
    spec.node_name = node;
    spec.service_account_name = Some("default".to_owned());
    spec.service_account = None;
    spec.automount_service_account_token = Some(false);
    spec.image_pull_secrets = None;
    spec.priority = None;
    spec.priority_class_name = None;
    spec.preemption_policy = None;
    spec.runtime_class_name = None;
    spec.overhead = None;
    spec.resource_claims = None;
    spec.scheduling_gates = None;
    spec.scheduling_group = None;
    // They are added to running pods, and by another door.
    spec.ephemeral_containers = None;
    let inits = spec.init_containers.iter_mut().flatten();
    inits.chain(&mut spec.containers).for_each(show_container);
    once_each(spec.host_aliases.as_mut(), |alias| alias.ip.clone());
    spec
}

/// Returns true if an annotation may be copied: the API gives some a meaning of their own.
pub(super) fn may_pass(annotation: &str) -> bool {
    // With these, it takes a pod for a node's own.
    !annotation.starts_with("kubernetes.io/config.")
}

fn show_container(container: &mut Container) {
    if let Some(resources) = &mut container.resources {
        resources.claims = None;
    }
    // Of variables of one name, the last one holds.
    if let Some(variables) = &mut container.env {
        variables.reverse();
    }
    once_each(container.env.as_mut(), |variable| variable.name.clone());
    if let Some(variables) = &mut container.env {
        variables.reverse();
    }
    once_each(container.ports.as_mut(), |port| {
        (port.container_port, port.protocol.clone())
    });
}

/// Keeps the first item of each key. Server-side apply refuses a list with duplicate keys, although pods may have one.
fn once_each<T, K: Eq + Hash>(list: Option<&mut Vec<T>>, key: impl Fn(&T) -> K) {
    let mut seen = HashSet::new();
    if let Some(list) = list {
        list.retain(|item| seen.insert(key(item)));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_copy_has_nothing_that_only_the_host_knows() {
        let host: Pod = serde_json::from_value(json!({"spec": {
            "nodeName": "worker-1",
            "serviceAccountName": "builder",
            "serviceAccount": "builder",
            "priority": 1000,
            "priorityClassName": "high",
            "preemptionPolicy": "PreemptLowerPriority",
            "runtimeClassName": "gvisor",
            "overhead": {"memory": "64Mi"},
            "imagePullSecrets": [{"name": "registry"}],
            "resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}],
            "schedulerName": "default-scheduler",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
            "containers": [{
                "name": "build",
                "image": "build:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "A", "value": "3"}],
                "ports": [
                    {"name": "http", "containerPort": 8080, "protocol": "TCP"},
                    {"name": "metrics", "containerPort": 8080, "protocol": "TCP"},
                ],
                "resources": {"claims": [{"name": "gpu"}]},
                "volumeMounts": [{"name": "kube-api-access-1", "mountPath": "/var/run/secrets"}],
            }],
            "volumes": [{"name": "kube-api-access-1", "projected": {"sources": [
                {"serviceAccountToken": {"path": "token"}},
            ]}}],
        }}))
        .unwrap();
        insta::assert_yaml_snapshot!(spec(&host, Some("worker-1".to_owned())));
    }
}
