//! A Component in the guest is on the host, and stays like it.

use serde_json::{Value, json};

use crate::rig::{NamespacePair, Tenant, VALUE, component};

#[tokio::test]
async fn a_component_is_on_the_host_under_its_own_name() {
    let space = NamespacePair::shared().await;
    let mut wanted = component("my-statestore", "name");
    wanted["metadata"]["labels"] = json!({"team": "a"});
    wanted["metadata"]["annotations"] = json!({"example.com/zone": "b", "example.com/owner": "c"});
    let guest = space.guest.create(wanted).await;
    let host = space.host.appears("Component", "my-statestore").await;
    assert_eq!(host["spec"], guest["spec"]);
    assert_eq!(host["metadata"]["labels"], json!({"team": "a"}));
    assert_eq!(
        host["metadata"]["annotations"],
        json!({
            "example.com/owner": "c",
            "example.com/zone": "b",
            "vcluster.loft.sh/controlled-by": "component/dapr.io/GenericExport",
            "vcluster.loft.sh/managed-annotations": "example.com/owner\nexample.com/zone",
            "vcluster.loft.sh/object-host-name": "my-statestore",
            "vcluster.loft.sh/object-host-namespace": space.host.namespace(),
            "vcluster.loft.sh/object-kind": "dapr.io/v1alpha1, Kind=Component",
            "vcluster.loft.sh/object-name": "my-statestore",
            "vcluster.loft.sh/object-namespace": space.guest.namespace(),
            "vcluster.loft.sh/object-uid": guest["metadata"]["uid"],
        })
    );
    assert_eq!(host["metadata"].get("ownerReferences"), None);
}

#[tokio::test]
async fn what_a_component_claims_to_be_does_not_pass() {
    let space = NamespacePair::shared().await;
    let mut forged = component("store", "1");
    forged["metadata"]["annotations"] = json!({
        "vcluster.loft.sh/object-name": "theirs",
        "vcluster.loft.sh/object-namespace": "kube-system",
        "vcluster.loft.sh/controlled-by": "pod/v1/GenericImport",
        "vcluster.loft.sh/anything": "else",
    });
    forged["metadata"]["labels"] = json!({"vcluster.loft.sh/managed-by": "theirs"});
    space.guest.create(forged).await;
    let host = space.host.appears("Component", "store").await;
    let annotations = &host["metadata"]["annotations"];
    assert_eq!(annotations["vcluster.loft.sh/object-name"], "store");
    assert_eq!(
        annotations["vcluster.loft.sh/object-namespace"],
        space.guest.namespace()
    );
    assert_eq!(
        annotations["vcluster.loft.sh/controlled-by"],
        "component/dapr.io/GenericExport"
    );
    assert_eq!(annotations.get("vcluster.loft.sh/anything"), None);
    assert_eq!(host["metadata"].get("labels"), None);
}

#[tokio::test]
async fn a_change_reaches_the_host_and_what_is_dropped_vanishes_there() {
    let space = NamespacePair::shared().await;
    let mut first = component("store", "1");
    first["metadata"]["labels"] = json!({"stays": "1", "goes": "1"});
    first["metadata"]["annotations"] = json!({"stays": "1", "goes": "1"});
    first["scopes"] = json!(["write-app"]);
    first["auth"] = json!({"secretStore": "kubernetes"});
    space.guest.create(first).await;
    space.host.shows("Component", "store", VALUE, "1").await;

    let values = json!([{"name": "keyPrefix", "value": "2"}, {"name": "redisDB", "value": "3"}]);
    let changes = json!({
        "metadata": {
            "labels": {"stays": "2", "goes": null, "comes": "2"},
            "annotations": {"stays": "2", "goes": null, "comes": "2"},
        },
        "spec": {"metadata": values, "ignoreErrors": true},
        "scopes": ["write-app", "read-app"],
        "auth": null,
    });
    let guest = space.guest.merge("Component", "store", &changes).await;
    let host = space
        .host
        .shows("Component", "store", "/spec", guest["spec"].clone())
        .await;
    assert_eq!(host["spec"]["metadata"], values);
    assert_eq!(host["scopes"], json!(["write-app", "read-app"]));
    assert_eq!(host.get("auth"), None);
    assert_eq!(host["metadata"]["labels"], json!({"stays": "2", "comes": "2"}));
    assert_eq!(
        tenants_own(&host["metadata"]["annotations"]),
        json!({"stays": "2", "comes": "2"})
    );

    let changes = json!({"metadata": {"labels": null}, "spec": {"ignoreErrors": null}, "scopes": null});
    let guest = space.guest.merge("Component", "store", &changes).await;
    let host = space
        .host
        .shows("Component", "store", "/spec", guest["spec"].clone())
        .await;
    assert_eq!(host.get("scopes"), None);
    assert_eq!(host["metadata"].get("labels"), None);
}

