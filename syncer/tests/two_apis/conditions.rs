//! The conditions of a pod: those of the host's kubelet and controllers, and the tenant's own.

use http::Method;
use serde_json::{Value, json};

use crate::pods::{condition, going, made, pod, run_on, stopped};
use crate::rig::{NamespacePair, Side, Tenant, unique};

#[tokio::test]
async fn a_condition_that_the_tenant_sets_stays_whatever_the_host_says_at_the_time() {
    let tenant = Tenant::new("conditions").await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    made(guest, pod("app")).await;
    host.appears("Pod", "app").await;
    run_on(host, "app", &unique("node")).await;
    guest.shows("Pod", "app", "/status/phase", "Running").await;

    // The syncer learns of both at once.
    tenant.freeze();
    host.merge_status("Pod", "app", &json!({"message": "first"}))
        .await;
    set(guest, &json!({"type": "example.org/noted", "status": "True"})).await;
    tenant.thaw();
    let shown = guest.shows("Pod", "app", "/status/message", "first").await;
    assert_eq!(condition(&shown, "example.org/noted"), Some("True"));

    host.merge_status("Pod", "app", &json!({"message": "second"}))
        .await;
    let shown = guest.shows("Pod", "app", "/status/message", "second").await;
    assert_eq!(condition(&shown, "example.org/noted"), Some("True"));

    set(guest, &json!({"type": "example.org/noted", "$patch": "delete"})).await;
    host.merge_status("Pod", "app", &json!({"message": "third"}))
        .await;
    let shown = guest.shows("Pod", "app", "/status/message", "third").await;
    assert_eq!(condition(&shown, "example.org/noted"), None);
}

#[tokio::test]
async fn a_condition_that_the_host_removes_is_removed() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    made(guest, pod("app")).await;
    host.appears("Pod", "app").await;
    run_on(host, "app", &unique("node")).await;
    for kind in ["example.com/balanced", "PodResizePending"] {
        set(host, &json!({"type": kind, "status": "True"})).await;
        guest
            .sees("Pod", "app", "shown with it", |found| {
                condition(found, kind).map(ToOwned::to_owned)
            })
            .await;
        set(host, &json!({"type": kind, "$patch": "delete"})).await;
        guest
            .sees("Pod", "app", "shown without it", |found| {
                condition(found, kind).is_none().then_some(())
            })
            .await;
    }
}

/// A change that is based on an old state of the guest pod would leave them behind.
#[tokio::test]
async fn conditions_that_come_and_go_quickly_are_gone_in_the_end() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let names: Vec<String> = (0..8).map(|number| format!("app-{number}")).collect();
    for name in &names {
        made(guest, pod(name)).await;
        host.appears("Pod", name).await;
        run_on(host, name, &unique("node")).await;
        guest.shows("Pod", name, "/status/phase", "Running").await;
    }
    let flip = async |name: &String| {
        for number in 0..40 {
            let resizing = json!({"type": "PodResizeInProgress", "status": "True"});
            let changes = [
                json!({"message": format!("on {number}"), "conditions": [resizing]}),
                json!({"message": format!("off {number}"), "conditions": [{"type": "PodResizeInProgress", "$patch": "delete"}]}),
            ];
            for change in changes {
                change_status(host, name, &change).await;
            }
        }
        let shown = guest.shows("Pod", name, "/status/message", "off 39").await;
        assert_eq!(condition(&shown, "PodResizeInProgress"), None, "{name}");
    };
    futures::future::join_all(names.iter().map(flip)).await;
}

#[tokio::test]
async fn an_eviction_in_the_guest_is_why_its_pod_has_ended() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let mut kept = pod("app");
    kept["metadata"]["finalizers"] = json!(["example.com/look"]);
    made(guest, kept).await;
    host.appears("Pod", "app").await;
    run_on(host, "app", &unique("node")).await;
    guest.shows("Pod", "app", "/status/phase", "Running").await;
    let eviction = json!({"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": "app"}});
    let path = format!("{}/eviction", guest.path("Pod", "app"));
    guest.post(&path, &eviction).await.expect("nothing keeps it");
    host.sees("Pod", "app", "going", going).await;
    host.merge_status("Pod", "app", &json!({"phase": "Failed"})).await;
    let ended = guest.shows("Pod", "app", "/status/phase", "Failed").await;
    let conditions = ended["status"]["conditions"].as_array().into_iter().flatten();
    let mut evicted = conditions.filter(|condition| condition["type"] == "DisruptionTarget");
    let evicted = evicted.next().expect("it is shown");
    assert_eq!(evicted["reason"], "EvictionByEvictionAPI");
    stopped(host, "app").await;
    guest
        .merge("Pod", "app", &json!({"metadata": {"finalizers": null}}))
        .await;
    guest.until_gone("Pod", "app").await;
}

/// Sets or removes one condition of the pod `app`.
async fn set(side: &Side, condition: &Value) {
    change_status(side, "app", &json!({"conditions": [condition]})).await;
}

async fn change_status(side: &Side, pod: &str, change: &Value) {
    let path = format!("{}/status", side.path("Pod", pod));
    let body = json!({"status": change});
    let content = "application/strategic-merge-patch+json";
    let set = side.ask(Method::PATCH, &path, content, Some(&body)).await;
    set.unwrap_or_else(|refusal| panic!("it can be set: {refusal}"));
}
