//! The usage of pods and nodes: the host's figures, under the guest's names.
//!
//! The host's metrics API is made of CRDs here, so that a test sets the figures. A metrics server serves the same API.

use http::Method;
use provision::command::Command;
use serde_json::{Value, json};

use crate::pods::{made, pod, run_on};
use crate::rig::{Host, Refusal, Side, Tenant, unique};

const VALUES: &str = "\
experimental: {multiNamespaceMode: {enabled: true}}
integrations: {metricsServer: {enabled: true}}
";

const NO_METRICS: &str = "experimental: {multiNamespaceMode: {enabled: true}}";

const API_SERVICE: &str = "v1beta1.metrics.k8s.io";

const SERVICE: &str = "syncer-metrics";

const API: &str = "/apis/metrics.k8s.io/v1beta1";

#[tokio::test]
async fn the_hosts_figures_are_shown_under_the_guests_names() {
    let host = Host::shared().await.admin().await;
    let mut tenant = Tenant::with_values("measured", VALUES).await;
    let space = tenant.space("default").await;
    let (guest, mirrors) = (&space.guest, &space.host);
    guest.answers(API).await;
    let none = asked(guest, &format!("{API}/nodes"))
        .await
        .expect_err("there are none");
    assert_eq!(none.code, 404);
    assert!(none.message.contains("no metrics server runs there"), "{none}");
    measures(&host, "Namespaced", "PodMetrics", "pods").await;
    measures(&host, "Cluster", "NodeMetrics", "nodes").await;
    made(guest, pod("app")).await;
    mirrors.appears("Pod", "app").await;
    let (node, other) = (unique("node"), unique("node"));
    run_on(mirrors, "app", &node).await;
    guest.everywhere().appears("Node", &node).await;
    // Of the host's own, and of nobody.
    mirrors.create(pod("theirs")).await;
    for name in ["app", "theirs", "gone"] {
        let containers = [uses("app", "3m", "5Mi"), uses("daprd", "90m", "50Mi")];
        mirrors
            .create(figures("PodMetrics", name, "containers", &json!(containers)))
            .await;
    }
    for name in [&node, &other] {
        let usage = json!({"cpu": "500m", "memory": "1Gi"});
        host.create(figures("NodeMetrics", name, "usage", &usage)).await;
    }

    let all = format!("{API}/pods");
    let here = format!("{API}/namespaces/default/pods");
    let one = format!("{here}/app");
    for path in [&all, &here] {
        let found = asked(guest, path).await.expect("it is answered");
        assert_eq!(found["kind"], "PodMetricsList");
        assert_eq!(
            found["items"],
            json!([asked(guest, &one).await.expect("it is there")])
        );
    }
    let shown = asked(guest, &one).await.expect("it is there");
    assert_eq!(shown["metadata"]["namespace"], "default");
    assert_eq!(shown["metadata"]["labels"], json!({"app": "app"}));
    assert_eq!(shown["containers"], json!([uses("app", "3m", "5Mi")]));
    for (selector, count) in [("app=app", 1), ("app=other", 0)] {
        let found = asked(guest, &format!("{here}?labelSelector={selector}")).await;
        assert_eq!(
            found.expect("it is answered")["items"].as_array().map(Vec::len),
            Some(count)
        );
    }
    let missing = asked(guest, &format!("{here}/theirs"))
        .await
        .expect_err("it is the host's");
    assert_eq!(
        (missing.code, &*missing.message),
        (404, "there are no metrics of theirs")
    );
    let nodes = asked(guest, &format!("{API}/nodes"))
        .await
        .expect("it is answered");
    assert_eq!(names(&nodes), [&node]);

    assert_eq!(
        top(&tenant, &["pods", "-A", "--no-headers"]).await,
        ["default app 3m 5Mi"]
    );
    let said = top(&tenant, &["nodes", "--no-headers"]).await;
    assert!(
        said[0].starts_with(&format!("{node} 500m")) && said.len() == 1,
        "{said:?}"
    );

    // The tenant's own Service of that API is nobody's on the host.
    let system = tenant.host().await.within(&tenant.host_namespace("kube-system"));
    assert_eq!(system.get("Service", SERVICE).await, None);
    // What its account may list is what is in the tenant's namespaces.
    let account = tenant.account().await;
    for path in [&all, &format!("{API}/namespaces/{}/pods", tenant.namespace())] {
        assert_eq!(
            asked(&account, path).await.expect_err("it is refused").code,
            403,
            "{path}"
        );
    }
    goes_if_not_asked_for(&mut tenant).await;
}

/// A syncer without metrics in its values removes those of a former one.
async fn goes_if_not_asked_for(tenant: &mut Tenant) {
    let guest = tenant.guest().await;
    let system = guest.within("kube-system");
    assert!(guest.get("APIService", API_SERVICE).await.is_some());
    assert!(system.get("Service", SERVICE).await.is_some());
    tenant.stop().await;
    tenant.give_values(NO_METRICS);
    tenant.start().await;
    assert_eq!(guest.get("APIService", API_SERVICE).await, None);
    assert_eq!(system.get("Service", SERVICE).await, None);
}

/// Returns the output of `kubectl top`, with its columns one blank apart.
async fn top(tenant: &Tenant, arguments: &[&str]) -> Vec<String> {
    let host = Host::shared().await;
    let said = Command::new(host.kubectl())
        .arg("--kubeconfig")
        .arg(tenant.pki().join("admin.kubeconfig"))
        .arg("top")
        .args(arguments)
        .text()
        .await
        .expect("it is answered");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    said.lines().map(words).collect()
}

async fn asked(side: &Side, path: &str) -> Result<Value, Refusal> {
    side.ask(Method::GET, path, "", None).await
}

fn names(list: &Value) -> Vec<&str> {
    let items = list["items"].as_array().into_iter().flatten();
    items
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect()
}

fn uses(container: &str, cpu: &str, memory: &str) -> Value {
    json!({"name": container, "usage": {"cpu": cpu, "memory": memory}})
}

fn figures(kind: &str, name: &str, field: &str, figures: &Value) -> Value {
    json!({
        "apiVersion": "metrics.k8s.io/v1beta1", "kind": kind, "metadata": {"name": name},
        "timestamp": "2026-01-01T00:00:00Z", "window": "15s", field: figures,
    })
}

/// Defines a kind of figures on the host.
async fn measures(host: &Side, scope: &str, kind: &str, plural: &str) {
    let name = format!("{plural}.metrics.k8s.io");
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    host.create(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": name,
            // Groups of this name are for those who have asked; this is a test.
            "annotations": {"api-approved.kubernetes.io": "unapproved, for a test"},
        },
        "spec": {
            "group": "metrics.k8s.io", "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [
                {"name": "v1beta1", "served": true, "storage": true, "schema": {"openAPIV3Schema": free}},
            ],
        },
    }))
    .await;
    host.sees("CustomResourceDefinition", &name, "served", crate::rules::served)
        .await;
}
