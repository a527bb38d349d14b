use rstest::rstest;
use serde_json::{Value, json};

use super::*;

fn violations(resource: Resource, object: &Value) -> Vec<String> {
    let all = Admission::default().violations(resource, object);
    let path = |violation: String| violation.split(':').next().unwrap_or_default().to_owned();
    all.into_iter().map(path).collect()
}

#[test]
fn every_field_is_named_with_its_path() {
    let pod = json!({"spec": {
        "hostNetwork": true,
        "securityContext": {"sysctls": [{"name": "net.ipv4.tcp_syncookies"}, {"name": "kernel.msgmax"}]},
        "volumes": [
            {"name": "scratch", "emptyDir": {}},
            {"name": "export", "nfs": {"server": "10.0.0.1", "path": "/"}},
            {"name": "default"},
            {"name": "claim", "ephemeral": {"volumeClaimTemplate": {"spec": {"volumeName": "pv"}}}},
        ],
        "initContainers": [{"name": "a", "ports": [{"containerPort": 1}, {"containerPort": 2, "hostPort": 2}]}],
        "containers": [
            {"name": "b", "securityContext": {"capabilities": {"add": ["CHOWN", "SYS_ADMIN"]}}},
        ],
        "ephemeralContainers": [{"name": "c", "securityContext": {"privileged": true}}],
        "tolerations": [{"operator": "Exists"}, {"key": "node.kubernetes.io/not-ready"}],
    }});
    assert_eq!(
        violations(Resource::Pods, &pod),
        [
            "spec.hostNetwork",
            "spec.ephemeralContainers[0].securityContext.privileged",
            "spec.containers[0].securityContext.capabilities.add[1]",
            "spec.initContainers[0].ports[1].hostPort",
            "spec.securityContext.sysctls[1].name",
            "spec.volumes[1]",
            "spec.volumes[3].ephemeral.volumeClaimTemplate.spec.volumeName",
            "spec.tolerations[0].key",
        ]
    );
}

#[test]
fn what_says_no_complies() {
    let pod = json!({"metadata": {"annotations": {
        "container.apparmor.security.beta.kubernetes.io/a": "runtime/default",
    }}, "spec": {
        "hostNetwork": false,
        "priorityClassName": "important",
        "containers": [{
            "name": "a",
            "securityContext": {"privileged": false, "procMount": "Default"},
            "ports": [{"containerPort": 1, "hostPort": 0}],
            "livenessProbe": {"httpGet": {"port": 1}},
        }],
    }});
    assert_eq!(violations(Resource::Pods, &pod), [""; 0]);
    assert_eq!(violations(Resource::Secrets, &json!({"type": "Opaque"})), [""; 0]);
}

#[rstest]
#[case::of_services(Resource::Services, json!({"spec": {"externalIPs": ["192.0.2.1"]}}), "spec.externalIPs[0]")]
#[case::of_claims(Resource::Claims, json!({"spec": {"volumeName": "pv"}}), "spec.volumeName")]
#[case::of_secrets(Resource::Secrets, json!({"type": "kubernetes.io/service-account-token"}), "type")]
#[case::of_annotations(
    Resource::Pods,
    json!({"metadata": {"annotations": {"container.apparmor.security.beta.kubernetes.io/a": "unconfined"}}}),
    "metadata.annotations"
)]
fn other_kinds_have_rules(#[case] resource: Resource, #[case] object: Value, #[case] field: &str) {
    assert_eq!(violations(resource, &object), [field]);
}

#[test]
fn the_values_allow_names_and_reach() {
    let pod = json!({"spec": {
        "hostPID": true,
        "runtimeClassName": "gvisor",
        "tolerations": [{"key": "example.com/gpu"}],
        "volumes": [{"name": "a", "csi": {"driver": "secrets-store.csi.k8s.io"}}, {"name": "b", "nfs": {}}],
    }});
    let admission = Admission {
        level: Level::Privileged,
        tolerations: vec!["example.com/*".to_owned()],
        runtime_classes: vec!["gvisor".to_owned()],
        csi_drivers: vec!["secrets-store.csi.k8s.io".to_owned()],
    };
    let found = admission.violations(Resource::Pods, &pod);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("spec.volumes[1]: "), "{found:?}");
    assert_eq!(Admission::default().violations(Resource::Pods, &pod).len(), 5);
}
