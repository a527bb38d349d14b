//! The host's Events about a tenant's pods are shown in the guest.

use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{NamespacePair, Side};

#[tokio::test]
async fn an_event_about_a_pod_is_shown_in_the_guest_and_kept_up_to_date() {
    let space = NamespacePair::shared().await;
    let ours = made(&space.guest, pod("app")).await;
    let theirs = space.host.appears("Pod", "app").await;
    let namespace = space.host.namespace();
    let event = said(
        &space.host,
        &theirs,
        "app",
        &format!("Back-off in pod app_{namespace}"),
    );
    space
        .host
        .post(&events_of(&space.host), &event)
        .await
        .expect("it is made");
    let told = space.guest.appears("Event", "app.1").await;
    assert_eq!(told["regarding"]["uid"], ours["metadata"]["uid"]);
    assert_eq!(told["regarding"]["namespace"], space.guest.namespace());
    let note = format!("Back-off in pod app_{}", space.guest.namespace());
    assert_eq!(told["note"], note);
    assert_eq!(told["deprecatedCount"], 1);

    let path = format!("{}/app.1", events_of(&space.host));
    space
        .host
        .patch(&path, &json!({"count": 5}))
        .await
        .expect("it can be changed");
    space.guest.shows("Event", "app.1", "/deprecatedCount", 5).await;
}

#[tokio::test]
async fn an_event_that_comes_before_its_pod_waits_for_it_and_others_are_not_shown() {
    let space = NamespacePair::shared().await;
    made(&space.guest, pod("app")).await;
    let theirs = space.host.appears("Pod", "app").await;
    let mut foreign = said(&space.host, &theirs, "app", "of another");
    foreign["metadata"]["name"] = json!("app.2");
    foreign["involvedObject"]["uid"] = json!("another");
    let mut sidecar = said(&space.host, &theirs, "daprd", "of the sidecar");
    sidecar["metadata"]["name"] = json!("app.3");
    for event in [foreign, sidecar, said(&space.host, &theirs, "app", "of the app")] {
        space
            .host
            .post(&events_of(&space.host), &event)
            .await
            .expect("it is made");
    }
    space.guest.appears("Event", "app.1").await;
    assert_eq!(space.guest.get("Event", "app.2").await, None);
    assert_eq!(space.guest.get("Event", "app.3").await, None);
}

fn events_of(host: &Side) -> String {
    format!("/api/v1/namespaces/{}/events", host.namespace())
}

fn said(host: &Side, pod: &Value, container: &str, message: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "app.1"},
        "involvedObject": {
            "apiVersion": "v1", "kind": "Pod", "name": "app", "namespace": host.namespace(),
            "uid": pod["metadata"]["uid"], "fieldPath": format!("spec.containers{{{container}}}"),
        },
        "reason": "BackOff", "message": message, "type": "Warning", "count": 1,
        "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:00:00Z",
        "source": {"component": "kubelet", "host": "worker-1"},
        "reportingComponent": "kubelet", "reportingInstance": "worker-1",
    })
}
