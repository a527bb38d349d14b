//! The guest's DNS server: CoreDNS as a Deployment in the guest. The engine syncs its pod to the host.

use std::net::IpAddr;

use futures::StreamExt;
use futures::stream::select_all;
use kube::Client;
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};
use vcluster_values::Values;

use super::Error;
use super::defaults::{self, Place};
use crate::error_chain::error_chain;
use crate::retry::until_cancelled;

const NAMESPACE: &str = "kube-system";

/// The port that the server listens on; it needs no privilege.
const PORT: u16 = 1053;

/// Configuration of the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// Its image.
    pub image: String,
    /// The number of replicas.
    pub replicas: i32,
    /// Its resource requests and limits, as a container has them.
    pub resources: Value,
    /// Treatment of names of the cluster's domain that the guest does not know.
    pub unknown: Unknown,
    /// Upstream nameservers for all other names: the host's own DNS.
    pub upstream: Vec<String>,
    /// The address of the guest's API.
    pub api: IpAddr,
}

/// Treatment of names of the cluster's domain that the guest does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// They do not exist.
    Refused,
    /// The host's DNS is asked, so services of the host are reached by their own names.
    AskedAtTheHost,
}

impl Server {
    /// Returns the server that a tenant's values ask for; `None` if they ask for none. `resolv_conf` is the syncer's own.
    #[must_use]
    pub fn of(values: &Values, resolv_conf: &str, api: IpAddr) -> Option<Self> {
        let coredns = &values.coredns;
        let registry = values.default_image_registry.as_deref().unwrap_or_default();
        let unknown = if values.fallback_host_dns {
            Unknown::AskedAtTheHost
        } else {
            Unknown::Refused
        };
        coredns.enabled.then(|| Self {
            image: format!("{registry}{}", coredns.image),
            replicas: coredns.replicas,
            resources: coredns.resources.clone(),
            unknown,
            upstream: nameservers(resolv_conf),
            api,
        })
    }

    /// Returns the server's configuration. Answers are cached for a short time, and the answer that a name does not exist for a
    /// shorter time: services come and go, and a client that asks too early would have to wait for the cache.
    #[must_use]
    pub fn corefile(&self) -> String {
        let fallthrough = match self.unknown {
            Unknown::AskedAtTheHost => "\n        fallthrough cluster.local in-addr.arpa ip6.arpa",
            Unknown::Refused => "",
        };
        let forward = if self.upstream.is_empty() {
            String::new()
        } else {
            format!("\n    forward . {}", self.upstream.join(" "))
        };
        format!(
            ".:{PORT} {{
    errors
    health
    ready
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        pods insecure
        ttl 5{fallthrough}
    }}{forward}
    cache 5 {{
        denial 9984 1 0
    }}
    loop
    reload
    loadbalance
}}
"
        )
    }

    /// Returns all objects for the guest, in the order in which they are needed.
    #[must_use]
    pub fn objects(&self) -> Vec<Value> {
        let labels = json!({"k8s-app": "kube-dns"});
        let role =
            json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:coredns"});
        vec![
            json!({
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {
                    "name": "kube-dns",
                    "namespace": NAMESPACE,
                    "labels": {"k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true"},
                },
                "spec": {
                    "selector": labels,
                    "ports": [
                        {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": PORT},
                        {"name": "dns-tcp", "port": 53, "protocol": "TCP", "targetPort": PORT},
                    ],
                },
            }),
            json!({
                "apiVersion": "v1",
                "kind": "ServiceAccount",
                "metadata": {"name": "coredns", "namespace": NAMESPACE},
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRole",
                "metadata": {"name": "system:coredns"},
                "rules": [
                    {
                        "apiGroups": [""],
                        "resources": ["endpoints", "services", "pods", "namespaces"],
                        "verbs": ["list", "watch"],
                    },
                    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
                ],
            }),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1",
                "kind": "ClusterRoleBinding",
                "metadata": {"name": "system:coredns"},
                "roleRef": role,
                "subjects": [{"kind": "ServiceAccount", "name": "coredns", "namespace": NAMESPACE}],
            }),
            json!({
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {"name": "coredns", "namespace": NAMESPACE},
                "data": {"Corefile": self.corefile()},
            }),
            json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "coredns", "namespace": NAMESPACE, "labels": labels},
                "spec": {
                    "replicas": self.replicas,
                    "selector": {"matchLabels": labels},
                    "strategy": {"rollingUpdate": {"maxUnavailable": 1}},
                    "template": {"metadata": {"labels": labels}, "spec": self.pod()},
                },
            }),
        ]
    }

    fn pod(&self) -> Value {
        json!({
            "serviceAccountName": "coredns",
            "dnsPolicy": "Default",
            // Where the syncer runs, its image does too: both come from one source.
            "nodeSelector": {"kubernetes.io/os": "linux", "kubernetes.io/arch": architecture()},
            "securityContext": {
                "runAsNonRoot": true,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [{
                "name": "coredns",
                "image": self.image,
                "imagePullPolicy": "IfNotPresent",
                "args": ["-conf", "/etc/coredns/Corefile"],
                // The API is the guest's, and its name can't be looked up before this server runs.
                "env": [
                    {"name": "KUBERNETES_SERVICE_HOST", "value": self.api.to_string()},
                    {"name": "KUBERNETES_SERVICE_PORT", "value": "443"},
                ],
                "resources": self.resources,
                "ports": [
                    {"name": "dns", "containerPort": PORT, "protocol": "UDP"},
                    {"name": "dns-tcp", "containerPort": PORT, "protocol": "TCP"},
                ],
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
                "livenessProbe": {
                    "httpGet": {"path": "/health", "port": 8080},
                    // For a server that hangs, not for one that is slow.
                    "periodSeconds": 10,
                    "timeoutSeconds": 15,
                    "failureThreshold": 20,
                },
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    // The official binary carries this capability as a file capability; without it in the
                    // bounding set the kernel refuses to start it.
                    "capabilities": {"add": ["NET_BIND_SERVICE"], "drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns", "readOnly": true}],
            }],
            "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
        })
    }
}

