//! The route from an address of the cluster to a pod.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use tokio::sync::Mutex;

/// The label of a slice that names its Service.
const OF_SERVICE: &str = "kubernetes.io/service-name";

/// A port of a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) namespace: String,
    pub(super) pod: String,
    pub(super) port: u16,
}

/// Errors of finding the pod behind an address. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error("ask for {what}")]
    Ask { what: &'static str, source: kube::Error },
    #[error("find a Service or pod at {0}")]
    Nobody(IpAddr),
    #[error("find port {port} of Service {service}")]
    NoPort { service: String, port: u16 },
    #[error("find a pod that is ready behind Service {0}")]
    NoPod(String),
}

/// Finds pods, and remembers which Service an address belongs to.
pub(super) struct Routes {
    client: Client,
    services: Mutex<HashMap<IpAddr, Service>>,
}

impl Routes {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            services: Mutex::default(),
        }
    }

    /// Returns the pod for a new connection to `target`. For a Service, it is a pod that is ready now.
    pub(super) async fn to(&self, target: SocketAddr) -> Result<End, Error> {
        match self.service(target.ip()).await? {
            Some(service) => self.behind(&service, target.port()).await,
            None => self.pod(target).await,
        }
    }

    /// Returns the Service at an address. The address may go over to another Service, so the cached one is checked
    /// again.
    async fn service(&self, address: IpAddr) -> Result<Option<Service>, Error> {
        let mut known = self.services.lock().await;
        if let Some(service) = known.get(&address) {
            let namespace = service.namespace().unwrap_or_default();
            let services: Api<Service> = Api::namespaced(self.client.clone(), &namespace);
            let now = services
                .get_opt(&service.name_any())
                .await
                .map_err(ask("a Service"))?;
            if let Some(now) = now.filter(|now| has(now, address)) {
                return Ok(Some(now));
            }
            known.remove(&address);
        }
        let services: Api<Service> = Api::all(self.client.clone());
        let all = services
            .list(&ListParams::default())
            .await
            .map_err(ask("all Services"))?;
        let found = all.items.into_iter().find(|service| has(service, address));
        if let Some(service) = &found {
            known.insert(address, service.clone());
        }
        Ok(found)
    }

    async fn behind(&self, service: &Service, port: u16) -> Result<End, Error> {
        let namespace = service.namespace().unwrap_or_default();
        let name = format!("{namespace}/{}", service.name_any());
        let of_port = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
        let port_name = of_port
            .clone()
            .find(|it| it.port == i32::from(port))
            .map(|it| it.name.clone().unwrap_or_default())
            .ok_or_else(|| Error::NoPort {
                service: name.clone(),
                port,
            })?;
        let slices: Api<EndpointSlice> = Api::namespaced(self.client.clone(), &namespace);
        let of_service = ListParams::default().labels(&format!("{OF_SERVICE}={}", service.name_any()));
        let slices = slices.list(&of_service).await.map_err(ask("EndpointSlices"))?;
        slices
            .items
            .iter()
            .find_map(|slice| end(slice, &port_name))
            .ok_or(Error::NoPod(name))
    }

    async fn pod(&self, target: SocketAddr) -> Result<End, Error> {
        let pods: Api<Pod> = Api::all(self.client.clone());
        let at = ListParams::default().fields(&format!("status.podIP={}", target.ip()));
        let found = pods.list(&at).await.map_err(ask("pods by address"))?;
        let pod = found
            .items
            .into_iter()
            .find(|pod| pod.metadata.deletion_timestamp.is_none())
            .ok_or(Error::Nobody(target.ip()))?;
        Ok(End {
            namespace: pod.namespace().unwrap_or_default(),
            pod: pod.name_any(),
            port: target.port(),
        })
    }
}

fn ask(what: &'static str) -> impl FnOnce(kube::Error) -> Error {
    move |source| Error::Ask { what, source }
}

fn has(service: &Service, address: IpAddr) -> bool {
    let addresses = service
        .spec
        .iter()
        .flat_map(|spec| spec.cluster_ips.iter().flatten());
    addresses.into_iter().any(|it| it.parse() == Ok(address))
}

/// Returns a pod of the slice that is ready, and the port of that name.
fn end(slice: &EndpointSlice, port_name: &str) -> Option<End> {
    let port = slice
        .ports
        .iter()
        .flatten()
        .find(|port| port.name.as_deref().unwrap_or_default() == port_name)?;
    let port = u16::try_from(port.port?).ok()?;
    let pod = slice.endpoints.iter().flatten().find_map(|endpoint| {
        let ready = endpoint
            .conditions
            .as_ref()
            .and_then(|it| it.ready)
            .unwrap_or(true);
        let pod = endpoint
            .target_ref
            .as_ref()
            .filter(|it| it.kind.as_deref() == Some("Pod"))?;
        ready.then(|| pod.name.clone()).flatten()
    })?;
    Some(End {
        namespace: slice.metadata.namespace.clone()?,
        pod,
        port,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slice(ready: bool) -> EndpointSlice {
        serde_json::from_value(json!({
            "metadata": {"name": "redis-1", "namespace": "shared"},
            "addressType": "IPv4",
            "ports": [{"name": "", "port": 6380}],
            "endpoints": [
                {"addresses": ["10.0.0.9"]},
                {
                    "addresses": ["10.0.0.1"],
                    "conditions": {"ready": ready},
                    "targetRef": {"kind": "Pod", "name": "redis-0", "namespace": "shared"},
                },
            ],
        }))
        .unwrap()
    }

    #[test]
    fn a_service_leads_to_a_ready_pod_at_the_pods_own_port() {
        let expected = End {
            namespace: "shared".into(),
            pod: "redis-0".into(),
            port: 6380,
        };
        assert_eq!(end(&slice(true), ""), Some(expected));
        assert_eq!(end(&slice(false), ""), None);
        assert_eq!(end(&slice(true), "metrics"), None);
    }

    #[test]
    fn a_service_has_its_cluster_addresses_only() {
        let service: Service =
            serde_json::from_value(json!({"spec": {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"]}}))
                .unwrap();
        assert!(has(&service, "10.96.0.9".parse().unwrap()));
        assert!(!has(&service, "10.96.0.8".parse().unwrap()));
        let headless: Service =
            serde_json::from_value(json!({"spec": {"clusterIP": "None", "clusterIPs": ["None"]}})).unwrap();
        assert!(!has(&headless, "10.96.0.9".parse().unwrap()));
    }
}
