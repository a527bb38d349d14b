//! Foreign objects in a tenant's host namespaces are shown in the guest.

use std::time::Duration;

use futures::{StreamExt, stream};
use provision::wait::{self, Seen};
use serde_json::{Value, json};

use crate::pods::{going, names, pod, run_on, stopped};
use crate::rig::{NamespacePair, Refusal, SOON, Side, Tenant, unique};

/// Longer than it takes to show an object, and shorter than the interval of the syncer's regular checks.
const A_WHILE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn a_pod_that_the_host_has_created_is_shown_with_its_status() {
    let space = space().await;
    let theirs = space.host.create(foreign("job")).await;
    let copy = space.guest.appears("Pod", "job").await;
    let annotations = &copy["metadata"]["annotations"];
    assert_eq!(
        annotations["vcluster.loft.sh/controlled-by"],
        "pod/v1/GenericImport"
    );
    assert_eq!(copy["metadata"]["labels"], theirs["metadata"]["labels"]);
    assert_eq!(copy["spec"]["containers"][0]["image"], "example.com/app:1");
    assert_eq!(copy["spec"]["serviceAccountName"], "default");

    let node = unique("node");
    run_on(&space.host, "job", &node).await;
    let copy = space.guest.shows("Pod", "job", "/status/phase", "Running").await;
    assert_eq!(copy["spec"]["nodeName"], node);
    assert_eq!(copy["status"]["podIP"], "10.0.0.7");
    assert_eq!(names(&copy["status"]["containerStatuses"]), ["app", "daprd"]);
    space
        .host
        .merge_status("Pod", "job", &json!({"phase": "Succeeded"}))
        .await;
    space
        .guest
        .shows("Pod", "job", "/status/phase", "Succeeded")
        .await;
    assert!(space.guest.everywhere().get("Node", &node).await.is_some());
    let host = space.host.get("Pod", "job").await.expect("it is there");
    assert_eq!(host["metadata"]["uid"], theirs["metadata"]["uid"]);
    let spec = |pod: &Value| {
        let mut spec = pod["spec"].clone();
        spec["nodeName"].take();
        spec
    };
    assert_eq!(without_nulls(spec(&host)), without_nulls(spec(&theirs)));
}

#[tokio::test]
async fn a_pod_that_runs_already_is_shown_on_its_node() {
    let space = space().await;
    let node = unique("node");
    let mut running = foreign("job");
    running["spec"]["nodeName"] = json!(node);
    space.host.create(running).await;
    space
        .guest
        .shows("Pod", "job", "/spec/nodeName", node.clone())
        .await;
    assert!(space.guest.everywhere().get("Node", &node).await.is_some());
}

/// Objects that only the host has are not in the guest's lists at the start.
#[tokio::test]
async fn once_a_syncer_is_ready_all_that_the_host_has_is_shown() {
    let mut tenant = Tenant::new("ready").await;
    let space = tenant.space("default").await;
    tenant.stop().await;
    let jobs: Vec<String> = (10..40).map(|number| format!("job-{number}")).collect();
    for job in &jobs {
        space.host.create(foreign(job)).await;
    }
    tenant.start().await;
    assert_eq!(space.guest.names("Pod").await, jobs);
}

#[tokio::test]
async fn a_copy_follows_labels_and_a_changed_copy_is_mended() {
    let space = space().await;
    space.host.create(foreign("job")).await;
    space.guest.appears("Pod", "job").await;
    let labels = json!({"metadata": {"labels": {"app": null, "tier": "back"}}});
    space.host.merge("Pod", "job", &labels).await;
    space
        .guest
        .shows("Pod", "job", "/metadata/labels", json!({"tier": "back"}))
        .await;
    let labels = json!({"metadata": {
        "labels": {"tier": "front"},
        "annotations": {"vcluster.loft.sh/controlled-by": null},
    }});
    space.guest.merge("Pod", "job", &labels).await;
    space
        .guest
        .shows("Pod", "job", "/metadata/labels/tier", "back")
        .await;
    let mark = "/metadata/annotations/vcluster.loft.sh~1controlled-by";
    space
        .guest
        .shows("Pod", "job", mark, "pod/v1/GenericImport")
        .await;
}

#[tokio::test]
async fn a_copy_is_deleted_with_its_original() {
    let space = space().await;
    space.host.create(foreign("job")).await;
    space.guest.appears("Pod", "job").await;
    run_on(&space.host, "job", &unique("node")).await;
    space.guest.shows("Pod", "job", "/status/phase", "Running").await;
    space.host.delete("Pod", "job").await;
    space.guest.sees("Pod", "job", "going", going).await;
    stopped(&space.host, "job").await;
    space.guest.until_gone("Pod", "job").await;
}

