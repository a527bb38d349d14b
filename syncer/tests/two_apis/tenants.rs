//! Tenants do not affect each other.

use serde_json::json;

use crate::rig::{NamespacePair, Tenant, VALUE, component};

#[tokio::test]
async fn components_of_the_same_name_are_each_tenants_own() {
    let tenant = Tenant::new("ours").await;
    let ours = tenant.space("default").await;
    let theirs = NamespacePair::shared().await;
    ours.guest.create(component("store", "ours")).await;
    theirs.guest.create(component("store", "theirs")).await;
    ours.host.shows("Component", "store", VALUE, "ours").await;
    let before = theirs.host.shows("Component", "store", VALUE, "theirs").await;

    let change = json!({"spec": {"version": "v2"}});
    ours.guest.merge("Component", "store", &change).await;
    ours.host.shows("Component", "store", "/spec/version", "v2").await;
    ours.guest.create(component("only-ours", "1")).await;
    ours.host.shows("Component", "only-ours", VALUE, "1").await;
    ours.guest.delete("Component", "store").await;
    ours.host.until_gone("Component", "store").await;

    let controller = "controller=\"export of Component\"";
    for side in ["guest", "host"] {
        tenant
            .counts(&format!("syncer_objects{{side=\"{side}\",{controller}}}"), 1)
            .await;
    }
    tenant
        .counts(&format!("syncer_workqueue_depth{{{controller}}}"), 0)
        .await;
    assert_eq!(theirs.host.list("Component").await, [before]);
    assert_eq!(theirs.guest.names("Component").await, ["store"]);
    assert_eq!(
        ours.guest.everywhere().names("Namespace").await,
        ["default", "kube-node-lease", "kube-public", "kube-system"]
    );
}

#[tokio::test]
async fn whoever_reaches_the_pod_of_a_syncer_learns_nothing_of_its_tenant() {
    let tenant = Tenant::shared().await;
    let ok = (200, "ok".to_owned());
    assert_eq!(tenant.probed("/healthz").await, ok);
    assert_eq!(tenant.probed("/readyz").await, ok);
    assert_eq!(tenant.probed("/metrics").await, (404, String::new()));
}

/// vcluster's rule gives both the same host namespaces: it hashes namespace, `x` and name joined.
#[tokio::test]
async fn tenants_whose_names_mean_the_same_namespace_do_not_share_it() {
    let first = Tenant::named("bxc", "a").await;
    let space = first.space("default").await;
    space.guest.create(component("store", "first")).await;
    let before = space.host.shows("Component", "store", VALUE, "first").await;
    let mirror = first.host_namespace("default");
    let mine = first.host().await.get("Namespace", &mirror).await;

    let second = Tenant::named("c", "axb").await;
    assert_eq!(second.host_namespace("default"), mirror);
    let guest = second.guest().await;
    guest.within("default").create(component("store", "second")).await;
    guest
        .within("default")
        .create(component("only-seconds", "second"))
        .await;
    guest
        .within("default")
        .has_event(
            "Namespace",
            "default",
            &format!("namespace {mirror} is not of the virtual cluster c"),
        )
        .await;

    assert_eq!(space.host.list("Component").await, [before]);
    assert_eq!(first.host().await.get("Namespace", &mirror).await, mine);
    space.guest.delete("Component", "store").await;
    space.host.until_gone("Component", "store").await;
}
