//! One of the two apps.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use kube::api::Api;
use minijinja::context;
use provision::images;
use provision::wait::{self, Budget, Seen};

use super::{Error, store};
use crate::manifests;
use crate::substrate::{Cluster, Reach};

/// The write app's image.
pub const WRITE_IMAGE: &str = concat!("docker.io/shared-dapr/write-app:", env!("CARGO_PKG_VERSION"));

/// The read app's image.
pub const READ_IMAGE: &str = concat!("docker.io/shared-dapr/read-app:", env!("CARGO_PKG_VERSION"));

/// An app and its sidecar take 8 s; six pods at once on two busy cores, one of them refused and started again after a
/// pause, need two minutes.
const AVAILABLE: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(200),
};

/// The time limit for the first answer. An available app answers at once; its Service's rules on the node may be a
/// moment behind.
const ANSWERS: Budget = Budget {
    at_most: Duration::from_secs(30),
    every: Duration::from_millis(100),
};

/// Kubernetes' default. In this time, an app answers the requests that it has begun.
const GRACE: Duration = Duration::from_secs(30);

/// An app to be deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its name, and its Service's.
    pub name: String,
    /// Its image.
    pub image: String,
    /// The Component that it keeps values in.
    pub store: String,
    /// The Configuration that its sidecar has, if any.
    pub configuration: Option<String>,
    /// The time that it has for its termination.
    pub grace: Duration,
}

impl App {
    /// Returns the write app, for pods that run on this host cluster.
    #[must_use]
    pub fn write(host: &Cluster) -> Self {
        Self::new("write-app", host.image(WRITE_IMAGE))
    }

    /// Returns the read app, for pods that run on this host cluster.
    #[must_use]
    pub fn read(host: &Cluster) -> Self {
        Self::new("read-app", host.image(READ_IMAGE))
    }

    fn new(name: &str, image: String) -> Self {
        Self {
            name: name.to_owned(),
            image,
            store: store::NAME.to_owned(),
            configuration: None,
            grace: GRACE,
        }
    }

    /// Applies its manifests in a guest namespace.
    pub async fn deploy(&self, client: &Client, namespace: &str) -> Result<(), Error> {
        let values = context! {
            name => self.name.as_str(),
            image => self.image.as_str(),
            architecture => images::architecture(),
            store => self.store.as_str(),
            configuration => self.configuration.as_deref(),
            grace_seconds => self.grace.as_secs(),
        };
        let template = include_str!("../../manifests/workloads/app.yaml");
        manifests::apply(client, namespace, "workloads/app.yaml", template, values).await?;
        Ok(())
    }

    /// Waits until it is available and reports that it is ready. Returns the address at which it answers from here.
    pub async fn answers(
        &self,
        client: &Client,
        namespace: &str,
        reach: &Reach,
    ) -> Result<SocketAddr, Error> {
        let name = self.name.as_str();
        let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
        wait::until(
            format!("{name} in {namespace} to be available"),
            AVAILABLE,
            || async {
                let deployment = deployments.get(name).await?;
                Ok::<_, kube::Error>(manifests::lacks(&deployment).map_or(Seen::Ready(()), Seen::NotYet))
            },
        )
        .await?;
        let services: Api<Service> = Api::namespaced(client.clone(), namespace);
        let address = wait::until(
            format!("{name} in {namespace} to answer that it is ready"),
            ANSWERS,
            || async {
                // Its address is read anew each time: the guest's own is exchanged for the host's.
                let Some(service) = address_of(&services.get(name).await?) else {
                    return Ok(Seen::not_yet("no address"));
                };
                Ok::<_, kube::Error>(match is_ready(service, reach).await {
                    Ok(reached) => Seen::Ready(reached),
                    Err(seen) => Seen::NotYet(seen),
                })
            },
        )
        .await?;
        Ok(address)
    }
}

async fn is_ready(service: SocketAddr, reach: &Reach) -> Result<SocketAddr, String> {
    let reached = reach
        .open(service)
        .await
        .map_err(|error| format!("no connection to {service}: {error}"))?;
    let answer = reqwest::get(format!("http://{reached}/readyz"))
        .await
        .map_err(|error| error.to_string())?;
    if answer.status().is_success() {
        Ok(reached)
    } else {
        Err(format!("it answered {}", answer.status()))
    }
}

/// Returns the address that a Service has in the guest, which is the host's.
fn address_of(service: &Service) -> Option<SocketAddr> {
    let spec = service.spec.as_ref()?;
    let address: IpAddr = spec.cluster_ip.as_ref()?.parse().ok()?;
    let port = spec.ports.as_ref()?.first()?.port;
    Some(SocketAddr::new(address, u16::try_from(port).ok()?))
}
