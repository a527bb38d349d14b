//! Resizes of a running pod, and the state that the host has observed of them.

use http::Method;
use serde_json::{Value, json};

use crate::pods::{condition, inject_sidecars, made, names, pod, run_on};
use crate::rig::{NamespacePair, Side, unique};

#[tokio::test]
async fn a_running_pod_is_resized_in_place_within_what_the_host_allows() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    inject_sidecars(host).await;
    host.create(json!({
        "apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "most"},
        "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}, "default": {"cpu": "500m"}}]},
    }))
    .await;
    let mut sized = pod("app");
    sized["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m", "memory": "64Mi"}});
    made(guest, sized).await;
    let before = host.appears("Pod", "app").await;
    run_on(host, "app", &node_with_room(host, &[]).await).await;
    guest.shows("Pod", "app", "/status/phase", "Running").await;

    resize(guest, "app", &cpu_of_app("200m")).await;
    let resources = "/spec/containers/0/resources";
    let expected = json!({"requests": {"cpu": "200m", "memory": "64Mi"}, "limits": {"cpu": "500m"}});
    let after = host.shows("Pod", "app", resources, expected.clone()).await;
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
    assert_eq!(names(&after["spec"]["containers"]), ["app", "daprd"]);

    // A refusal of the host has an Event, and holds nothing else up.
    resize(guest, "app", &cpu_of_app("600m")).await;
    guest.has_event("Pod", "app", "failed to resize pod").await;
    guest
        .merge("Pod", "app", &json!({"metadata": {"labels": {"later": "yes"}}}))
        .await;
    let after = host.shows("Pod", "app", "/metadata/labels/later", "yes").await;
    assert_eq!(after.pointer(resources), Some(&expected));
    resize(guest, "app", &cpu_of_app("300m")).await;
    host.shows("Pod", "app", &format!("{resources}/requests/cpu"), "300m")
        .await;
}

#[tokio::test]
async fn the_resources_of_a_whole_pod_are_changed_in_place_if_its_node_can() {
    const FEATURE: &str = "InPlacePodLevelResourcesVerticalScaling";
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    for (name, features) in [("can", &[FEATURE][..]), ("can-not", &[])] {
        let mut bounded = pod(name);
        bounded["spec"]["resources"] = json!({"requests": {"cpu": "20m"}, "limits": {"cpu": "100m"}});
        made(guest, bounded).await;
        host.appears("Pod", name).await;
        run_on(host, name, &node_with_room(host, features).await).await;
        guest.shows("Pod", name, "/status/phase", "Running").await;
        let change = json!({"resources": {"requests": {"cpu": "40m"}}});
        resize(guest, name, &change).await;
    }
    let cpu = "/spec/resources/requests/cpu";
    host.shows("Pod", "can", cpu, "40m").await;
    guest.has_event("Pod", "can-not", FEATURE).await;
    let kept = host.get("Pod", "can-not").await.expect("it is there");
    assert_eq!(kept.pointer(cpu), Some(&json!("20m")));

    let used = json!({
        "resources": {"requests": {"cpu": "40m"}, "limits": {"cpu": "100m"}},
        "allocatedResources": {"cpu": "40m"},
    });
    let known = host.merge_status("Pod", "can", &used).await;
    for field in ["resources", "allocatedResources"] {
        assert_eq!(known["status"][field], used[field], "the host knows it");
        let place = format!("/status/{field}");
        guest.shows("Pod", "can", &place, used[field].clone()).await;
    }
}

#[tokio::test]
async fn a_generation_is_observed_once_the_host_has_observed_what_carries_it() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let mut sized = pod("app");
    sized["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
    made(guest, sized).await;
    let before = host.appears("Pod", "app").await;
    run_on(host, "app", &node_with_room(host, &[]).await).await;
    observes(host, before["metadata"]["generation"].clone(), "first").await;
    let shown = guest.shows("Pod", "app", "/status/message", "first").await;
    assert_eq!(observed(&shown), [json!(1), json!(1)]);

    resize(guest, "app", &cpu_of_app("200m")).await;
    let place = "/spec/containers/0/resources/requests/cpu";
    let after = host.shows("Pod", "app", place, "200m").await;
    // A kubelet that has not seen it yet says something else meanwhile.
    observes(host, before["metadata"]["generation"].clone(), "second").await;
    let shown = guest.shows("Pod", "app", "/status/message", "second").await;
    assert_eq!(shown["metadata"]["generation"], 2);
    assert_eq!(observed(&shown), [json!(1), json!(1)]);

    observes(host, after["metadata"]["generation"].clone(), "third").await;
    let shown = guest.shows("Pod", "app", "/status/observedGeneration", 2).await;
    assert_eq!(condition(&shown, "Ready"), Some("True"));
    assert_eq!(observed(&shown), [json!(2), json!(2)]);
}

/// Does the work of a kubelet that has observed this generation of the pod `app`.
async fn observes(host: &Side, generation: Value, message: &str) {
    let status = json!({
        "message": message,
        "observedGeneration": generation,
        "conditions": [{"type": "Ready", "status": "True", "observedGeneration": generation}],
    });
    host.merge_status("Pod", "app", &status).await;
}

/// Returns the observed generations of a pod and of its condition `Ready`.
fn observed(pod: &Value) -> [Value; 2] {
    let mut conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
    let ready = conditions.find(|condition| condition["type"] == "Ready");
    [
        pod["status"]["observedGeneration"].clone(),
        ready.map_or(Value::Null, |ready| ready["observedGeneration"].clone()),
    ]
}

/// Creates a host node on which resized pods have room, and that declares these features.
async fn node_with_room(host: &Side, features: &[&str]) -> String {
    let node = unique("node");
    host.everywhere()
        .create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": node}}))
        .await;
    let room = json!({"cpu": "4", "memory": "4Gi", "pods": "10"});
    let status = json!({"capacity": room, "allocatable": room, "declaredFeatures": features});
    host.everywhere().merge_status("Node", &node, &status).await;
    node
}

/// Returns a change of the CPU request of the container `app`.
fn cpu_of_app(cpu: &str) -> Value {
    json!({"containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]})
}

/// Changes the resources of a pod.
async fn resize(guest: &Side, pod: &str, spec: &Value) {
    let path = format!("{}/resize", guest.path("Pod", pod));
    let kind = "application/strategic-merge-patch+json";
    let done = guest
        .ask(Method::PATCH, &path, kind, Some(&json!({"spec": spec})))
        .await;
    done.unwrap_or_else(|refusal| panic!("{pod} can be resized: {refusal}"));
}
