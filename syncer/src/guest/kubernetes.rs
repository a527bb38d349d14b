//! The Service `kubernetes`, by which the guest's pods reach its API.
//!
//! The guest's API server creates it with an address of its own service range, which means nothing on the host. Pods run on the
//! host, so the Service is recreated with the address of the host's Service for that API, and kept so. Its endpoint is in an
//! EndpointSlice and, for older clients, in Endpoints, as in any cluster.

use std::fmt::Debug;
use std::net::IpAddr;

use futures::stream::{BoxStream, select_all};
use futures::{StreamExt, TryStreamExt};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::Resource;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions};
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Error, asked};
use crate::error_chain::error_chain;
use crate::host::FIELD_MANAGER;
use crate::retry::until_cancelled;

const NAME: &str = "kubernetes";
const NAMESPACE: &str = "default";

/// The port that the guest's API server listens on in its pod.
const PORT: u16 = 6443;

/// Addresses of the guest's API.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The cluster IP of its Service on the host.
    pub service: IpAddr,
    /// The address of its pod, if it is in one.
    pub pod: Option<IpAddr>,
}

/// Keeps the Service and its endpoint in the desired state until `shutdown` is cancelled.
pub async fn keep(guest: &Client, place: Place, shutdown: &CancellationToken) {
    let mut watched = select_all([
        changes::<Service>(guest),
        changes::<EndpointSlice>(guest),
        changes::<Endpoints>(guest),
    ]);
    while let Some(Some(seen)) = shutdown.run_until_cancelled(watched.next()).await {
        match seen {
            Ok(()) => {
                let settled = || settle(guest, place);
                if until_cancelled("apply the guest's Service kubernetes", shutdown, settled)
                    .await
                    .is_none()
                {
                    return;
                }
            }
            Err(error) => {
                warn!(error = %error_chain(&error), "a watch of the guest's Service kubernetes failed");
            }
        }
    }
}

/// Watches one of the objects called `kubernetes`.
fn changes<K>(guest: &Client) -> BoxStream<'static, Result<(), watcher::Error>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + Debug
        + Send
        + 'static,
{
    let objects: Api<K> = Api::namespaced(guest.clone(), NAMESPACE);
    let seen = watcher::watch_object(objects, NAME).default_backoff();
    seen.map_ok(drop).boxed()
}

/// Creates or corrects the Service and its endpoint, if they are not in the desired state.
pub async fn settle(guest: &Client, place: Place) -> Result<(), Error> {
    let services: Api<Service> = Api::namespaced(guest.clone(), NAMESPACE);
    let current = services
        .get_opt(NAME)
        .await
        .map_err(|source| asked("read Service kubernetes", source))?;
    let address = place.service.to_string();
    let has = current
        .as_ref()
        .and_then(|service| service.spec.as_ref())
        .and_then(|spec| spec.cluster_ip.as_deref());
    if has != Some(&address) {
        if let Some(current) = current {
            remove(&services, current).await?;
        }
        let attempt = format!("give the guest's Service kubernetes the host's address {address}");
        let made = services.create(&PostParams::default(), &service(&address)).await;
        made.map_err(|source| asked(attempt, source))?;
        info!(%address, "gave the guest's Service kubernetes the host's address");
    }
    let Some(pod) = place.pod else { return Ok(()) };
    apply::<EndpointSlice>(guest, slice(pod)).await?;
    apply::<Endpoints>(guest, endpoints(pod)).await
}

/// Writes the Service's endpoint, if it differs.
async fn apply<K>(guest: &Client, object: Value) -> Result<(), Error>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let objects: Api<K> = Api::namespaced(guest.clone(), NAMESPACE);
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let applied = objects.patch(NAME, &params, &Patch::Apply(object)).await;
    let attempt = || format!("write {} kubernetes of the guest", K::kind(&()));
    applied.map(drop).map_err(|source| asked(attempt(), source))
}

/// Deletes the Service that was seen, and no other of its name.
async fn remove(services: &Api<Service>, seen: Service) -> Result<(), Error> {
    let same = Preconditions {
        uid: seen.metadata.uid,
        ..Preconditions::default()
    };
    let only = DeleteParams {
        preconditions: Some(same),
        ..DeleteParams::default()
    };
    match services.delete(NAME, &only).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        removed => removed
            .map(drop)
            .map_err(|source| asked("remove the guest's own Service kubernetes", source)),
    }
}

/// Returns the Service as the API server would create it, but for the address; so the API server does not change it.
fn service(address: &str) -> Service {
    let service = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": NAME,
            "namespace": NAMESPACE,
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": address,
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": PORT}],
        },
    });
    serde_json::from_value(service).unwrap_or_default()
}

fn slice(pod: IpAddr) -> Value {
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": NAME, "labels": {"kubernetes.io/service-name": NAME}},
        "addressType": if pod.is_ipv4() { "IPv4" } else { "IPv6" },
        "endpoints": [{"addresses": [pod.to_string()], "conditions": {"ready": true}}],
        "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
    })
}

fn endpoints(pod: IpAddr) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        // The guest's controllers would make a second slice of it.
        "metadata": {"name": NAME, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [{
            "addresses": [{"ip": pod.to_string()}],
            "ports": [{"name": "https", "port": PORT, "protocol": "TCP"}],
        }],
    })
}
