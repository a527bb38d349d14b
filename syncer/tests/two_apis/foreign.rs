//! Foreign objects are not changed.

use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{Link, NamespacePair, Tenant, VALUE, component};

#[tokio::test]
async fn a_foreign_component_of_the_same_name_is_left_alone_with_an_event() {
    let space = NamespacePair::shared().await;
    let foreign = space.host.create(component("store", "theirs")).await;
    space.guest.create(component("store", "ours")).await;
    space
        .guest
        .has_event(
            "Component",
            "store",
            "the host has a Component store that is not this virtual cluster's",
        )
        .await;
    let kept = space.host.get("Component", "store").await;
    assert_eq!(kept, Some(foreign.clone()));

    space.guest.delete("Component", "store").await;
    space.guest.create(component("last", "1")).await;
    space.host.shows("Component", "last", VALUE, "1").await;
    assert_eq!(space.host.get("Component", "store").await, Some(foreign));
}

#[tokio::test]
async fn once_a_foreign_component_is_gone_its_name_is_the_tenants() {
    let space = NamespacePair::shared().await;
    space.host.create(component("store", "theirs")).await;
    space.guest.create(component("store", "ours")).await;
    space
        .guest
        .has_event("Component", "store", "not this virtual cluster's")
        .await;
    space.host.delete("Component", "store").await;
    space.host.shows("Component", "store", VALUE, "ours").await;
}

/// The syncer creates the object before its watch delivers the host's, which differs in nothing but annotations.
#[tokio::test]
async fn one_that_is_created_at_the_same_time_is_left_alone_with_an_event() {
    let mut tenant = Tenant::new("meets").await;
    tenant.stop().await;
    let proxy = tenant.through_proxy().await;
    tenant.start().await;
    let space = tenant.space("default").await;
    space.guest.create(component("first", "1")).await;
    space.host.shows("Component", "first", VALUE, "1").await;

    proxy.is(Link::Silent);
    let theirs = space.host.create(component("store", "the same")).await;
    space.guest.create(component("store", "the same")).await;
    tenant
        .counts(
            r#"syncer_writes_total{side="host",kind="Component",verb="apply"}"#,
            2,
        )
        .await;
    proxy.is(Link::Open);

    space
        .guest
        .has_event("Component", "store", "not this virtual cluster's")
        .await;
    let left = space.host.get("Component", "store").await.expect("it stays");
    for field in ["uid", "labels", "annotations"] {
        assert_eq!(left["metadata"][field], theirs["metadata"][field], "{field}");
    }
    space.guest.delete("Component", "store").await;
    space.guest.create(component("last", "1")).await;
    space.host.shows("Component", "last", VALUE, "1").await;
    assert_eq!(space.host.names("Component").await, ["first", "last", "store"]);
}

/// The syncer deletes the object before its watch shows that it is no longer the tenant's.
#[tokio::test]
async fn one_that_the_host_takes_for_its_own_while_the_syncer_deletes_it_stays() {
    let mut tenant = Tenant::new("keeps").await;
    tenant.stop().await;
    let proxy = tenant.through_proxy().await;
    tenant.start().await;
    let space = tenant.space("default").await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    // The second look is at what the first has made, whose answer has come by then.
    tenant
        .counts_up_to(
            r#"syncer_reconcile_total{controller="export of Component",outcome="success"}"#,
            2,
        )
        .await;

    proxy.is(Link::Silent);
    let unmarked = json!({"metadata": {"annotations": null, "labels": null}});
    space.host.merge("Component", "store", &unmarked).await;
    space.guest.delete("Component", "store").await;
    tenant
        .counts(
            r#"syncer_writes_total{side="host",kind="Component",verb="delete"}"#,
            1,
        )
        .await;
    proxy.is(Link::Open);

    space.guest.create(component("last", "1")).await;
    space.host.shows("Component", "last", VALUE, "1").await;
    assert_eq!(space.host.names("Component").await, ["last", "store"]);
}

/// Operators of the host create objects of other kinds under the name of one of the tenant's, and copy its annotations.
#[rstest]
#[case::a_service(component("shop", "1"), service("shop"))]
#[case::a_component(service("shop"), component("shop", "1"))]
#[case::a_slice(service("shop"), slice("shop"))]
#[case::a_pod(component("shop", "1"), pod("shop"))]
#[tokio::test]
async fn an_object_of_another_kind_with_copied_annotations_is_left_alone(
    #[case] ours: Value,
    #[case] other: Value,
) {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let kind = |object: &Value| object["kind"].as_str().expect("it has one").to_owned();
    let original = kind(&ours);
    guest.create(ours).await;
    let original = host.appears(&original, "shop").await;
    let mut theirs = other.clone();
    theirs["metadata"]["annotations"] = original["metadata"]["annotations"].clone();
    host.appears("ServiceAccount", "default").await;
    let kind = kind(&other);
    // A pod of the host is shown in the guest, unless the guest has one of that name. A gate keeps that one from the host.
    let mut gated = other.clone();
    if kind == "Pod" {
        gated["spec"]["schedulingGates"] = json!([{"name": "example.com/later"}]);
        made(guest, gated).await;
    }
    let theirs = host.create(theirs).await;
    if kind == "Pod" {
        let open = json!({"spec": {"schedulingGates": null}});
        guest.merge("Pod", "shop", &open).await;
    } else {
        made(guest, other).await;
    }
    guest.has_event(&kind, "shop", "not this virtual cluster's").await;
    let left = host.get(&kind, "shop").await.expect("it stays");
    assert_eq!(left["metadata"]["uid"], theirs["metadata"]["uid"]);
    assert_eq!(left["metadata"].get("deletionTimestamp"), None);
}

/// A controller of the host has copied the label of one of the syncer's slices.
#[tokio::test]
async fn a_foreign_slice_of_the_same_name_is_left_alone_with_an_event() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let theirs = host.create(slice("app")).await;
    guest.create(service("app")).await;
    let mut ours = slice("app");
    ours["endpoints"] = json!([{"addresses": ["192.0.2.9"]}]);
    guest.create(ours).await;
    guest
        .has_event("EndpointSlice", "app", "not this virtual cluster's")
        .await;
    assert_eq!(host.get("EndpointSlice", "app").await, Some(theirs));

    host.delete("EndpointSlice", "app").await;
    host.shows("EndpointSlice", "app", "/endpoints/0/addresses/0", "192.0.2.9")
        .await;
}

/// Returns a Service without a selector.
fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    })
}

/// Returns an EndpointSlice of the Service of that name, with the label of those that the syncer keeps.
fn slice(name: &str) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {
            "kubernetes.io/service-name": name,
            "endpointslice.kubernetes.io/managed-by": "vcluster-syncer",
        }},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"]}],
        "ports": [{"name": "http", "port": 8080}],
    })
}
