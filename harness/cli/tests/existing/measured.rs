//! A tenant's view of the metrics that its host's metrics server provides.

use std::convert::Infallible;
use std::fs;
use std::time::Duration;

use provision::wait::{self, Budget, Seen};
use serde_json::Value;

use crate::host::Host;
use crate::metrics_server::{self, MetricsServer};
use crate::support::Kubectl;

const VALUES: &str = "\
experimental:
  multiNamespaceMode: {enabled: true}
  genericSync:
    version: v1beta1
    export: [{apiVersion: dapr.io/v1alpha1, kind: Component}]
    role:
      extraRules: [{apiGroups: [dapr.io], resources: [components], verbs: ['*']}]
integrations: {metricsServer: {enabled: true}}
";

/// A metrics server has figures once it has looked twice, and of a container that ran for both.
const MEASURED: Budget = Budget {
    at_most: Duration::from_mins(2),
    every: Duration::from_millis(500),
};

#[test]
#[ignore = "needs root, brings up a native host cluster and builds a metrics server"]
fn what_a_tenants_pods_use_is_what_the_host_has_measured() {
    let host = Host::up("measured");
    let _server = MetricsServer::on(&host);
    let values = host.state().join("values.yaml");
    fs::write(&values, VALUES).expect("it can be written");
    let values = values.display().to_string();
    host.goes_on(&["--tenants", "1", "--until", "tenants", "--values", &values]);
    let guest = host.tenant("tenant-1");
    metrics_server::is_there(&guest);

    // The one pod that a tenant has from the start is that of its DNS.
    let seen = measured(&guest);
    let [pod] = &seen[..] else {
        panic!("one pod is seen: {seen:?}");
    };
    assert_eq!(pod["metadata"]["namespace"], "kube-system");
    assert_eq!(pod["containers"][0]["name"], "coredns");
    let memory = pod["containers"][0]["usage"]["memory"].as_str();
    assert!(memory.is_some_and(|memory| memory.ends_with("Ki")), "{pod}");
    let mirrors = figures(&host.kubectl);
    let of_others = |figures: &&Value| figures["metadata"]["namespace"] != "kube-system";
    assert!(mirrors.iter().filter(of_others).count() > 1, "{mirrors:?}");

    let pods = guest.run(&["top", "pod", "--all-namespaces", "--no-headers", "--containers"]);
    assert_eq!(pods.lines().count(), 1, "{pods}");
    assert!(pods.contains("coredns"), "{pods}");
    let nodes = guest.run(&["top", "node", "--no-headers"]);
    let names = guest.run(&["get", "nodes", "--output", "jsonpath={.items[*].metadata.name}"]);
    assert_eq!(nodes.split_whitespace().next(), Some(names.trim()), "{nodes}");
}

/// Waits until something is measured of a pod, and gives that.
fn measured(guest: &Kubectl) -> Vec<Value> {
    let runtime = tokio::runtime::Runtime::new().expect("there can be a runtime");
    let measured = wait::until("figures of a pod", MEASURED, || async {
        let figures = figures(guest);
        Ok::<_, Infallible>(if figures.is_empty() {
            Seen::NotYet("there are none".to_owned())
        } else {
            Seen::Ready(figures)
        })
    });
    runtime.block_on(measured).expect("there are some")
}

fn figures(kubectl: &Kubectl) -> Vec<Value> {
    let listed = kubectl.run(&["get", "--raw", "/apis/metrics.k8s.io/v1beta1/pods"]);
    let mut listed: Value = serde_json::from_str(&listed).expect("it is JSON");
    listed["items"]
        .as_array_mut()
        .map(std::mem::take)
        .unwrap_or_default()
}
