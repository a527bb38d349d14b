//! The guest's DNS server, which the tenant may change.

use serde_json::{Value, json};

use crate::rig::{Side, Tenant};

const ZONE: &str = "corp.example:1053 {\n    hosts {\n        192.0.2.7 wiki.corp.example\n    }\n}\n";

const IMAGE: &str = "/spec/template/spec/containers/0/image";

#[tokio::test]
async fn a_tenants_changes_to_its_dns_survive_a_deletion_and_a_restart() {
    let mut tenant = Tenant::new("dns").await;
    let system = tenant.guest().await.within("kube-system");
    let corefile = add_zone(&system).await;
    let scaled = json!({"spec": {"replicas": 3}});
    system.merge("Deployment", "coredns", &scaled).await;

    // A part that is deleted comes back, and the others stay as they are.
    let before = system.get("Deployment", "coredns").await.expect("it is there");
    system.delete("Deployment", "coredns").await;
    system
        .sees("Deployment", "coredns", "another one", |found| {
            (found["metadata"]["uid"] != before["metadata"]["uid"]).then_some(())
        })
        .await;
    assert_eq!(corefile_of(&system).await, corefile);
    let path = format!("{}/scale", system.path("Deployment", "coredns"));
    system.patch(&path, &scaled).await.expect("it can be scaled");
    let labelled = json!({"metadata": {"labels": {"k8s-app": "ours"}}});
    system.merge("Service", "kube-dns", &labelled).await;

    // A new version of the syncer, or of its values, brings what the tenant has not changed.
    tenant.kill().await;
    tenant.give_values(
        "multiNamespaceMode: {enabled: true}\ncoredns: {image: 'example.com/coredns:2', replicas: 2}\n",
    );
    tenant.start().await;
    let deployment = system
        .shows("Deployment", "coredns", IMAGE, "example.com/coredns:2")
        .await;
    assert_eq!(deployment["spec"]["replicas"], 3);
    assert_eq!(corefile_of(&system).await, corefile);
    let service = system.get("Service", "kube-dns").await.expect("it is there");
    assert_eq!(service["metadata"]["labels"]["k8s-app"], "ours");
    assert_eq!(
        service["metadata"]["labels"]["kubernetes.io/cluster-service"],
        "true"
    );
}

/// Adds a zone to the server's configuration, and returns the whole configuration.
async fn add_zone(system: &Side) -> Value {
    let corefile = corefile_of(system).await;
    let corefile = json!(format!("{}{ZONE}", corefile.as_str().expect("it is a text")));
    system
        .merge("ConfigMap", "coredns", &json!({"data": {"Corefile": corefile}}))
        .await;
    corefile
}

async fn corefile_of(system: &Side) -> Value {
    let found = system.get("ConfigMap", "coredns").await.expect("it is there");
    found["data"]["Corefile"].clone()
}
