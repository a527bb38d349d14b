//! Who provides the host cluster.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::sandbox;

/// A kubeconfig of one cluster and one user.
pub mod kubeconfig;

/// Processes in namespaces of their own; needs root and no Docker.
pub mod native;

/// The host cluster's DNS.
pub(crate) mod dns;

/// Why there is no host cluster, or a part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The native substrate failed.
    #[error(transparent)]
    Native(#[from] native::Error),
    /// A manifest was not applied.
    #[error(transparent)]
    Manifest(#[from] crate::manifests::Error),
    /// The cluster's DNS did not come up.
    #[error(transparent)]
    Dns(crate::wait::Error<kube::Error>),
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
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cluster")
            .field("kubeconfig", &self.kubeconfig)
            .finish_non_exhaustive()
    }
}

/// How addresses inside of the cluster are reached from the machine that the harness runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Through the native substrate's supervisor, which listens on loopback and connects inside of the sandbox.
    Sandbox {
        /// The supervisor's control socket.
        control: PathBuf,
    },
}

impl Reach {
    /// Opens a loopback address that leads to `host:port` (an IP address of a Service or pod) in the cluster.
    ///
    /// Asked again for the same target, it gives the same address; it lasts as long as the cluster.
    pub async fn open(&self, target: SocketAddr) -> Result<SocketAddr, sandbox::Error> {
        match self {
            Self::Sandbox { control } => sandbox::forward::open(control, target).await,
        }
    }
}
