//! Everyday pods are accepted under the defaults, and running pods survive the upgrade.

use serde_json::{Value, json};

use super::{Layers, attempt, name_of};
use crate::pods::made;
use crate::rig::{NamespacePair, Tenant, unique};

const OPEN: &str =
    "multiNamespaceMode: {enabled: true}\ndefaults: {policies: {podSecurityStandard: privileged}}\n";

const DEFAULTS: &str = "multiNamespaceMode: {enabled: true}\n";

/// Returns a pod with all fields that charts of everyday software set.
fn everyday() -> Value {
    let probe = json!({"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": unique("everyday"), "annotations": {"prometheus.io/scrape": "true"}},
        "spec": {
            "securityContext": {
                "runAsUser": 0, "fsGroup": 2000, "supplementalGroups": [3000],
                "seccompProfile": {"type": "RuntimeDefault"},
                "sysctls": [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}],
            },
            "shareProcessNamespace": true,
            "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["db"]}],
            "dnsConfig": {"options": [{"name": "ndots", "value": "2"}]},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30}],
            "affinity": {"podAntiAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 1,
                "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": {"app": "a"}}},
            }]}},
            "topologySpreadConstraints": [{
                "maxSkew": 1, "topologyKey": "kubernetes.io/hostname", "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": {"app": "a"}},
            }],
            "initContainers": [{
                "name": "prepare", "image": "example.com/prepare:1",
                "securityContext": {"capabilities": {"drop": ["ALL"], "add": ["CHOWN", "SETUID", "SETGID"]}},
            }],
            "containers": [{
                "name": "app", "image": "example.com/app:1",
                "ports": [{"name": "http", "containerPort": 8080}, {"name": "dns", "containerPort": 53, "protocol": "UDP"}],
                "livenessProbe": probe, "readinessProbe": {"tcpSocket": {"port": "http"}}, "startupProbe": {"exec": {"command": ["true"]}},
                "lifecycle": {"preStop": {"exec": {"command": ["sleep", "1"]}}},
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "64Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": true, "readOnlyRootFilesystem": false, "privileged": false,
                    "capabilities": {"add": ["NET_BIND_SERVICE"]},
                },
                "volumeMounts": [{"name": "scratch", "mountPath": "/tmp"}],
            }],
            "volumes": [
                {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}},
                {"name": "settings", "configMap": {"name": "settings", "optional": true}},
                {"name": "keys", "secret": {"secretName": "keys", "optional": true}},
                {"name": "info", "downwardAPI": {"items": [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]}},
                {"name": "all", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}},
                {"name": "data", "persistentVolumeClaim": {"claimName": "data"}},
                {"name": "cache", "ephemeral": {"volumeClaimTemplate": {"spec": {
                    "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}},
                }}}},
            ],
        },
    })
}

#[tokio::test]
async fn an_everyday_pod_passes_all_layers() {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let wanted = everyday();
    for layer in [&layers.policies, &layers.pod_security] {
        attempt(layer, "Pod", &wanted).await.expect("it passes");
    }
    let name = name_of(&wanted);
    made(&space.guest, wanted).await;
    space.host.appears("Pod", &name).await;
}

#[tokio::test]
async fn pods_that_run_outlive_the_upgrade_and_are_named() {
    let mut tenant = Tenant::with_values("before", OPEN).await;
    let space = tenant.space("default").await;
    let mut wanted = crate::pods::pod("agent");
    wanted["spec"]["hostPID"] = json!(true);
    made(&space.guest, wanted).await;
    let before = space.host.appears("Pod", "agent").await;
    made(&space.guest, crate::pods::pod("plain")).await;
    space.host.appears("Pod", "plain").await;
    let host = tenant.host().await;
    let name = tenant.host_namespace("default");
    let enforce = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    host.shows("Namespace", &name, enforce, "privileged").await;

    tenant.upgrade(DEFAULTS).await.expect("the chart takes it");
    tenant.stop().await;
    tenant.give_values(DEFAULTS);
    tenant.start().await;

    host.shows("Namespace", &name, enforce, "baseline").await;
    space
        .guest
        .has_event(
            "Pod",
            "agent",
            "the host would refuse it if it were created now: spec.hostPID: ",
        )
        .await;
    // It is the same pod, and what may change of it still does.
    space
        .guest
        .merge("Pod", "agent", &json!({"metadata": {"labels": {"later": "yes"}}}))
        .await;
    let after = space
        .host
        .shows("Pod", "agent", "/metadata/labels/later", "yes")
        .await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(after["metadata"].get("deletionTimestamp"), None);
    // A new one is refused.
    let mut again = crate::pods::pod("again");
    again["spec"]["hostPID"] = json!(true);
    space.guest.create(again).await;
    space.guest.has_event("Pod", "again", "spec.hostPID: ").await;
    let told = space.guest.list("Event").await;
    let of_plain = told
        .iter()
        .filter(|event| event["regarding"]["name"] == "plain" || event["involvedObject"]["name"] == "plain");
    let reasons: Vec<_> = of_plain.filter_map(|event| event["reason"].as_str()).collect();
    assert!(!reasons.contains(&"PolicyViolation"), "{reasons:?}");
}

/// The label that earlier charts gave the pod of a control plane. The selector of a `StatefulSet` cannot change.
const LABEL_OF_BEFORE: &str = "virtual-cluster";

#[tokio::test]
async fn a_release_keeps_the_selector_that_it_was_installed_with() {
    let tenant = Tenant::with_values("selected", OPEN).await;
    let host = tenant.host().await.within(tenant.namespace());
    let mut set = host.appears("StatefulSet", tenant.name()).await;
    assert_eq!(set["spec"]["selector"]["matchLabels"]["app"], "vcluster");
    host.delete("StatefulSet", tenant.name()).await;
    host.until_gone("StatefulSet", tenant.name()).await;
    for labels in ["/spec/selector/matchLabels", "/spec/template/metadata/labels"] {
        set.pointer_mut(labels).expect("it has some")["app"] = json!(LABEL_OF_BEFORE);
    }
    let metadata = set["metadata"].as_object_mut().expect("it has some");
    metadata.retain(|field, _| ["name", "namespace", "labels", "annotations"].contains(&field.as_str()));
    set.as_object_mut().expect("it is one").remove("status");
    host.create(set).await;

    tenant.upgrade(DEFAULTS).await.expect("the selector is the same");

    let set = host.appears("StatefulSet", tenant.name()).await;
    let template = &set["spec"]["template"]["metadata"];
    assert_eq!(template["labels"]["app"], LABEL_OF_BEFORE);
    let service = host.appears("Service", tenant.name()).await;
    assert_eq!(service["spec"]["selector"]["app"], LABEL_OF_BEFORE);
}
