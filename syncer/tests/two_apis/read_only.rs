//! Fields that a tenant adds to a copy of a host object are removed, as changes are reverted. The same holds for fields that
//! somebody on the host adds to a replica of a tenant's Service.

use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{ALL, HOUSE, Host, Side, Tenant, namespace, unique};
use crate::rules::define;

#[rstest]
#[case::a_label_of_a_storage_class(
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "a.b/c"}),
    json!({"metadata": {"labels": {"ours": "a"}}})
)]
#[case::a_default_storage_class(
    json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "a.b/c"}),
    json!({"metadata": {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}})
)]
#[case::parameters_of_an_ingress_class(
    json!({"apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "spec": {"controller": "a.b/c"}}),
    json!({"spec": {"parameters": {"kind": "Ours", "name": "ours", "scope": "Cluster"}}})
)]
#[case::a_label_of_a_node(
    json!({"apiVersion": "v1", "kind": "Node"}), json!({"metadata": {"labels": {"ours": "a"}}})
)]
#[case::an_annotation_of_a_node(
    json!({"apiVersion": "v1", "kind": "Node"}), json!({"metadata": {"annotations": {"ours": "a"}}})
)]
#[case::a_taint_of_a_node(
    json!({"apiVersion": "v1", "kind": "Node"}),
    json!({"spec": {"taints": [{"key": "ours", "effect": "NoExecute"}], "unschedulable": true}})
)]
// A field that an API server does not change back needs a new object.
#[case::an_identity_of_a_node(json!({"apiVersion": "v1", "kind": "Node"}), json!({"spec": {"providerID": "ours"}}))]
#[tokio::test]
async fn what_a_tenant_adds_to_a_copy_of_a_cluster_scoped_kind_is_removed(
    #[case] mut theirs: Value,
    #[case] more: Value,
) {
    let tenant = Tenant::of_all_kinds().await;
    let name = unique("shown");
    theirs["metadata"] = json!({"name": name, "labels": {"tier": "gold"}});
    undone(&tenant.host().await, &tenant.guest().await, theirs, &name, &more).await;
}

#[rstest]
#[case::overhead_of_a_runtime_class(
    json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "gold"}),
    json!({"overhead": {"podFixed": {"cpu": "1"}}})
)]
#[case::places_of_a_runtime_class(
    json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "handler": "gold"}),
    json!({"scheduling": {"nodeSelector": {"ours": "a"}}})
)]
#[case::a_description_of_a_priority_class(
    json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "value": 7}), json!({"description": "ours"})
)]
#[tokio::test]
async fn what_a_tenant_adds_to_a_copy_of_a_class_is_removed(#[case] mut theirs: Value, #[case] more: Value) {
    let tenant = Tenant::configured().await;
    let name = unique("shown");
    theirs["metadata"] = json!({"name": name, "labels": {"shown": "yes"}});
    undone(&tenant.host().await, &tenant.guest().await, theirs, &name, &more).await;
}

#[rstest]
#[case::a_key_of_a_config_map("ConfigMap", json!({"data": {"ours": "a"}}))]
#[case::bytes_of_a_config_map("ConfigMap", json!({"binaryData": {"ours": "YQ=="}}))]
#[case::the_end_of_all_changes("ConfigMap", json!({"immutable": true}))]
#[case::a_key_of_a_secret("Secret", json!({"data": {"ours": "YQ=="}}))]
#[case::a_text_of_a_secret("Secret", json!({"stringData": {"ours": "a"}}))]
#[case::a_label_of_a_secret("Secret", json!({"metadata": {"labels": {"ours": "a"}}}))]
#[tokio::test]
async fn what_a_tenant_adds_to_a_copy_by_mapping_is_removed(#[case] kind: &str, #[case] more: Value) {
    let tenant = Tenant::configured().await;
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    // Whichever test comes first makes it.
    let _ = guest.try_create(&namespace(HOUSE)).await;
    let name = unique("shown");
    let theirs = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, "data": {"a": "MQ=="}});
    undone(&host.within(ALL), &guest.within(HOUSE), theirs, &name, &more).await;
}

