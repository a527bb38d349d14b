//! A kubeconfig that works from outside of the host cluster.
//!
//! The virtual cluster provides a kubeconfig in the Secret `vc-NAME`. It names `https://localhost:8443`, for a
//! forwarded port. The certificate is valid for 127.0.0.1 too, so only the port is replaced by the one that leads
//! there from here.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::api::Api;
use provision::wait::{self, Budget, Seen};

use super::Error;
use crate::private;
use crate::substrate::Cluster;

/// The port of a virtual cluster's Service.
const PORT: u16 = 443;

/// Alone, a control plane writes its kubeconfig after 5 s; several at once on two busy cores need a minute.
const KUBECONFIG: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(100),
};

/// Waits for a tenant's kubeconfig and writes it to `path`, where only its owner can read it, with an address that
/// works here.
pub(super) async fn open(cluster: &Cluster, tenant: &str, namespace: &str, path: &Path) -> Result<(), Error> {
    let secrets: Api<Secret> = Api::namespaced(cluster.client.clone(), namespace);
    let given = wait::until(format!("the kubeconfig of {tenant}"), KUBECONFIG, || async {
        let secret = secrets.get_opt(&format!("vc-{tenant}")).await?;
        let config = secret
            .and_then(|secret| secret.data)
            .and_then(|mut data| data.remove("config"));
        Ok::<_, kube::Error>(match config {
            Some(config) => Seen::Ready(config),
            None => Seen::NotYet(format!("no Secret vc-{tenant}")),
        })
    })
    .await?;
    let address = address(cluster, tenant, namespace).await?;
    let reached = cluster
        .reach
        .open(SocketAddr::new(address, PORT))
        .await
        .map_err(|source| Error::Reach {
            tenant: tenant.to_owned(),
            source,
        })?;
    let text = String::from_utf8_lossy(&given.0);
    let changed = leading_to(&text, reached).map_err(|why| Error::Kubeconfig {
        tenant: tenant.to_owned(),
        why,
    })?;
    private::write(path, &changed).map_err(|source| Error::Write {
        path: path.to_owned(),
        source,
    })
}

async fn address(cluster: &Cluster, tenant: &str, namespace: &str) -> Result<IpAddr, Error> {
    let services: Api<Service> = Api::namespaced(cluster.client.clone(), namespace);
    let service = services.get(tenant).await.map_err(|source| Error::Host {
        action: "read the Service of",
        tenant: tenant.to_owned(),
        source,
    })?;
    service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| Error::Kubeconfig {
            tenant: tenant.to_owned(),
            why: "its Service has no cluster IP".to_owned(),
        })
}

/// Returns a kubeconfig's text with every cluster's server replaced by `address`.
fn leading_to(text: &str, address: SocketAddr) -> Result<String, String> {
    let mut config: serde_json::Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let clusters = config
        .get_mut("clusters")
        .and_then(serde_json::Value::as_array_mut)
        .filter(|clusters| !clusters.is_empty())
        .ok_or("it has no clusters")?;
    for cluster in clusters {
        cluster["cluster"]["server"] = format!("https://{address}").into();
    }
    serde_saphyr::to_string(&config).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIVEN: &str = "apiVersion: v1\nkind: Config\ncurrent-context: kubernetes\nclusters:\n- name: kubernetes\n  \
                         cluster: {certificate-authority-data: Q0E=, server: 'https://localhost:8443'}\n";

    #[test]
    fn only_the_server_is_exchanged() {
        let changed = leading_to(GIVEN, "127.0.0.1:4711".parse().unwrap()).unwrap();
        let parsed: serde_json::Value = serde_saphyr::from_str(&changed).unwrap();
        assert_eq!(
            parsed["clusters"][0]["cluster"],
            serde_json::json!({"certificate-authority-data": "Q0E=", "server": "https://127.0.0.1:4711"})
        );
        assert_eq!(parsed["current-context"], "kubernetes");
    }

    #[test]
    fn what_has_no_clusters_is_refused() {
        let refused = leading_to("kind: Config\n", "127.0.0.1:1".parse().unwrap());
        assert_eq!(refused.unwrap_err(), "it has no clusters");
    }
}
