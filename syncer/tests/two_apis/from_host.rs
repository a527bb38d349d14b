//! Projections: objects of the host that the guest shows.

use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{going, made, pod, run_on, stopped};
use crate::rig::{NamespacePair, Side, Tenant, unique};

#[rstest]
#[case::a_storage_class(json!({
    "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
    "provisioner": "example.org/fast", "parameters": {"tier": "gold"},
}), "/parameters/tier")]
#[case::an_ingress_class(json!({
    "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass",
    "spec": {"controller": "example.org/gold"},
}), "/spec/controller")]
#[tokio::test]
async fn a_class_of_the_host_is_in_the_guest_and_is_deleted_with_it(
    #[case] mut class: Value,
    #[case] place: &str,
) {
    let (guest, host) = sides().await;
    let name = unique("class");
    let kind = class["kind"].as_str().expect("it has one").to_owned();
    class["metadata"] = json!({"name": name, "labels": {"team": "a"}});
    let theirs = host.create(class.clone()).await;
    let ours = guest.appears(&kind, &name).await;
    assert_eq!(ours.pointer(place), theirs.pointer(place));
    assert_eq!(ours["metadata"]["labels"], json!({"team": "a"}));

    let changed = json!({"metadata": {"labels": {"team": "b"}}});
    host.merge(&kind, &name, &changed).await;
    guest.shows(&kind, &name, "/metadata/labels/team", "b").await;
    // What the tenant does to it is undone.
    guest
        .merge(&kind, &name, &json!({"metadata": {"labels": {"team": "c"}}}))
        .await;
    guest.shows(&kind, &name, "/metadata/labels/team", "b").await;
    guest.delete(&kind, &name).await;
    guest.appears(&kind, &name).await;
    assert_eq!(
        host.get(&kind, &name).await.expect("it stays")["metadata"]["uid"],
        theirs["metadata"]["uid"]
    );
    host.delete(&kind, &name).await;
    guest.until_gone(&kind, &name).await;
}

#[tokio::test]
async fn a_class_of_the_tenants_own_stays_and_gets_an_event() {
    let (guest, host) = sides().await;
    let name = unique("class");
    let class = |controller: &str| {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": name},
            "spec": {"controller": controller},
        })
    };
    let ours = guest.create(class("example.org/ours")).await;
    host.create(class("example.org/theirs")).await;
    let default = guest.within("default");
    default
        .has_event("IngressClass", &name, "which has one of its own")
        .await;
    assert_eq!(guest.get("IngressClass", &name).await, Some(ours));
    host.delete("IngressClass", &name).await;
}

#[tokio::test]
async fn a_selected_node_is_shown_as_it_is_and_others_as_fake_nodes() {
    let (guest, host) = sides().await;
    let gold = unique("node");
    let node = |name: &str, labels: Value| json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": labels}});
    host.create(node(&gold, json!({"tier": "gold"}))).await;
    let status =
        json!({"capacity": {"cpu": "7"}, "allocatable": {"cpu": "6"}, "images": [{"names": ["theirs"]}]});
    host.merge_status("Node", &gold, &status).await;
    let ours = guest.shows("Node", &gold, "/status/capacity/cpu", "7").await;
    assert_eq!(ours["metadata"]["labels"]["tier"], "gold");
    assert_eq!(ours["status"]["allocatable"]["cpu"], "6");
    assert_eq!(ours["status"].get("images"), None);

    let plain = unique("node");
    host.create(node(&plain, json!({"tier": "tin"}))).await;
    let space = NamespacePair::of_all_kinds().await;
    for (app, node) in [("gold", &gold), ("plain", &plain)] {
        made(&space.guest, pod(app)).await;
        space.host.appears("Pod", app).await;
        run_on(&space.host, app, node).await;
        space
            .guest
            .shows("Pod", app, "/spec/nodeName", node.clone())
            .await;
    }
    let fake = guest.appears("Node", &plain).await;
    assert_eq!(fake["metadata"]["labels"]["vcluster.loft.sh/fake-node"], "true");
    let shown = guest.get("Node", &gold).await.expect("it stays");
    assert_eq!(
        shown["metadata"]["labels"].get("vcluster.loft.sh/fake-node"),
        None
    );

    // One that is selected later replaces its fake node.
    host.merge("Node", &plain, &json!({"metadata": {"labels": {"tier": "gold"}}}))
        .await;
    let ours = guest.shows("Node", &plain, "/metadata/labels/tier", "gold").await;
    assert_eq!(ours["metadata"]["labels"].get("vcluster.loft.sh/fake-node"), None);

    // One that the host deletes is replaced by a fake node while a pod of the tenant runs there.
    host.delete("Node", &gold).await;
    guest
        .shows(
            "Node",
            &gold,
            "/metadata/labels/vcluster.loft.sh~1fake-node",
            "true",
        )
        .await;
    space.guest.delete("Pod", "gold").await;
    space.host.sees("Pod", "gold", "going", going).await;
    stopped(&space.host, "gold").await;
    guest.until_gone("Node", &gold).await;
}

/// Returns the guest and the host, for cluster-scoped objects.
async fn sides() -> (Side, Side) {
    let tenant = Tenant::of_all_kinds().await;
    (tenant.guest().await, tenant.host().await)
}
