//! Events about a virtual cluster that does not become ready, on its pod and its StatefulSet.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::rig::{Side, Tenant};

/// Values with a kind that no host has, besides the blog's exports.
const UNKNOWN: &str = "experimental:
  multiNamespaceMode: {enabled: true}
  genericSync:
    export:
    - {apiVersion: nowhere.example.com/v1, kind: Ghost}
";

#[tokio::test]
async fn a_virtual_cluster_that_is_not_ready_says_why_on_its_pod_and_stateful_set() {
    let mut tenant = Tenant::new("told-why").await;
    tenant.stop().await;
    tenant.lose_store().await;
    let release = tenant.host().await.within(tenant.namespace());
    let pod = pod(&release, tenant.name()).await;

    let mut syncer = tenant.another(&pod).await;

    for (kind, name) in [("Pod", "told"), ("StatefulSet", tenant.name())] {
        release.has_event(kind, name, "Was its store lost?").await;
        let events = about(&release, kind, name).await;
        assert_eq!(events, [("NotReady".to_owned(), "Warning".to_owned())], "{kind}");
    }
    let guest = tenant.guest().await;
    let system = guest.get("Namespace", "kube-system").await.expect("it is there");
    let accepted = json!({"shared-dapr.io/accepted-cluster": system["metadata"]["uid"]});
    let annotated = json!({"metadata": {"annotations": accepted}});
    release.merge("Service", tenant.name(), &annotated).await;
    syncer.is_ready().await;
    for (kind, name) in [("Pod", "told"), ("StatefulSet", tenant.name())] {
        release
            .has_event(kind, name, "is ready: its kubeconfig is in")
            .await;
        let events = about(&release, kind, name).await;
        assert_eq!(events.len(), 2, "once for each reason: {events:?}");
        assert!(
            events.contains(&("Ready".to_owned(), "Normal".to_owned())),
            "{events:?}"
        );
    }
    assert_eq!(syncer.end(Signal::TERM).await, Some(0));
}

#[tokio::test]
async fn a_kind_that_the_host_does_not_know_gets_an_event_with_the_remedy() {
    let mut tenant = Tenant::new("told-kind").await;
    tenant.stop().await;
    tenant.give_values(UNKNOWN);
    let release = tenant.host().await.within(tenant.namespace());
    let pod = pod(&release, tenant.name()).await;

    let mut syncer = tenant.another(&pod).await;

    let words = "the host does not know the kind Ghost of nowhere.example.com/v1: install its CRD on the host, or remove the export";
    syncer.says(words).await;
    release.has_event("Pod", "told", words).await;
    assert_eq!(syncer.end(Signal::TERM).await, Some(0));
}

#[tokio::test]
async fn a_syncer_that_cannot_start_says_why_before_it_ends() {
    let mut tenant = Tenant::new("told-end").await;
    tenant.stop().await;
    tenant.give_values("experimental: {multiNamespaceMode: {enabled: true}, genericSync: {export: [{apiVersion: v1, kind: Pod}]}}\n");
    let release = tenant.host().await.within(tenant.namespace());
    let pod = pod(&release, tenant.name()).await;

    let (code, said) = tenant.tries_to_start(&pod).await;

    assert_eq!(code, Some(2), "{said}");
    release.has_event("Pod", "told", "export of Pod of v1").await;
}

/// Returns reason and type of the Events about an object.
async fn about(side: &Side, kind: &str, name: &str) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let events = side.list("Event").await;
    let about = events
        .iter()
        .filter(|event| event["regarding"]["kind"] == kind && event["regarding"]["name"] == name);
    about
        .map(|event| (text(&event["reason"]), text(&event["type"])))
        .collect()
}

/// Creates the pod of a release, which nothing runs, and returns the arguments of a syncer in it.
async fn pod(release: &Side, set: &str) -> Vec<String> {
    let set = release.appears("StatefulSet", set).await;
    let pod = release
        .create(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": "told",
                "ownerReferences": [{
                    "apiVersion": "apps/v1",
                    "kind": "StatefulSet",
                    "name": set["metadata"]["name"],
                    "uid": set["metadata"]["uid"],
                    "controller": true,
                }],
            },
            "spec": {"containers": [{"name": "syncer", "image": "none"}]},
        }))
        .await;
    let uid = pod["metadata"]["uid"].as_str().expect("it has one");
    vec!["--pod-name=told".to_owned(), format!("--pod-uid={uid}")]
}
