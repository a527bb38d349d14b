//! What reaches into the host's nodes is told, and not made there.

use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::Space;

#[rstest]
#[case::its_network(json!({"hostNetwork": true}), "spec.hostNetwork")]
#[case::its_processes(json!({"hostPID": true}), "spec.hostPID")]
#[case::its_memory(json!({"hostIPC": true}), "spec.hostIPC")]
#[case::its_files(
    json!({"volumes": [{"name": "node", "hostPath": {"path": "/"}}]}),
    "spec.volumes[0].hostPath"
)]
#[case::its_ports(
    json!({"containers": [{"name": "app", "image": "a", "ports": [{"containerPort": 80, "hostPort": 80}]}]}),
    "spec.containers[0].ports.hostPort"
)]
#[tokio::test]
async fn a_pod_that_reaches_into_its_node_is_refused(#[case] asks: Value, #[case] field: &str) {
    let space = Space::shared().await;
    let mut wanted = pod("app");
    for (name, value) in asks.as_object().expect("it is a map") {
        wanted["spec"][name] = value.clone();
    }
    made(&space.guest, wanted).await;
    space.guest.is_told("Pod", "app", field).await;
    assert_eq!(space.host.get("Pod", "app").await, None);
    // The same without is made.
    space.guest.create(pod("plain")).await;
    space.host.appears("Pod", "plain").await;
}

#[tokio::test]
async fn a_service_that_takes_an_address_of_others_is_refused() {
    let space = Space::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let mut service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "app"},
        "spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]},
    });
    guest.create(service.clone()).await;
    guest.is_told("Service", "app", "spec.externalIPs").await;
    assert_eq!(host.get("Service", "app").await, None);
    guest.delete("Service", "app").await;
    service["spec"]["externalIPs"] = Value::Null;
    guest.create(service).await;
    let theirs = host.appears("Service", "app").await;
    assert_eq!(theirs["spec"].get("externalIPs"), None);
    guest
        .merge("Service", "app", &json!({"spec": {"externalIPs": ["192.0.2.1"]}}))
        .await;
    guest.is_told("Service", "app", "spec.externalIPs").await;
    let theirs = host.get("Service", "app").await.expect("it stays");
    assert_eq!(theirs["spec"].get("externalIPs"), None);
}
