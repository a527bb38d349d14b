//! Checks of the guest's identity, and the election among several syncers.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Side, Tenant, VALUE, component};

#[tokio::test]
async fn a_guest_that_lost_its_store_deletes_nothing_until_an_administrator_accepts() {
    let mut tenant = Tenant::new("lost").await;
    let space = tenant.space("default").await;
    space.guest.create(component("store", "1")).await;
    let before = space.host.shows("Component", "store", VALUE, "1").await;
    tenant.stop().await;
    tenant.lose_store().await;

    let control_plane = tenant.host().await.within(tenant.namespace());
    let (lease, pod) = (
        format!("{}-syncer", tenant.name()),
        pod(&control_plane, "late").await,
    );
    let mut syncer = tenant.another(&pod).await;
    syncer.says("Was its store lost?").await;
    // Nor does it keep another from syncing the guest that is the host's.
    assert_eq!(control_plane.get("Lease", &lease).await, None);
    let during = space.host.get("Component", "store").await.expect("it is there");
    assert_eq!(during["metadata"]["uid"], before["metadata"]["uid"]);

    let guest = tenant.guest().await;
    let system = guest.get("Namespace", "kube-system").await.expect("it is there");
    let accepted = json!({"shared-dapr.io/accepted-cluster": system["metadata"]["uid"]});
    let annotated = json!({"metadata": {"annotations": accepted}});
    control_plane.merge("Service", tenant.name(), &annotated).await;
    syncer.is_ready().await;
    control_plane.appears("Lease", &lease).await;
    space.host.until_gone("Component", "store").await;
    assert_eq!(syncer.end(Signal::TERM).await, Some(0));
}

#[tokio::test]
async fn a_guest_that_lost_its_store_starts_empty_if_the_host_has_nothing_of_it() {
    let mut tenant = Tenant::new("anew").await;
    let space = tenant.space("default").await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    tenant.stop().await;
    tenant.lose_store().await;

    let mut syncer = tenant.another(&[]).await;
    syncer.says("Was its store lost?").await;
    let host = tenant.host().await;
    for namespace in host.list("Namespace").await {
        if namespace["metadata"]["labels"]["vcluster.loft.sh/vcluster-name"] == tenant.name() {
            let name = namespace["metadata"]["name"].as_str().expect("it has a name");
            host.delete("Namespace", name).await;
        }
    }
    syncer.is_ready().await;
    assert_eq!(syncer.end(Signal::TERM).await, Some(0));
}

#[tokio::test]
async fn of_two_syncers_one_leads_until_its_pod_is_gone() {
    let mut tenant = Tenant::new("led").await;
    tenant.stop().await;
    let control_plane = tenant.host().await.within(tenant.namespace());
    let (one, other) = (
        pod(&control_plane, "one").await,
        pod(&control_plane, "other").await,
    );

    let mut first = tenant.another(&one).await;
    first.is_ready().await;
    let mut second = tenant.another(&other).await;
    second.says("pod one/").await;
    // The same pod after a restart is not another.
    assert_eq!(first.end(Signal::KILL).await, None);
    let mut first = tenant.another(&one).await;
    first.is_ready().await;

    control_plane.delete("Pod", "one").await;
    second.is_ready().await;
    let said = first.ends().await;
    assert!(said.contains("leads now"), "{said}");
    assert_eq!(second.end(Signal::TERM).await, Some(0));
}

#[tokio::test]
async fn a_control_planes_service_that_is_deleted_and_restored_loses_nothing() {
    let mut tenant = Tenant::new("served").await;
    let space = tenant.space("default").await;
    space.guest.create(component("before", "1")).await;
    let before = space.host.shows("Component", "before", VALUE, "1").await;
    let control_plane = tenant.host().await.within(tenant.namespace());
    let service = control_plane.get("Service", tenant.name()).await;
    let service = service.expect("the chart makes it");
    // What a Service owns goes with it, where a garbage collector runs; without this, no kubeconfig of the tenant's works.
    let (name, account) = (tenant.name(), format!("vc-{}", tenant.name()));
    for kept in [&format!("{name}-certs"), &account] {
        let kept = control_plane.appears("Secret", kept).await;
        assert_eq!(kept["metadata"]["ownerReferences"][0]["name"], account);
    }
    control_plane.delete("Service", tenant.name()).await;
    space.guest.create(component("meanwhile", "1")).await;
    space.host.shows("Component", "meanwhile", VALUE, "1").await;

    // A syncer that starts then waits for it, and touches nothing.
    tenant.stop().await;
    let mut syncer = tenant.another(&[]).await;
    syncer.says("the host").await;
    assert_eq!(space.host.names("Component").await, ["before", "meanwhile"]);
    // With its address: the API server's certificate and the pods have that.
    let restored = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": tenant.name()}, "spec": service["spec"],
    });
    control_plane.create(restored).await;
    syncer.is_ready().await;
    let same = space.host.get("Component", "before").await.expect("it is there");
    assert_eq!(same["metadata"]["uid"], before["metadata"]["uid"]);
    space.guest.create(component("after", "1")).await;
    space.host.shows("Component", "after", VALUE, "1").await;
    assert_eq!(syncer.end(Signal::TERM).await, Some(0));
}

/// Creates a pod that nothing runs, and returns the arguments of a syncer in it.
async fn pod(control_plane: &Side, name: &str) -> Vec<String> {
    let pod: Value = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "syncer", "image": "none"}]},
    });
    let pod = control_plane.create(pod).await;
    let uid = pod["metadata"]["uid"].as_str().expect("it has one");
    vec![format!("--pod-name={name}"), format!("--pod-uid={uid}")]
}