#[tokio::test]
async fn a_deletion_reaches_the_host() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    space.guest.delete("Component", "store").await;
    space.host.until_gone("Component", "store").await;
}

#[tokio::test]
async fn a_component_that_is_recreated_at_once_is_recreated_on_the_host() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    space.guest.delete("Component", "store").await;
    let guest = space.guest.create(component("store", "2")).await;
    let uid = "/metadata/annotations/vcluster.loft.sh~1object-uid";
    let host = space
        .host
        .shows("Component", "store", uid, guest["metadata"]["uid"].clone())
        .await;
    assert_eq!(host["spec"], guest["spec"]);
}

#[tokio::test]
async fn a_component_with_a_finalizer_in_the_guest_is_deleted_on_the_host_and_stays_deleted() {
    let space = NamespacePair::shared().await;
    let mut held = component("store", "1");
    held["metadata"]["finalizers"] = json!(["example.com/hold"]);
    space.guest.create(held).await;
    let host = space.host.shows("Component", "store", VALUE, "1").await;
    assert_eq!(host["metadata"].get("finalizers"), None);
    space.guest.delete("Component", "store").await;
    space.host.until_gone("Component", "store").await;
    release(&space.guest).await;
    space.guest.until_gone("Component", "store").await;
    is_in_step(&space).await;
    assert_eq!(space.host.get("Component", "store").await, None);
}

#[tokio::test]
async fn a_component_with_a_finalizer_on_the_host_is_deleted_when_the_finalizer_is_removed() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    let hold = json!({"metadata": {"finalizers": ["example.com/hold"]}});
    space.host.merge("Component", "store", &hold).await;
    space.guest.delete("Component", "store").await;
    space
        .host
        .sees("Component", "store", "going", |found| {
            found["metadata"].get("deletionTimestamp").cloned()
        })
        .await;
    release(&space.host).await;
    space.host.until_gone("Component", "store").await;
    is_in_step(&space).await;
    assert_eq!(space.host.get("Component", "store").await, None);
}

#[tokio::test]
async fn a_host_namespace_is_named_and_labelled_by_vclusters_rule() {
    let tenant = Tenant::shared().await;
    let mirror = tenant.host_namespace("default");
    let host = tenant.host().await.appears("Namespace", &mirror).await;
    assert_eq!(
        host["metadata"]["labels"],
        json!({
            "kubernetes.io/metadata.name": mirror,
            "pod-security.kubernetes.io/enforce": "baseline",
            "vcluster.loft.sh/managed-by": format!("{}-x-{}", tenant.namespace(), tenant.name()),
            "vcluster.loft.sh/vcluster-name": tenant.name(),
            "vcluster.loft.sh/vcluster-namespace": tenant.namespace(),
        })
    );
}

/// Returns the annotations that are not the syncer's.
fn tenants_own(annotations: &Value) -> Value {
    let all = annotations.as_object().expect("it has some").iter();
    let own = all.filter(|(name, _)| !name.starts_with("vcluster.loft.sh/"));
    own.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Removes the finalizers of an object.
async fn release(side: &crate::rig::Side) {
    let release = json!({"metadata": {"finalizers": null}});
    side.merge("Component", "store", &release).await;
}

/// Waits until the latest object of the guest is on the host, and so all earlier changes were seen, too.
async fn is_in_step(space: &NamespacePair) {
    space.guest.create(component("last", "1")).await;
    space.host.shows("Component", "last", VALUE, "1").await;
}
