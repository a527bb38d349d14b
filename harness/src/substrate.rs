//! Who provides the host cluster.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use kube::config::KubeConfigOptions;
use serde::{Deserialize, Serialize};

use crate::images::registry;
use crate::sandbox;

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

/// Why there is no host cluster, or a part of it.
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
    /// No client could be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// A manifest was not applied.
    #[error(transparent)]
    Manifest(#[from] crate::manifests::Error),
    /// The cluster's DNS did not come up.
    #[error(transparent)]
    Dns(crate::wait::Error<kube::Error>),
}

impl Error {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Kind(error) => error.remedy(),
            Self::Existing(error) => error.remedy(),
            _ => None,
        }
    }
}

/// Why no client could be made of a kubeconfig.
#[derive(Debug, thiserror::Error)]
#[error("use the kubeconfig {}", path.display())]
pub struct ClientError {
    path: PathBuf,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// A client for the cluster that a kubeconfig file names.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client, ClientError> {
    let unusable = |source: Box<dyn std::error::Error + Send + Sync>| ClientError {
        path: kubeconfig.to_owned(),
        source,
    };
    let read = kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| unusable(error.into()))?;
    client_of(read).await.map_err(unusable)
}

/// The same for a kubeconfig that is not in a file of its own.
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
    /// How a Service or pod is reached from here.
    pub reach: Reach,
    /// The range of addresses that it gives its Services.
    pub service_cidr: String,
    /// Where its images are, if not where their names say.
    pub registry: Option<String>,
}

impl Cluster {
    /// The name by which it gets an image.
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

/// How addresses inside of the cluster are reached from the machine that the harness runs on: a process in the background
/// listens on loopback and connects there. The native substrate's supervisor connects inside of its sandbox, a
/// [forwarder](forwarder) by way of the API server.
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
