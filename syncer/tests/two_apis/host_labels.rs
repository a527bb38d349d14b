//! Labels and annotations that the host adds to a mirror are shown in the guest, until the tenant sets them.

use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{NamespacePair, Tenant};

/// Values with which every ConfigMap has a mirror.
const VALUES: &str = "multiNamespaceMode: {enabled: true}\nsync: {configmaps: {all: true}}\n";

/// The path of a label whose key has a prefix.
const ZONE: &str = "/metadata/labels/mesh.example.org~1zone";

#[rstest]
#[case::a_pod(pod("app"))]
#[case::a_service(object("v1", "Service", &json!({"ports": [{"port": 80}]})))]
#[case::a_claim(object("v1", "PersistentVolumeClaim", &claim()))]
#[case::an_ingress(object("networking.k8s.io/v1", "Ingress", &json!({"rules": [{"host": "a.example.org"}]})))]
#[case::a_network_policy(object("networking.k8s.io/v1", "NetworkPolicy", &json!({"podSelector": {}})))]
#[case::a_disruption_budget(object("policy/v1", "PodDisruptionBudget", &json!({"minAvailable": 1})))]
#[tokio::test]
async fn what_the_host_adds_is_shown_and_follows(#[case] mut wanted: Value) {
    let space = NamespacePair::of_all_kinds().await;
    let (guest, host) = (&space.guest, &space.host);
    let kind = &wanted["kind"].as_str().expect("it has one").to_owned();
    wanted["metadata"]["labels"] = json!({"team": "a"});
    made(guest, wanted).await;
    host.appears(kind, "app").await;

    host.merge(kind, "app", &zone("one")).await;
    let shown = guest.shows(kind, "app", ZONE, "one").await;
    assert_eq!(shown["metadata"]["annotations"]["mesh.example.org/zone"], "one");
    assert_eq!(shown["metadata"]["labels"]["team"], "a");
    host.merge(kind, "app", &zone("two")).await;
    guest.shows(kind, "app", ZONE, "two").await;
    guest.merge(kind, "app", &zone(Value::Null)).await;
    guest.shows(kind, "app", ZONE, "two").await;

    host.merge(kind, "app", &zone(Value::Null)).await;
    let without = guest.sees(kind, "app", "without it", without_zone).await;
    assert_eq!(without["metadata"]["labels"], json!({"team": "a"}));
    let annotations = &without["metadata"]["annotations"];
    assert_eq!(annotations["shared-dapr.io/host-managed-keys"], Value::Null);
}

#[rstest]
#[case::a_pod(pod("app"))]
#[case::a_service(object("v1", "Service", &json!({"ports": [{"port": 80}]})))]
#[case::an_ingress(object("networking.k8s.io/v1", "Ingress", &json!({"rules": [{"host": "a.example.org"}]})))]
#[tokio::test]
async fn what_the_tenant_sets_is_the_tenants(#[case] wanted: Value) {
    let space = NamespacePair::of_all_kinds().await;
    let (guest, host) = (&space.guest, &space.host);
    let kind = &wanted["kind"].as_str().expect("it has one").to_owned();
    made(guest, wanted).await;
    host.appears(kind, "app").await;
    host.merge(kind, "app", &zone("one")).await;
    guest.shows(kind, "app", ZONE, "one").await;

    guest.merge(kind, "app", &zone("mine")).await;
    host.shows(kind, "app", ZONE, "mine").await;
    guest
        .sees(kind, "app", "without a note of it", |found| {
            found["metadata"]["annotations"]["shared-dapr.io/host-managed-keys"]
                .is_null()
                .then_some(())
        })
        .await;
    guest.merge(kind, "app", &zone(Value::Null)).await;
    host.sees(kind, "app", "without it", without_zone).await;
    guest.sees(kind, "app", "without it", without_zone).await;
}

#[tokio::test]
async fn what_the_host_has_given_is_not_taken_for_the_tenants_after_a_restart() {
    let mut tenant = Tenant::with_values("given", VALUES).await;
    let space = tenant.space("default").await;
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "app"}, "data": {"a": "1"}});
    space.guest.create(map).await;
    space.host.appears("ConfigMap", "app").await;
    space.host.merge("ConfigMap", "app", &zone("one")).await;
    space.guest.shows("ConfigMap", "app", ZONE, "one").await;

    tenant.stop().await;
    space.host.merge("ConfigMap", "app", &zone(Value::Null)).await;
    tenant.start().await;

    space
        .guest
        .sees("ConfigMap", "app", "without it", without_zone)
        .await;
    let theirs = space.host.get("ConfigMap", "app").await.expect("it stays");
    assert_eq!(without_zone(&theirs), Some(theirs));
}

fn object(api_version: &str, kind: &str, spec: &Value) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "app"}, "spec": spec})
}

fn claim() -> Value {
    json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}})
}

/// Returns metadata with a label and an annotation of the same key.
fn zone(value: impl Into<Value>) -> Value {
    let zone = Value::from_iter([("mesh.example.org/zone", value.into())]);
    json!({"metadata": {"labels": zone, "annotations": zone}})
}

fn without_zone(found: &Value) -> Option<Value> {
    let annotation = &found["metadata"]["annotations"]["mesh.example.org/zone"];
    (found.pointer(ZONE).is_none() && annotation.is_null()).then(|| found.clone())
}