#[tokio::test]
async fn the_original_of_a_deleted_copy_is_deleted_and_the_copy_after_it() {
    let space = space().await;
    space.host.create(foreign("job")).await;
    space.guest.appears("Pod", "job").await;
    run_on(&space.host, "job", &unique("node")).await;
    space.guest.shows("Pod", "job", "/status/phase", "Running").await;
    space.guest.delete("Pod", "job").await;
    space.host.sees("Pod", "job", "going", going).await;
    assert!(space.guest.get("Pod", "job").await.is_some());
    stopped(&space.host, "job").await;
    space.guest.until_gone("Pod", "job").await;
    space.host.until_gone("Pod", "job").await;
}

#[tokio::test]
async fn a_copy_forced_away_takes_what_it_showed_with_it() {
    let space = space().await;
    space.host.create(foreign("job")).await;
    marked(&space.host, "job").await;
    stopped(&space.guest, "job").await;
    space.host.until_gone("Pod", "job").await;
    space.guest.until_gone("Pod", "job").await;
}

#[tokio::test]
async fn another_pod_of_the_same_name_gets_a_copy_of_its_own() {
    let space = space().await;
    space.host.create(foreign("job")).await;
    let first = space.guest.appears("Pod", "job").await;
    stopped(&space.host, "job").await;
    let mut second = foreign("job");
    second["spec"]["containers"][0]["image"] = json!("example.com/app:2");
    space.host.create(second).await;
    let image = "/spec/containers/0/image";
    let copy = space.guest.shows("Pod", "job", image, "example.com/app:2").await;
    assert_ne!(copy["metadata"]["uid"], first["metadata"]["uid"]);
}

/// Each host pod is replaced as soon as the guest's API has its copy, which is often before the syncer's watch delivers the copy.
#[tokio::test]
async fn pods_that_are_replaced_at_once_get_copies_of_their_own() {
    const PODS: usize = 120;
    const AT_A_TIME: usize = 12;
    let space = space().await;
    let replace = |name: String| async {
        let name = name;
        space.host.create(foreign(&name)).await;
        let first = loop {
            if let Some(first) = space.guest.get("Pod", &name).await {
                break first;
            }
        };
        stopped(&space.host, &name).await;
        let mut second = foreign(&name);
        second["spec"]["containers"][0]["image"] = json!("example.com/app:2");
        let second = space.host.create(second).await;
        let copy = wait::until(format!("a copy of the second {name}"), SOON, || async {
            let (copy, host) = (
                space.guest.get("Pod", &name).await,
                space.host.get("Pod", &name).await,
            );
            let is_second = |copy: &Value| {
                copy["metadata"]["annotations"]["shared-dapr.io/source-uid"] == second["metadata"]["uid"]
            };
            Ok::<_, Refusal>(match copy {
                Some(copy) if is_second(&copy) => Seen::Ready(copy),
                copy => Seen::NotYet(format!("in the guest {copy:?}, on the host {host:?}")),
            })
        });
        let copy = copy.await.unwrap_or_else(|error| panic!("{error}"));
        assert_ne!(copy["metadata"]["uid"], first["metadata"]["uid"], "{name}");
        marked(&space.host, &name).await;
    };
    let pods = stream::iter(0..PODS).map(|number| replace(format!("job-{number}")));
    pods.buffer_unordered(AT_A_TIME).collect::<()>().await;
    assert_eq!(space.host.names("Pod").await.len(), PODS);
    assert_eq!(space.guest.names("Pod").await.len(), PODS);
}

#[tokio::test]
async fn a_copy_that_cannot_be_changed_is_recreated() {
    let space = space().await;
    let theirs = space.host.create(foreign("job")).await;
    let first = space.guest.appears("Pod", "job").await;
    marked(&space.host, "job").await;
    let resize = format!("{}/resize", space.host.path("Pod", "job"));
    let mut containers = theirs["spec"]["containers"].clone();
    containers[0]["resources"] = json!({"requests": {"cpu": "20m"}});
    let more = json!({"spec": {"containers": containers}});
    space.host.patch(&resize, &more).await.expect("it can be resized");
    let cpu = "/spec/containers/0/resources/requests/cpu";
    let copy = space.guest.shows("Pod", "job", cpu, "20m").await;
    assert_ne!(copy["metadata"]["uid"], first["metadata"]["uid"]);
    let host = marked(&space.host, "job").await;
    assert_eq!(host["metadata"]["uid"], theirs["metadata"]["uid"]);
    run_on(&space.host, "job", &unique("node")).await;
    space.guest.shows("Pod", "job", "/status/phase", "Running").await;
}

