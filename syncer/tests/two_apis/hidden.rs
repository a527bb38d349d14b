//! Containers that the host has added to a tenant's pod stay the host's, whatever names the tenant gives its own.

use http::{Method, Request, StatusCode, header};
use kube::client::Body;
use rstest::rstest;
use serde_json::{Value, json};

use crate::debug::debug;
use crate::kubelet::{Door, app, log, text};
use crate::pods::{going, inject, names, pod};
use crate::rig::{NamespacePair, Side};

/// The place of the host's sidecar in a pod.
#[derive(Clone, Copy, Debug)]
enum Sidecar {
    /// After the tenant's containers.
    Last,
    /// Before them.
    First,
    /// Among the init containers, as a native sidecar.
    Native,
}

impl Sidecar {
    /// Adds it to each pod of a space.
    async fn is_added_in(self, space: &NamespacePair) {
        let patch = |place: &str| {
            let sidecar = r#"Object.spec.containers{name: "daprd", image: "example.com/daprd:1"}"#;
            let operation = format!(r#"op: "add", path: "/spec/containers/{place}", value: {sidecar}"#);
            let expression = format!("[JSONPatch{{{operation}}}]");
            json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
        };
        let native = r#"Object{spec: Object.spec{initContainers: [Object.spec.initContainers{name: "daprd", image: "example.com/daprd:1", restartPolicy: "Always"}]}}"#;
        let mutation = match self {
            Self::Last => patch("-"),
            Self::First => patch("0"),
            Self::Native => {
                json!({"patchType": "ApplyConfiguration", "applyConfiguration": {"expression": native}})
            }
        };
        inject(&space.host, &mutation).await;
    }
}

/// The path of the reason in the status of a container whose name another container has on the host.
const WHY: &str = "/status/ephemeralContainerStatuses/0/state/waiting/reason";

#[rstest]
#[case::last(Sidecar::Last)]
#[case::first(Sidecar::First)]
#[case::native(Sidecar::Native)]
#[tokio::test]
async fn an_added_container_does_not_lead_to_the_sidecar_of_its_name(#[case] sidecar: Sidecar) {
    let space = NamespacePair::shared().await;
    sidecar.is_added_in(&space).await;
    let kubelet = app(&space).await;
    let api = Door::of(&space, &kubelet).await.api_server().await;
    is_reached(&space, &api, "app").await;
    // It is there, for those whose it is.
    log(&space.host, "app", "container=daprd")
        .await
        .expect("it is the host's");

    debug(&space.guest, "app", "daprd").await;
    is_hidden(&space, &api, "daprd").await;
    is_told_of(&space.guest, "daprd").await;
    is_hidden(&space, &api, "daprd").await;
    others_are_added(&space, &api).await;
}

#[tokio::test]
async fn an_added_container_does_not_lead_to_that_of_the_hosts_administrator() {
    let space = NamespacePair::shared().await;
    let kubelet = app(&space).await;
    let api = Door::of(&space, &kubelet).await.api_server().await;
    debug(&space.host, "app", "theirs").await;
    log(&space.host, "app", "container=theirs")
        .await
        .expect("it is the host's");

    debug(&space.guest, "app", "theirs").await;
    is_hidden(&space, &api, "theirs").await;
    is_told_of(&space.guest, "theirs").await;
    // A status that the host's kubelet writes of it is not shown.
    let running = json!({"ephemeralContainerStatuses": [{
        "name": "theirs", "image": "a", "imageID": "a", "restartCount": 0, "ready": false,
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    }]});
    space.host.merge_status("Pod", "app", &running).await;
    others_are_added(&space, &api).await;
    space.guest.shows("Pod", "app", WHY, "NameTaken").await;
    is_hidden(&space, &api, "theirs").await;
}

#[tokio::test]
async fn without_a_name_the_guests_container_is_asked_for() {
    let space = NamespacePair::shared().await;
    Sidecar::First.is_added_in(&space).await;
    let kubelet = app(&space).await;
    let default = json!({"metadata": {"annotations": {"kubectl.kubernetes.io/default-container": "daprd"}}});
    let theirs = space.host.merge("Pod", "app", &default).await;
    assert_eq!(names(&theirs["spec"]["containers"]), ["daprd", "app"]);
    let mirror = space.host.namespace();
    let asked = format!("GET /containerLogs/{mirror}/app/app\n");
    assert_eq!(log(&space.guest, "app", "").await, Ok(asked));
    // Nor does the door take a path that names none.
    let api = Door::of(&space, &kubelet).await.api_server().await;
    let here = space.guest.namespace();
    for verb in ["containerLogs", "exec", "attach"] {
        let refused = text(&api, &format!("/{verb}/{here}/app")).await.unwrap_err();
        assert_eq!(refused.code, 404, "{verb}");
        let refused = text(&api, &format!("/{verb}/{here}/app/")).await.unwrap_err();
        assert_eq!(refused.code, 400, "{verb}");
    }
}

#[rstest]
#[case::plain(false)]
#[case::marked_as_a_copy(true)]
#[tokio::test]
async fn the_pod_after_does_not_lead_to_the_pod_before(#[case] marked: bool) {
    let space = NamespacePair::shared().await;
    Sidecar::Last.is_added_in(&space).await;
    let kubelet = app(&space).await;
    let api = Door::of(&space, &kubelet).await.api_server().await;
    is_reached(&space, &api, "app").await;
    // Something on the host keeps it for longer than the guest does.
    let kept = json!({"metadata": {"finalizers": ["example.com/kept"]}});
    let before = space.host.merge("Pod", "app", &kept).await;
    let at_once = format!("{}?gracePeriodSeconds=0", space.guest.path("Pod", "app"));
    let deleted = space.guest.ask(Method::DELETE, &at_once, "", None).await;
    deleted.expect("a tenant may");
    space.host.sees("Pod", "app", "going", going).await;

    let mut after = pod("app");
    after["spec"]["containers"][0]["name"] = json!("daprd");
    // It stays to be asked about, whatever the syncer makes of it.
    after["metadata"]["finalizers"] = json!(["example.com/kept"]);
    if marked {
        // A tenant can read its pods' UIDs on the host in their mounts.
        let uid = &before["metadata"]["uid"];
        after["metadata"]["annotations"] = json!({"shared-dapr.io/source-uid": uid});
    }
    space.guest.create(after).await;
    for path in paths(&space, "daprd") {
        let refused = text(&api, &path).await.unwrap_err();
        assert_eq!(refused.code, 404, "{path}");
        assert!(refused.message.contains("is not on the host"), "{refused}");
    }
    let theirs = space.host.get("Pod", "app").await.expect("it is there yet");
    assert_eq!(theirs["metadata"]["uid"], before["metadata"]["uid"]);
}

/// The tenant's own containers can be reached, also ephemeral ones.
async fn others_are_added(space: &NamespacePair, api: &Side) {
    debug(&space.guest, "app", "debugger").await;
    let added = |pod: &Value| {
        let there = names(&pod["spec"]["ephemeralContainers"]).contains(&"debugger");
        there.then_some(())
    };
    space.host.sees("Pod", "app", "given another", added).await;
    is_reached(space, api, "debugger").await;
}

/// Waits until an Event and the pod's status report that the name is taken.
async fn is_told_of(guest: &Side, container: &str) {
    guest.shows("Pod", "app", WHY, "NameTaken").await;
    let words = format!("ephemeral container {container} was not added");
    guest.has_event("Pod", "app", &words).await;
}

async fn is_reached(space: &NamespacePair, api: &Side, container: &str) {
    let mirror = space.host.namespace();
    let asked = format!("GET /containerLogs/{mirror}/app/{container}\n");
    let query = format!("container={container}");
    assert_eq!(log(&space.guest, "app", &query).await, Ok(asked.clone()));
    let path = format!("/containerLogs/{}/app/{container}", space.guest.namespace());
    assert_eq!(text(api, &path).await, Ok(asked));
    assert_eq!(
        upgraded(&space.guest, &format!("exec?command=id&stdout=true&{query}")).await,
        StatusCode::SWITCHING_PROTOCOLS
    );
}

/// Checks that the container can't be reached: neither by the guest's API with all rights there, nor as its API server.
async fn is_hidden(space: &NamespacePair, api: &Side, container: &str) {
    for query in ["", "&previous=true", "&follow=true"] {
        let query = format!("container={container}{query}");
        let refused = log(&space.guest, "app", &query)
            .await
            .expect_err("it is the host's");
        assert_eq!(refused.code, 400, "{query}");
        assert!(
            refused
                .message
                .contains("is not one that this virtual cluster has"),
            "{refused}"
        );
    }
    for asked in ["exec?command=id&stdout=true", "attach?stdout=true"] {
        let answer = upgraded(&space.guest, &format!("{asked}&container={container}")).await;
        assert_eq!(answer, StatusCode::BAD_REQUEST, "{asked}");
    }
    for path in paths(space, container) {
        let refused = text(api, &path).await.expect_err("it is the host's");
        assert_eq!(refused.code, 400, "{path}");
    }
}

/// Returns the requests of an API server to a kubelet about a container.
fn paths(space: &NamespacePair, container: &str) -> [String; 4] {
    let here = space.guest.namespace();
    [
        format!("/containerLogs/{here}/app/{container}"),
        format!("/containerLogs/{here}/app/{container}?previous=true"),
        format!("/exec/{here}/app/{container}?command=id&output=1"),
        format!("/attach/{here}/app/{container}?output=1"),
    ]
}

/// Asks the guest's API for a stream, and returns the status of its answer.
async fn upgraded(guest: &Side, asked: &str) -> StatusCode {
    let path = format!("{}/{asked}", guest.path("Pod", "app"));
    let request = Request::post(path)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "SPDY/3.1")
        .header("X-Stream-Protocol-Version", "v4.channel.k8s.io")
        .body(Body::empty())
        .expect("a request");
    let answer = guest.client().send(request).await;
    answer.expect("it is answered").status()
}
