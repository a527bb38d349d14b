//! What is not the syncer's is left alone.

use serde_json::json;

use crate::rig::{Passage, Space, Tenant, VALUE, component};

#[tokio::test]
async fn a_foreign_component_of_the_same_name_is_left_alone_and_the_tenant_told() {
    let space = Space::shared().await;
    let foreign = space.host.create(component("store", "theirs")).await;
    space.guest.create(component("store", "ours")).await;
    space
        .guest
        .is_told(
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
    let space = Space::shared().await;
    space.host.create(component("store", "theirs")).await;
    space.guest.create(component("store", "ours")).await;
    space
        .guest
        .is_told("Component", "store", "not this virtual cluster's")
        .await;
    space.host.delete("Component", "store").await;
    space.host.shows("Component", "store", VALUE, "ours").await;
}

/// The syncer asks for it before it hears of the host's, which differs by nothing but marks.
#[tokio::test]
async fn one_made_while_the_syncer_makes_it_is_left_alone_and_the_tenant_told() {
    let mut tenant = Tenant::new("meets").await;
    tenant.stop().await;
    let way = tenant.by_another_way().await;
    tenant.start().await;
    let space = tenant.space("default").await;
    space.guest.create(component("first", "1")).await;
    space.host.shows("Component", "first", VALUE, "1").await;

    way.is(Passage::Silent);
    let theirs = space.host.create(component("store", "the same")).await;
    space.guest.create(component("store", "the same")).await;
    tenant
        .counts(
            r#"syncer_writes_total{side="host",kind="Component",verb="apply"}"#,
            2,
        )
        .await;
    way.is(Passage::Open);

    space
        .guest
        .is_told("Component", "store", "not this virtual cluster's")
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

/// The syncer asks for it to be deleted before it hears that it is not the tenant's any more.
#[tokio::test]
async fn one_that_the_host_takes_for_its_own_while_the_syncer_deletes_it_stays() {
    let mut tenant = Tenant::new("keeps").await;
    tenant.stop().await;
    let way = tenant.by_another_way().await;
    tenant.start().await;
    let space = tenant.space("default").await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    // The second look is at what the first has made, whose answer has come by then.
    tenant
        .counts_up_to(
            r#"syncer_passes_total{part="export of Component",outcome="done"}"#,
            2,
        )
        .await;

    way.is(Passage::Silent);
    let unmarked = json!({"metadata": {"annotations": null, "labels": null}});
    space.host.merge("Component", "store", &unmarked).await;
    space.guest.delete("Component", "store").await;
    tenant
        .counts(
            r#"syncer_writes_total{side="host",kind="Component",verb="delete"}"#,
            1,
        )
        .await;
    way.is(Passage::Open);

    space.guest.create(component("last", "1")).await;
    space.host.shows("Component", "last", VALUE, "1").await;
    assert_eq!(space.host.names("Component").await, ["last", "store"]);
}
