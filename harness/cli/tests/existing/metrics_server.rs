//! A metrics server for a cluster, beside its node.

use std::path::Path;
use std::process::{Child, Stdio};

use harness::substrate::native::address;
use serde_json::{Value, json};

use crate::host::Host;
use crate::support::Kubectl;

/// The port that it serves at.
const PORT: u16 = 4443;

/// A real one. It runs as a program in the node's network, and is asked as the cluster's own would be.
pub(crate) struct MetricsServer(Child);

impl Drop for MetricsServer {
    fn drop(&mut self) {
        self.0.kill().expect("it was started from here");
        self.0.wait().expect("it was started from here");
    }
}

impl MetricsServer {
    pub(crate) fn on(host: &Host) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("there can be a runtime");
        let binaries = runtime
            .block_on(testkit::binaries(&["metrics-server"]))
            .expect("a metrics server can be had");
        let program = binaries.program("metrics-server").expect("it was asked for");
        let process = start(host, program);
        // From here on, it ends with the test.
        let server = Self(process);
        host.apply(&objects());
        is_there(&host.kubectl);
        server
    }
}

/// Waits until a cluster's API server finds figures where its `APIService` points to.
pub(crate) fn is_there(kubectl: &Kubectl) {
    kubectl.run(&[
        "wait",
        "--for=condition=Available",
        "apiservice/v1beta1.metrics.k8s.io",
        "--timeout=2m",
    ]);
}

fn start(host: &Host, program: &Path) -> Child {
    let config = host.kubeconfig_beside();
    host.beside(program)
        .args(
            [
                "--kubeconfig",
                "--authentication-kubeconfig",
                "--authorization-kubeconfig",
            ]
            .map(|flag| format!("{flag}={}", config.display())),
        )
        .args([
            format!("--secure-port={PORT}"),
            format!("--cert-dir={}", host.state().join("metrics-server").display()),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            // Of the kubelet's certificate nothing else here says whose it is.
            "--kubelet-insecure-tls".to_owned(),
            // The least that it takes, and less than that for each look.
            "--metric-resolution=10s".to_owned(),
            "--kubelet-request-timeout=5s".to_owned(),
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it can be started")
}

/// Returns the objects by which the API server finds it.
fn objects() -> [Value; 3] {
    let metadata = json!({"name": "metrics-server", "namespace": "kube-system"});
    [
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": metadata,
            "spec": {"ports": [{"port": 443, "targetPort": PORT}]},
        }),
        json!({
            "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
            "metadata": {
                "name": "metrics-server", "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": "metrics-server"},
            },
            "ports": [{"port": PORT}], "endpoints": [{"addresses": [address::NODE]}],
        }),
        json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": "v1beta1.metrics.k8s.io"},
            "spec": {
                "group": "metrics.k8s.io", "version": "v1beta1", "groupPriorityMinimum": 100, "versionPriority": 100,
                "insecureSkipTLSVerify": true, "service": metadata,
            },
        }),
    ]
}
