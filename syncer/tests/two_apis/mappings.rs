//! Objects that the host shows by configuration: single objects, namespaces, further classes.

use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{ALL, HOUSE, NamespacePair, ONE, Side, Tenant, namespace, unique};

#[tokio::test]
async fn a_config_map_is_shown_under_the_name_that_the_mapping_says() {
    let (guest, host) = sides(ONE).await;
    host.create(config_map("unnamed", "0")).await;
    host.create(config_map("settings", "1")).await;
    guest.shows("ConfigMap", "renamed", "/data/a", "1").await;
    host.merge("ConfigMap", "settings", &json!({"data": {"a": "2", "b": "3"}}))
        .await;
    guest
        .shows("ConfigMap", "renamed", "/data", json!({"a": "2", "b": "3"}))
        .await;
    guest
        .merge("ConfigMap", "renamed", &json!({"data": {"a": "4"}}))
        .await;
    guest.shows("ConfigMap", "renamed", "/data/a", "2").await;
    let theirs = host.get("ConfigMap", "settings").await;
    assert_eq!(theirs.expect("it stays")["data"]["a"], "2");
    host.delete("ConfigMap", "settings").await;
    guest.until_gone("ConfigMap", "renamed").await;
    assert_eq!(guest.get("ConfigMap", "unnamed").await, None);
}

#[rstest]
#[case::config_maps("ConfigMap", "/data/a", "1")]
#[case::secrets("Secret", "/data/a", "MQ==")]
#[tokio::test]
async fn all_of_a_namespace_is_shown(#[case] kind: &str, #[case] place: &str, #[case] value: &str) {
    let (guest, host) = sides(ALL).await;
    let (one, other) = (unique("shown"), unique("shown"));
    for name in [&one, &other] {
        let mut object = config_map(name, "1");
        if kind == "Secret" {
            object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "stringData": {"a": "1"}});
        }
        host.create(object).await;
        guest.shows(kind, name, place, value).await;
    }
    host.delete(kind, &one).await;
    guest.until_gone(kind, &one).await;
    assert!(guest.get(kind, &other).await.is_some());
}

#[tokio::test]
async fn what_the_tenant_has_made_itself_stays_its_own() {
    let (guest, host) = sides(ALL).await;
    let name = unique("own");
    let ours = guest.create(config_map(&name, "ours")).await;
    host.create(config_map(&name, "theirs")).await;
    guest
        .has_event("ConfigMap", &name, "which has one of its own")
        .await;
    assert_eq!(guest.get("ConfigMap", &name).await, Some(ours));
    guest.delete("ConfigMap", &name).await;
    guest.shows("ConfigMap", &name, "/data/a", "theirs").await;
}

#[tokio::test]
async fn a_service_of_the_host_is_found_at_its_address() {
    let (guest, host) = sides(ONE).await;
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "redis"},
        "spec": {"selector": {"app": "redis"}, "ports": [{"name": "redis", "port": 6379, "targetPort": 1}]},
    });
    let theirs = host.create(service).await;
    let ours = guest.appears("Service", "redis").await;
    assert_eq!(ours["spec"]["clusterIP"], theirs["spec"]["clusterIP"]);
    assert_eq!(ours["spec"]["ports"], theirs["spec"]["ports"]);
    // The host needs no further one for it.
    let mirror = host.within(&Tenant::configured().await.host_namespace(HOUSE));
    assert_eq!(mirror.get("Service", "redis").await, None);
    host.delete("Service", "redis").await;
    guest.until_gone("Service", "redis").await;
}

#[tokio::test]
async fn a_pod_keeps_a_priority_class_that_the_host_shows_and_no_other() {
    let space = NamespacePair::configured().await;
    let (guest, host) = (&space.guest, &space.host);
    let (shown, own) = (unique("shown"), unique("own"));
    let class = |name: &str, value: u32, labels: Value| {
        json!({
            "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name, "labels": labels}, "value": value,
        })
    };
    let (ours, theirs) = (guest.everywhere(), host.everywhere());
    theirs.create(class(&shown, 7, json!({"shown": "yes"}))).await;
    ours.shows("PriorityClass", &shown, "/value", 7).await;
    ours.create(class(&own, 1_000_000, json!({}))).await;
    // One of that name on the host that is not shown changes nothing.
    theirs.create(class(&own, 1_000_000, json!({}))).await;
    for name in [&shown, &own] {
        let mut wanted = pod(name);
        wanted["spec"]["priorityClassName"] = json!(name);
        made(guest, wanted).await;
    }
    let first = host.appears("Pod", &shown).await;
    assert_eq!(first["spec"]["priorityClassName"], shown);
    assert_eq!(first["spec"]["priority"], 7);
    let second = host.appears("Pod", &own).await;
    assert_eq!(second["spec"].get("priorityClassName"), None);
    assert_eq!(second["spec"]["priority"], 0);
}

#[tokio::test]
async fn a_runtime_class_of_the_host_can_be_named_by_a_pod() {
    let space = NamespacePair::configured().await;
    let name = unique("runtime");
    let class = json!({
        "apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": name}, "handler": "gold",
        "overhead": {"podFixed": {"cpu": "10m"}},
    });
    space.host.everywhere().create(class).await;
    let everywhere = space.guest.everywhere();
    everywhere.shows("RuntimeClass", &name, "/handler", "gold").await;
    let mut wanted = pod("app");
    wanted["spec"]["runtimeClassName"] = json!(name);
    made(&space.guest, wanted).await;
    let theirs = space.host.appears("Pod", "app").await;
    assert_eq!(theirs["spec"]["runtimeClassName"], name);
    assert_eq!(theirs["spec"]["overhead"], json!({"cpu": "10m"}));
}

/// Returns the guest namespace of the copies, and the host namespace of the originals.
async fn sides(from: &str) -> (Side, Side) {
    let tenant = Tenant::configured().await;
    let guest = tenant.guest().await;
    // Whichever test comes first makes it.
    let _ = guest.try_create(&namespace(HOUSE)).await;
    (guest.within(HOUSE), tenant.host().await.within(from))
}

fn config_map(name: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": value}})
}