/// Creates the DNS server in the guest, or updates it. Changes by the guest's administrator are kept.
pub async fn apply(guest: &Client, server: &Server) -> Result<(), Error> {
    for object in server.objects() {
        defaults::apply(guest, &object).await?;
    }
    Ok(())
}

/// Recreates the DNS server's objects if the guest's administrator deletes one of them, until `shutdown` is cancelled: no pod
/// starts without DNS. Changes are kept.
pub async fn keep(guest: &Client, server: &Server, shutdown: &CancellationToken) {
    let watched = server.objects().into_iter().map(|object| {
        let Place { api, what, name } = Place::of(&object, guest);
        let seen = watcher::watch_object(api, &name).default_backoff();
        seen.map(move |seen| (what.clone(), seen)).boxed()
    });
    let mut watched = select_all(watched);
    while let Some(Some((what, seen))) = shutdown.run_until_cancelled(watched.next()).await {
        match seen {
            Ok(Some(_)) => {}
            Ok(None) => {
                let given =
                    until_cancelled("apply the guest's DNS server", shutdown, || apply(guest, server)).await;
                if given.is_none() {
                    return;
                }
                info!(what, "recreated a deleted object of the guest's DNS server");
            }
            Err(error) => {
                warn!(what, error = %error_chain(&error), "a watch of the guest's DNS server failed");
            }
        }
    }
}

/// Returns the nameservers that a resolv.conf lists.
fn nameservers(resolv_conf: &str) -> Vec<String> {
    let lines = resolv_conf.lines().map(str::split_whitespace);
    lines
        .filter_map(|mut words| {
            if words.next()? == "nameserver" {
                words.next()
            } else {
                None
            }
        })
        .map(str::to_owned)
        .collect()
}

/// Returns this program's architecture, by its name on nodes.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(values: &str) -> Server {
        let values = vcluster_values::parse(
            &format!("multiNamespaceMode: {{enabled: true}}\n{values}"),
            "test",
        )
        .unwrap();
        let resolv_conf = "search a.svc.cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n";
        Server::of(&values, resolv_conf, "10.96.7.7".parse().unwrap()).unwrap()
    }

    #[test]
    fn with_the_fallback_the_host_is_asked_for_what_the_guest_does_not_know() {
        insta::assert_snapshot!(server("fallbackHostDns: true").corefile());
    }

    #[test]
    fn without_it_the_clusters_domain_ends_in_the_guest() {
        insta::assert_snapshot!(server("").corefile());
    }

    #[test]
    fn the_server_is_the_one_that_the_values_ask_for() {
        let values = "defaultImageRegistry: mirror.test/\ncoredns: {image: 'coredns:1', replicas: 2}";
        let objects = server(values).objects();
        let deployment = objects.last().unwrap();
        assert_eq!(deployment["spec"]["replicas"], 2);
        assert_eq!(
            deployment
                .pointer("/spec/template/spec/containers/0/image")
                .unwrap(),
            "mirror.test/coredns:1"
        );
    }

    #[test]
    fn none_is_made_where_none_is_wanted() {
        let text = "multiNamespaceMode: {enabled: true}\ncoredns: {enabled: false}";
        let values = vcluster_values::parse(text, "test").unwrap();
        assert_eq!(Server::of(&values, "", "10.96.7.7".parse().unwrap()), None);
    }
}