#[tokio::test]
async fn a_pod_of_the_tenants_own_is_left_alone_with_an_event() {
    let space = space().await;
    let mut gated = pod("job");
    gated["spec"]["schedulingGates"] = json!([{"name": "example.com/later"}]);
    let own = space.guest.create(gated).await;
    space.host.create(foreign("job")).await;
    space
        .guest
        .has_event("Pod", "job", "the guest's Pod of that name is its own")
        .await;
    let kept = space.guest.get("Pod", "job").await.expect("it is there");
    assert_eq!(kept["metadata"]["uid"], own["metadata"]["uid"]);
    assert_eq!(kept["spec"], own["spec"]);
}

#[tokio::test]
async fn neither_copies_nor_mirrors_go_round_in_circles() {
    let space = space().await;
    let own = space.guest.create(pod("own")).await;
    space.host.create(foreign("job")).await;
    let mirror = space.host.appears("Pod", "own").await;
    space.guest.appears("Pod", "job").await;
    let theirs = marked(&space.host, "job").await;
    run_on(&space.host, "own", &unique("node")).await;
    space.guest.shows("Pod", "own", "/status/phase", "Running").await;
    for (side, name, before) in [
        (&space.guest, "own", &own),
        (&space.host, "own", &mirror),
        (&space.host, "job", &theirs),
    ] {
        let now = side.get("Pod", name).await.expect("it is there");
        assert_eq!(now["metadata"]["uid"], before["metadata"]["uid"]);
    }
    let theirs = space.host.get("Pod", "job").await.expect("it is there");
    assert!(theirs["metadata"]["annotations"]["vcluster.loft.sh/object-name"].is_null());
    assert_eq!(space.host.list("Pod").await.len(), 2);
    assert_eq!(space.guest.list("Pod").await.len(), 2);
}

#[tokio::test]
async fn copies_follow_what_happened_while_the_syncer_was_down() {
    let mut tenant = Tenant::new("importing").await;
    let space = tenant.space("default").await;
    space.guest.appears("ServiceAccount", "default").await;
    for name in ["same", "gone", "forsaken"] {
        space.host.create(foreign(name)).await;
        marked(&space.host, name).await;
    }
    let same = space.guest.get("Pod", "same").await.expect("it is there");
    tenant.kill().await;
    stopped(&space.host, "gone").await;
    stopped(&space.guest, "forsaken").await;
    space.host.create(foreign("created")).await;
    tenant.start().await;
    space.guest.appears("Pod", "created").await;
    space.guest.until_gone("Pod", "gone").await;
    space.host.until_gone("Pod", "forsaken").await;
    let now = space.guest.get("Pod", "same").await.expect("it is there");
    assert_eq!(now["metadata"]["uid"], same["metadata"]["uid"]);

    run_on(&space.host, "same", &unique("node")).await;
    space.guest.shows("Pod", "same", "/status/phase", "Running").await;
    wait::rest(A_WHILE).await;
    let writes = tenant.writes().await;
    wait::rest(A_WHILE).await;
    assert_eq!(tenant.writes().await, writes);
}

/// Returns a pod as a controller on the host creates it.
pub(crate) fn foreign(name: &str) -> Value {
    let mut foreign = pod(name);
    foreign["spec"]["containers"] = json!([
        {
            "name": "app", "image": "example.com/app:1",
            "resources": {"requests": {"cpu": "10m"}},
            "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        },
        {"name": "daprd", "image": "example.com/daprd:1"},
    ]);
    foreign["spec"]["serviceAccountName"] = json!("default");
    foreign["spec"]["tolerations"] = json!([{"key": "dedicated", "operator": "Exists"}]);
    foreign
}

/// Returns a namespace that accepts pods on both sides.
async fn space() -> NamespacePair {
    let space = NamespacePair::shared().await;
    space.guest.appears("ServiceAccount", "default").await;
    space.host.appears("ServiceAccount", "default").await;
    space
}

/// Waits until the host's pod is marked as shown.
pub(crate) async fn marked(host: &Side, name: &str) -> Value {
    let mark = "/metadata/annotations/vcluster.loft.sh~1controlled-by";
    host.shows("Pod", name, mark, "pod/v1/GenericImport").await
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(map) = &mut value {
        map.retain(|_, value| !value.is_null());
    }
    value
}
