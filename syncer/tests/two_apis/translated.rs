//! Pods whose fields mean something else on the host, or that the guest's API server has already changed: the host accepts them.

use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::NamespacePair;

/// An API server puts the pod's value of each key into the selector, and refuses a selector that has one already.
#[rstest]
#[case::of_a_spread_constraint(
    json!({"topologySpreadConstraints": [{
        "maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": {"app": "app"}}, "matchLabelKeys": ["rev"],
    }]}),
    "/topologySpreadConstraints/0"
)]
#[case::of_affinity(
    json!({"affinity": {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
        {"weight": 1, "podAffinityTerm": term("matchLabelKeys")},
    ]}}}),
    "/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm"
)]
#[case::of_anti_affinity(
    json!({"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term("matchLabelKeys")]}}}),
    "/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/0"
)]
#[case::of_another_revision(
    json!({"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term("mismatchLabelKeys")]}}}),
    "/affinity/podAffinity/requiredDuringSchedulingIgnoredDuringExecution/0"
)]
#[tokio::test]
async fn a_pod_selects_others_by_the_values_of_its_own_labels(#[case] spec: Value, #[case] place: &str) {
    let space = NamespacePair::shared().await;
    let mut wanted = with(spec);
    wanted["metadata"]["labels"]["rev"] = json!("1");
    let ours = made(&space.guest, wanted).await;
    let theirs = space.host.appears("Pod", "app").await;
    // Whoever schedules finds each value once: in the selector, or (Kubernetes 1.33, spread constraints) by the key.
    let [ours, theirs] = [ours, theirs].map(|pod| pod["spec"].pointer(place).cloned().expect("it stays"));
    assert_eq!(theirs["labelSelector"], ours["labelSelector"]);
    let merged = theirs["labelSelector"]["matchExpressions"]
        .as_array()
        .map_or(0, Vec::len);
    let keys =
        ["matchLabelKeys", "mismatchLabelKeys"].map(|keys| theirs[keys].as_array().map_or(0, Vec::len));
    assert_eq!(merged + keys[0] + keys[1], 1, "{theirs}");
}

#[tokio::test]
async fn a_pod_has_its_own_name_servers_beside_the_clusters_as_many_as_a_kubelet_keeps() {
    let space = NamespacePair::shared().await;
    let searches: Vec<String> = (0..30).map(|number| format!("d{number}.test")).collect();
    let own = json!({"nameservers": ["192.0.2.1", "192.0.2.2", "192.0.2.3"], "searches": searches});
    made(&space.guest, with(json!({"dnsConfig": own}))).await;
    let theirs = space.host.appears("Pod", "app").await;
    let config = &theirs["spec"]["dnsConfig"];
    assert_eq!(config["nameservers"].as_array().map(Vec::len), Some(3));
    assert_eq!(config["nameservers"][1], "192.0.2.1");
    assert_eq!(config["searches"].as_array().map(Vec::len), Some(32));
    let told = "left out of the pod's DNS configuration: 192.0.2.3, d29.test. ";
    space.guest.has_event("Pod", "app", told).await;
}

#[tokio::test]
async fn a_full_host_name_is_never_that_of_a_host_namespace() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let full =
        |hostname: &str| json!({"hostname": hostname, "subdomain": "orders", "setHostnameAsFQDN": true});
    made(guest, with(full("db"))).await;
    let theirs = host.appears("Pod", "app").await;
    let expected = format!("db.orders.{}.svc.cluster.local", guest.namespace());
    assert_ne!(theirs["spec"]["setHostnameAsFQDN"], true);
    let given = theirs["spec"]["hostnameOverride"].as_str();
    if given != Some(&expected) {
        assert_eq!(given, None);
        let told = format!("the pod's host name is db, not {expected}");
        guest.has_event("Pod", "app", &told).await;
    }
    let mut long = with(full(&"d".repeat(60)));
    long["metadata"]["name"] = json!("long");
    made(guest, long).await;
    guest.has_event("Pod", "long", "shorten spec.hostname").await;
    assert_eq!(host.get("Pod", "long").await, None);
}

/// A file of a Secret belongs to root.
#[tokio::test]
async fn a_token_can_be_read_by_the_user_that_the_pod_runs_as() {
    let space = NamespacePair::shared().await;
    let token = json!({"path": "token", "audience": "vault", "expirationSeconds": 3600});
    let volume = json!({"name": "t", "projected": {"defaultMode": 0o400, "sources": [{"serviceAccountToken": token}]}});
    made(
        &space.guest,
        with(json!({"securityContext": {"runAsUser": 1000, "runAsNonRoot": true}, "volumes": [volume]})),
    )
    .await;
    let theirs = space.host.appears("Pod", "app").await;
    let items = &theirs["spec"]["volumes"][0]["projected"]["sources"][0]["secret"]["items"];
    assert_eq!(items[0]["mode"], 0o444);
}

#[tokio::test]
async fn a_file_with_the_pods_annotations_has_the_tenants_and_follows_them() {
    let space = NamespacePair::shared().await;
    let items = json!([{"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}}]);
    let mut wanted = with(json!({"volumes": [{"name": "info", "downwardAPI": {"items": items}}]}));
    wanted["metadata"]["annotations"] = json!({"note": "a note"});
    made(&space.guest, wanted).await;
    let theirs = space.host.appears("Pod", "app").await;
    let field = &theirs["spec"]["volumes"][0]["downwardAPI"]["items"][0]["fieldRef"]["fieldPath"];
    assert_eq!(field, "metadata.annotations['shared-dapr.io/guest-annotations']");
    let place = "/metadata/annotations/shared-dapr.io~1guest-annotations";
    assert_eq!(theirs.pointer(place), Some(&json!("note=\"a note\"")));
    let change = json!({"metadata": {"annotations": {"note": null, "team": "a"}}});
    space.guest.merge("Pod", "app", &change).await;
    space.host.shows("Pod", "app", place, "team=\"a\"").await;
}

#[tokio::test]
async fn a_volume_that_only_an_annotation_of_daprs_names_gets_an_event() {
    let space = NamespacePair::shared().await;
    let mut wanted = pod("app");
    wanted["metadata"]["annotations"] =
        json!({"dapr.io/enabled": "true", "dapr.io/volume-mounts": "words:/words"});
    made(&space.guest, wanted).await;
    space.host.appears("Pod", "app").await;
    let told = "annotation dapr.io/volume-mounts names volume words, which the pod does not have";
    space.guest.has_event("Pod", "app", told).await;
}

fn with(spec: Value) -> Value {
    let mut pod = pod("app");
    let Value::Object(fields) = spec else {
        panic!("{spec} has fields")
    };
    pod["spec"].as_object_mut().expect("it has fields").extend(fields);
    pod
}

fn term(keys: &str) -> Value {
    json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": "app"}}, keys: ["rev"]})
}
