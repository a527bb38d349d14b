//! The providers of the host cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kube::config::KubeConfigOptions;
use provision::images::registry;
use serde::{Deserialize, Serialize};

/// A kubeconfig of one cluster and one user.
pub mod kubeconfig;

/// Processes in namespaces of their own; needs root and no Docker.
pub mod native;

/// Containers, made by kind.
pub mod kind;

/// A cluster that is there already.
pub mod existing;

/// Loopback addresses that lead into any cluster.
pub mod forwarder;

/// The range of addresses that a cluster gives its Services.
mod addresses;

/// When a cluster's nodes are ready.
mod nodes;

/// The host cluster's DNS.
pub(crate) mod dns;

/// Errors of a host cluster, or of a part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The native substrate failed.
    #[error(transparent)]
    Native(#[from] native::Error),
    /// kind, or its Docker, failed.
    #[error(transparent)]
    Kind(#[from] kind::Error),
    /// The existing cluster is not used.
    #[error(transparent)]
    Existing(#[from] existing::Error),
    /// No client could be created.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A manifest was not applied.
    #[error(transparent)]
    Manifest(#[from] crate::manifests::Error),
    /// The cluster's DNS did not come up.
    #[error(transparent)]
    Dns(provision::wait::Error<kube::Error>),
}

impl Error {
    /// Returns the remedy for the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Kind(error) => error.remedy(),
            Self::Existing(error) => error.remedy(),
            _ => None,
        }
    }
}

/// The error of creating a client from a kubeconfig.
#[derive(Debug, thiserror::Error)]
#[error("use the kubeconfig {}", path.display())]
pub struct ClientError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// Returns a client for the cluster that a kubeconfig file names.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client, ClientError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| ClientError {
        path: kubeconfig.to_owned(),
        source,
    };
    let read = kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| unusable(error.into()))?;
    client_of(read).await.map_err(unusable)
}

/// Returns a client for the cluster that a kubeconfig names.
async fn client_of(
    kubeconfig: kube::config::Kubeconfig,
) -> Result<kube::Client, Box<dyn std::error::Error + Send + Sync>> {
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(kube::Client::try_from(config)?)
}

/// A running host cluster.
#[derive(Clone)]
pub struct Cluster {
    /// Acts as the host cluster's administrator.
    pub client: kube::Client,
    /// The same for programs: works from outside of the substrate.
    pub kubeconfig: PathBuf,
    /// The way to reach a Service or pod from here.
    pub reach: Reach,
    /// The range of addresses that it gives its Services.
    pub service_cidr: String,
    /// The registry of its images, if it is not the one in their names.
    pub registry: Option<String>,
}

impl Cluster {
    /// Returns the name by which it gets an image.
    #[must_use]
    pub fn image(&self, name: &str) -> String {
        registry::name_in(self.registry.as_deref(), name)
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("kubeconfig", &self.kubeconfig)
            .finish_non_exhaustive()
    }
}

/// The way to reach addresses inside the cluster from the machine that the harness runs on: a process in the
/// background listens on loopback and connects there. The native substrate's supervisor connects inside of its
/// sandbox, a [forwarder](forwarder) through the API server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reach {
    /// The socket on which that process is asked.
    pub control: PathBuf,
}

impl Reach {
    /// Opens a loopback address that leads to `host:port` (an IP address of a Service or pod) in the cluster.
    ///
    /// Asked again for the same target, it gives the same address; it lasts as long as the cluster.
    pub async fn open(&self, target: SocketAddr) -> Result<SocketAddr, sandbox::Error> {
        sandbox::forward::open(&self.control, target).await
    }
}
