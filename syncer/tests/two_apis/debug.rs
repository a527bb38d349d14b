//! Ephemeral containers of a running pod, as `kubectl debug` adds them.

use serde_json::json;

use crate::pods::{made, names, pod, run_on};
use crate::rig::{NamespacePair, Side, unique};

#[tokio::test]
async fn a_container_added_to_a_running_pod_is_added_on_the_host_and_reports_back() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest
        .create(json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "tools"}, "data": {"a": "1"},
        }))
        .await;
    made(guest, pod("app")).await;
    let before = host.appears("Pod", "app").await;
    run_on(host, "app", &unique("node")).await;
    guest.shows("Pod", "app", "/status/phase", "Running").await;
    debug(guest, "app", "debugger").await;

    let theirs = host
        .shows("Pod", "app", "/spec/ephemeralContainers/0/name", "debugger")
        .await;
    assert_eq!(theirs["metadata"]["uid"], before["metadata"]["uid"]);
    let container = &theirs["spec"]["ephemeralContainers"][0];
    assert_eq!(container["image"], "example.com/tools:1");
    assert_eq!(container["targetContainerName"], "app");
    // It reaches the guest's API, not the host's, and finds what it names.
    assert_eq!(container["env"][0]["name"], "KUBERNETES_SERVICE_HOST");
    host.appears("ConfigMap", "tools").await;

    let status = json!({"ephemeralContainerStatuses": [{
        "name": "debugger", "image": "a", "imageID": "a", "restartCount": 0, "ready": false,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }]});
    host.merge_status("Pod", "app", &status).await;
    guest
        .shows(
            "Pod",
            "app",
            "/status/ephemeralContainerStatuses/0/name",
            "debugger",
        )
        .await;

    debug(guest, "app", "second").await;
    // In which order is the API's to say.
    host.sees("Pod", "app", "given another", |theirs| {
        let mut there = names(&theirs["spec"]["ephemeralContainers"]);
        there.sort_unstable();
        (there == ["debugger", "second"]).then_some(())
    })
    .await;
}

/// Adds an ephemeral container.
pub(crate) async fn debug(side: &Side, pod: &str, name: &str) {
    let path = format!("{}/ephemeralcontainers", side.path("Pod", pod));
    let container = json!({
        "name": name,
        "image": "example.com/tools:1",
        "targetContainerName": "app",
        "envFrom": [{"configMapRef": {"name": "tools", "optional": true}}],
    });
    let body = json!({"spec": {"ephemeralContainers": [container]}});
    let content = "application/strategic-merge-patch+json";
    side.ask(http::Method::PATCH, &path, content, Some(&body))
        .await
        .expect("it can be added");
}