#[tokio::test]
async fn what_a_tenant_adds_to_a_service_of_the_hosts_is_removed() {
    let host = Host::shared().await.admin().await;
    let there = unique("stores");
    host.create(namespace(&there)).await;
    let values = format!(
        "multiNamespaceMode: {{enabled: true}}\nmapServices:\n  fromHost:\n  - {{from: {there}/peers, to: corner/peers}}\n"
    );
    let tenant = Tenant::with_values("extended", &values).await;
    let (corner, there) = (tenant.guest().await.within("corner"), host.within(&there));
    undone(
        &there,
        &corner,
        service("peers"),
        "peers",
        &json!({"spec": {"selector": {"app": "ours"}}}),
    )
    .await;
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "peers"},
        "subsets": [{"addresses": [{"ip": "10.1.2.3"}], "ports": [{"port": 6379}]}],
    });
    let more = json!({"metadata": {"labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}}});
    undone(&there, &corner, endpoints, "peers", &more).await;
}

#[tokio::test]
async fn what_a_tenant_adds_to_a_copy_of_a_custom_kind_is_removed() {
    let host = Host::shared().await.admin().await;
    let group = "added.example.com";
    define(&host, group, "Cluster", "Ship", "ships", json!({"status": {}})).await;
    let values = format!(
        "sync:\n  toHost: {{namespaces: {{enabled: true}}}}\n  fromHost:\n    customResources:\n      \
         ships.{group}: {{enabled: true, scope: Cluster}}\n"
    );
    let tenant = Tenant::with_values("ships", &values).await;
    let name = unique("ship");
    let theirs = json!({
        "apiVersion": format!("{group}/v1"), "kind": "Ship", "metadata": {"name": name},
        "spec": {"decks": [{"name": "upper"}], "large": 9_007_199_254_740_993_u64},
    });
    let more = json!({"spec": {"ours": {"a": 1}}, "metadata": {"labels": {"ours": "a"}}});
    undone(&host, &tenant.guest().await, theirs, &name, &more).await;
}

#[tokio::test]
async fn what_the_host_adds_to_a_replica_is_removed() {
    let host = Host::shared().await.admin().await;
    let there = unique("clients");
    host.create(namespace(&there)).await;
    let values = format!(
        "experimental: {{multiNamespaceMode: {{enabled: true}}}}\nnetworking:\n  replicateServices:\n    toHost:\n    \
         - {{from: default/web, to: {there}/web}}\n"
    );
    let tenant = Tenant::with_values("extends", &values).await;
    let (guest, there) = (tenant.guest().await.within("default"), host.within(&there));
    let more = json!({"spec": {"selector": {"app": "ours"}}, "metadata": {"labels": {"ours": "a"}}});
    // One without an address is not recreated because the host has given that to somebody else.
    let mut web = service("web");
    web["spec"]["clusterIP"] = json!("None");
    undone(&guest, &there, web, "web", &more).await;
}

/// Creates an object that is shown on the other side, adds fields there, and waits until they are removed.
async fn undone(from: &Side, to: &Side, theirs: Value, name: &str, more: &Value) {
    let kind = theirs["kind"].as_str().expect("it has one").to_owned();
    let original = from.create(theirs).await;
    let before = to.appears(&kind, name).await;
    let changed = to.merge(&kind, name, more).await;
    assert_ne!(what(&changed), what(&before), "it is taken");
    to.sees(&kind, name, "as before", |found| {
        (what(found) == what(&before)).then_some(())
    })
    .await;
    let after = from.get(&kind, name).await.expect("it stays");
    assert_eq!(after["metadata"]["uid"], original["metadata"]["uid"]);
    for field in ["data", "spec", "overhead", "subsets"] {
        assert_eq!(after[field], original[field], "{field}");
    }
    from.delete(&kind, name).await;
    to.until_gone(&kind, name).await;
}

/// Returns an object without its status and the metadata of its API.
fn what(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].take();
    object["metadata"] = json!([metadata["labels"], metadata["annotations"]]);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    object
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"name": "redis", "port": 6379}]},
    })
}
