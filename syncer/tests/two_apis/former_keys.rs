//! Annotations and finalizers of an earlier version are renamed, and nothing else changes.

use serde_json::{Map, Value, json};

use crate::import::{foreign, marked};
use crate::pods::{made, pod, run_on, stopped};
use crate::rig::{NamespacePair, Side, Tenant, namespace, unique};

/// The annotations with their former names.
const FORMER: [(&str, &str); 7] = [
    ("vcluster.loft.sh/shows", "shared-dapr.io/source-uid"),
    ("vcluster.loft.sh/copy-of", "shared-dapr.io/source"),
    ("vcluster.loft.sh/shown-in", "shared-dapr.io/synced-into"),
    ("vcluster.loft.sh/from-host", "shared-dapr.io/host-managed-keys"),
    ("vcluster.loft.sh/renew-at", "shared-dapr.io/renew-at"),
    (
        "vcluster.loft.sh/object-generation",
        "shared-dapr.io/object-generation",
    ),
    ("vcluster.loft.sh/annotations", "shared-dapr.io/guest-annotations"),
];

const FORMER_FINALIZER: &str = "vcluster.loft.sh/host-namespace";

const FINALIZER: &str = "shared-dapr.io/host-namespace";

#[tokio::test]
async fn a_virtual_cluster_of_an_earlier_version_continues() {
    let mut tenant = Tenant::with_set("former", &["sync.ingressclasses.enabled=true".to_owned()]).await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    made(guest, app()).await;
    host.appears("Pod", "app").await;
    run_on(host, "app", &unique("node")).await;
    guest.shows("Pod", "app", "/status/phase", "Running").await;
    let zone = json!({"metadata": {"labels": {"mesh.example.org/zone": "one"}}});
    host.merge("Pod", "app", &zone).await;
    guest
        .shows("Pod", "app", "/metadata/labels/mesh.example.org~1zone", "one")
        .await;
    for name in ["shown", "left-by-the-guest", "left-by-the-host"] {
        host.create(foreign(name)).await;
        guest.appears("Pod", name).await;
        marked(host, name).await;
    }
    let class = unique("class");
    let (all, hosts) = (guest.everywhere(), host.everywhere());
    hosts
        .create(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "IngressClass", "metadata": {"name": class},
            "spec": {"controller": "example.org/gold"},
        }))
        .await;
    all.appears("IngressClass", &class).await;
    all.create(namespace("going")).await;
    let going = NamespacePair::of(&tenant, "going").await;
    let secrets = tokens(host).await;
    assert_eq!(secrets.len(), 1);
    tenant.stop().await;

    let mut renamed = 0;
    for (side, kind) in [
        (guest, "Pod"),
        (&all, "IngressClass"),
        (host, "Pod"),
        (host, "Secret"),
    ] {
        renamed += give_former_names(side, kind).await;
    }
    // The copies and their marks, the class, and what the own pod has: two on the host, one in the guest, one of its tokens.
    assert_eq!(renamed, 3 + 3 + 1 + 4);
    let finalizers = json!({"metadata": {"finalizers": [FORMER_FINALIZER]}});
    for name in ["default", "going"] {
        all.merge("Namespace", name, &finalizers).await;
    }
    let unnoted = json!({"metadata": {"annotations": {"shared-dapr.io/keys-renamed": null}}});
    all.merge("Namespace", "kube-system", &unnoted).await;
    stopped(guest, "left-by-the-guest").await;
    stopped(host, "left-by-the-host").await;
    all.delete("Namespace", "going").await;
    let before = [
        pods_of(guest, &["app", "shown"]).await,
        pods_of(host, &["app", "shown"]).await,
    ];
    tenant.start().await;

    host.until_gone("Pod", "left-by-the-guest").await;
    guest.until_gone("Pod", "left-by-the-host").await;
    hosts.until_gone("Namespace", going.host.namespace()).await;
    all.until_gone("Namespace", "going").await;
    all.shows("Namespace", "default", "/metadata/finalizers", json!([FINALIZER]))
        .await;
    let after = [
        pods_of(guest, &["app", "shown"]).await,
        pods_of(host, &["app", "shown"]).await,
    ];
    assert_eq!(after, before);
    for (side, kind) in [(guest, "Pod"), (&all, "IngressClass"), (host, "Secret")] {
        assert_eq!(former(side, kind).await, [""; 0]);
    }
    assert_eq!(tokens(host).await, secrets);

    // A file of the pod that runs names the annotation by its former name.
    assert_eq!(former(host, "Pod").await, ["vcluster.loft.sh/annotations"]);
    let change = json!({"metadata": {"annotations": {"note": "another"}}});
    guest.merge("Pod", "app", &change).await;
    for place in [
        "vcluster.loft.sh~1annotations",
        "shared-dapr.io~1guest-annotations",
    ] {
        let place = format!("/metadata/annotations/{place}");
        host.shows("Pod", "app", &place, "note=\"another\"").await;
    }
    stopped(host, "shown").await;
    guest.until_gone("Pod", "shown").await;
    hosts.delete("IngressClass", &class).await;
    all.until_gone("IngressClass", &class).await;
}

/// Returns a pod with a token and a file of its annotations.
fn app() -> Value {
    let mut app = pod("app");
    app["metadata"]["annotations"] = json!({"note": "one"});
    app["spec"]["volumes"] = json!([
        {"name": "info", "downwardAPI": {"items": [
            {"path": "annotations", "fieldRef": {"fieldPath": "metadata.annotations"}},
        ]}},
        {"name": "token", "projected": {"sources": [
            {"serviceAccountToken": {"path": "token", "audience": "vault", "expirationSeconds": 3600}},
        ]}},
    ]);
    app
}

/// Gives the annotations of all objects of a kind their former names, and returns the number of annotations.
async fn give_former_names(side: &Side, kind: &str) -> usize {
    let mut renamed = 0;
    for object in side.list(kind).await {
        let mut changes = Map::new();
        for (before, now) in FORMER {
            let value = &object["metadata"]["annotations"][now];
            if value.is_string() {
                changes.insert(now.to_owned(), Value::Null);
                changes.insert(before.to_owned(), value.clone());
                renamed += 1;
            }
        }
        if !changes.is_empty() {
            let name = object["metadata"]["name"].as_str().expect("it has a name");
            let change = json!({"metadata": {"annotations": changes}});
            side.merge(kind, name, &change).await;
        }
    }
    renamed
}

/// Returns the former names that objects of a kind have.
async fn former(side: &Side, kind: &str) -> Vec<&'static str> {
    let objects = side.list(kind).await;
    let names = FORMER.iter().map(|(before, _)| *before);
    let has =
        |name: &&str| (objects.iter()).any(|object| object["metadata"]["annotations"][*name].is_string());
    names.filter(has).collect()
}

/// Returns UID, generation and spec of pods.
async fn pods_of(side: &Side, names: &[&str]) -> Vec<Value> {
    let mut pods = Vec::new();
    for name in names {
        let pod = side.get("Pod", name).await.expect("it is there");
        pods.push(json!([
            pod["metadata"]["uid"],
            pod["metadata"]["generation"],
            pod["spec"],
            pod["status"]["phase"],
        ]));
    }
    pods
}

/// Returns UID and data of the Secrets with tokens.
async fn tokens(host: &Side) -> Vec<Value> {
    let mut tokens = host.list("Secret").await;
    tokens.retain(|secret| secret["metadata"]["annotations"]["shared-dapr.io/renew-at"].is_string());
    let tokens = tokens.iter();
    tokens
        .map(|secret| json!([secret["metadata"]["uid"], secret["data"]]))
        .collect()
}
