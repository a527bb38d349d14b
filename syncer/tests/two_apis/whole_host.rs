//! Imported cluster-scoped kinds: the host's objects are shown, read-only.

use http::Method;
use serde_json::{Value, json};

use crate::rig::{Host, Side, Tenant, unique};
use crate::rules::define;

const VALUES: &str = r"
experimental:
  multiNamespaceMode: {enabled: true}
  genericSync:
    version: v1beta1
    clusterScoped: [beacons.whole.example.com, anchors.whole.example.com]
    import:
    - apiVersion: whole.example.com/v1
      kind: Beacon
      patches:
      - {op: remove, path: spec.secret}
    - apiVersion: whole.example.com/v1
      kind: Anchor
      replaceOnConflict: true
";

const NEWEST: &str = r"
sync:
  toHost: {namespaces: {enabled: true}}
  fromHost:
    customResources:
      beacons.newest.example.com: {enabled: true, scope: Cluster}
";

#[tokio::test]
async fn a_kind_of_the_whole_host_is_shown_and_never_changed() {
    let host = Host::shared().await.admin().await;
    for (kind, plural) in [("Beacon", "beacons"), ("Anchor", "anchors")] {
        define(
            &host,
            "whole.example.com",
            "Cluster",
            kind,
            plural,
            json!({"status": {}}),
        )
        .await;
    }
    let tenant = Tenant::with_values("whole", VALUES).await;
    let guest = tenant.guest().await;
    follows(&host, &guest).await;
    keeps_its_own(&host, &guest).await;
    gives_way(&host, &guest).await;

    // That much it may read of the host, and no more.
    let account = tenant.account().await;
    let all = "/apis/whole.example.com/v1/beacons";
    let ask = async |method, path: &str| account.ask(method, path, "application/json", None).await;
    ask(Method::GET, all).await.expect("it may read them");
    let refusals = [
        (Method::DELETE, format!("{all}/house")),
        (Method::DELETE, all.to_owned()),
        (
            Method::GET,
            "/apis/apiregistration.k8s.io/v1/apiservices".to_owned(),
        ),
    ];
    for (method, path) in refusals {
        assert_eq!(ask(method, &path).await.expect_err("it is refused").code, 403);
    }
}

#[tokio::test]
async fn the_newest_dialect_says_the_same_by_scope() {
    let host = Host::shared().await.admin().await;
    define(
        &host,
        "newest.example.com",
        "Cluster",
        "Lamp",
        "beacons",
        json!({"status": {}}),
    )
    .await;
    let tenant = Tenant::with_values("newest", NEWEST).await;
    let guest = tenant.guest().await;
    host.create(json!({
        "apiVersion": "newest.example.com/v1", "kind": "Lamp", "metadata": {"name": "house"}, "spec": {"a": 1},
    }))
    .await;
    let ours = guest.appears("Lamp", "house").await;
    assert_eq!(ours["spec"], json!({"a": 1}));
    host.delete("Lamp", "house").await;
    guest.until_gone("Lamp", "house").await;
}

/// Checks that changes of an object on the host reach its copy, and that changes of the copy by the tenant are reverted.
async fn follows(host: &Side, guest: &Side) {
    let name = unique("beacon");
    let theirs = host
        .create(object("Beacon", &name, &json!({"size": 1, "secret": "s"})))
        .await;
    host.merge_status("Beacon", &name, &json!({"phase": "Lit"})).await;
    let ours = guest.shows("Beacon", &name, "/status/phase", "Lit").await;
    assert_eq!(ours["spec"], json!({"size": 1}));
    host.merge("Beacon", &name, &json!({"spec": {"size": 2}})).await;
    guest.shows("Beacon", &name, "/spec/size", 2).await;
    guest.merge("Beacon", &name, &json!({"spec": {"size": 3}})).await;
    guest.shows("Beacon", &name, "/spec/size", 2).await;
    guest
        .merge_status("Beacon", &name, &json!({"phase": "Out"}))
        .await;
    guest.shows("Beacon", &name, "/status/phase", "Lit").await;

    let uid = ours["metadata"]["uid"].clone();
    guest.delete("Beacon", &name).await;
    let is_another = |beacon: &Value| (beacon["metadata"]["uid"] != uid).then_some(());
    guest.sees("Beacon", &name, "recreated", is_another).await;
    let after = host.get("Beacon", &name).await.expect("it stays");
    assert_eq!(after["metadata"]["uid"], theirs["metadata"]["uid"]);
    assert_eq!(after["spec"], json!({"size": 2, "secret": "s"}));
    assert_eq!(after["status"], json!({"phase": "Lit"}));
    host.delete("Beacon", &name).await;
    guest.until_gone("Beacon", &name).await;
}

/// Checks that an object of the tenant's own stays.
async fn keeps_its_own(host: &Side, guest: &Side) {
    let name = unique("own");
    let ours = guest.create(object("Beacon", &name, &json!({"size": 1}))).await;
    host.create(object("Beacon", &name, &json!({"size": 2}))).await;
    guest
        .within("default")
        .has_event("Beacon", &name, "which has one of its own")
        .await;
    assert_eq!(guest.get("Beacon", &name).await, Some(ours));
    host.delete("Beacon", &name).await;
    assert!(guest.get("Beacon", &name).await.is_some());
}

/// Checks that with `replaceOnConflict`, the tenant's own object is replaced.
async fn gives_way(host: &Side, guest: &Side) {
    let name = unique("own");
    guest
        .create(object("Anchor", &name, &json!({"size": 1, "ours": true})))
        .await;
    host.create(object("Anchor", &name, &json!({"size": 2}))).await;
    guest.shows("Anchor", &name, "/spec", json!({"size": 2})).await;
    host.delete("Anchor", &name).await;
    guest.until_gone("Anchor", &name).await;
}

fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "whole.example.com/v1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}
