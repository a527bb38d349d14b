//! Changes to mirrors by others are reverted.

use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{NamespacePair, VALUE, component};

#[rstest]
#[case::a_value(json!({"spec": {"metadata": [{"name": "redisHost", "value": "elsewhere:6379"}]}}))]
#[case::a_type(json!({"spec": {"type": "state.in-memory"}}))]
#[case::a_label(json!({"metadata": {"labels": {"team": "b"}}}))]
#[case::a_label_gone(json!({"metadata": {"labels": {"team": null}}}))]
#[case::an_annotation_gone(json!({"metadata": {"annotations": {"vcluster.loft.sh/controlled-by": null}}}))]
#[tokio::test]
async fn an_edit_on_the_host_is_healed(#[case] edit: Value) {
    let space = NamespacePair::shared().await;
    let mut wanted = component("store", "1");
    wanted["metadata"]["labels"] = json!({"team": "a"});
    space.guest.create(wanted).await;
    let before = space.host.shows("Component", "store", VALUE, "1").await;
    let edited = space.host.merge("Component", "store", &edit).await;
    assert_ne!(what(&edited), what(&before));
    let healed = space
        .host
        .sees("Component", "store", "as before", |found| {
            (what(found) == what(&before)).then(|| found.clone())
        })
        .await;
    assert_eq!(healed["metadata"]["uid"], before["metadata"]["uid"]);
}

#[tokio::test]
async fn what_others_add_on_the_host_stays() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    // Its controllers write into fields of their own, too: an operator that fills in a specification would never end.
    let theirs = json!({
        "metadata": {"labels": {"added-by": "host"}, "annotations": {"added-by": "host"}},
        "spec": {"initTimeout": "7s"}, "scopes": ["theirs"],
    });
    space.host.merge("Component", "store", &theirs).await;
    let change = json!({"spec": {"version": "v2"}});
    space.guest.merge("Component", "store", &change).await;
    let host = space
        .host
        .shows("Component", "store", "/spec/version", "v2")
        .await;
    assert_eq!(host["metadata"]["labels"]["added-by"], "host");
    assert_eq!(host["metadata"]["annotations"]["added-by"], "host");
    assert_eq!(host["spec"]["initTimeout"], "7s");
    assert_eq!(host["scopes"], json!(["theirs"]));
    // A field is the tenant's once the tenant sets it.
    let change = json!({"spec": {"initTimeout": "9s"}, "scopes": ["ours"]});
    space.guest.merge("Component", "store", &change).await;
    let host = space
        .host
        .shows("Component", "store", "/spec/initTimeout", "9s")
        .await;
    assert_eq!(host["scopes"], json!(["ours"]));
}

#[tokio::test]
async fn a_deletion_on_the_host_is_healed() {
    let space = NamespacePair::shared().await;
    let guest = space.guest.create(component("store", "1")).await;
    let before = space.host.shows("Component", "store", VALUE, "1").await;
    space.host.delete("Component", "store").await;
    let healed = space
        .host
        .sees("Component", "store", "recreated", |found| {
            (found["metadata"]["uid"] != before["metadata"]["uid"]).then(|| found.clone())
        })
        .await;
    assert_eq!(what(&healed), what(&before));
    let kept = space
        .guest
        .get("Component", "store")
        .await
        .expect("the guest keeps its own");
    assert_eq!(kept["metadata"]["uid"], guest["metadata"]["uid"]);
}

/// Returns the fields of an object that the tenant and the syncer write, without the host's additions.
fn what(object: &Value) -> Value {
    let metadata = &object["metadata"];
    json!([metadata["labels"], metadata["annotations"], object["spec"]])
}
