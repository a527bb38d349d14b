//! Dapr and Redis on the host cluster: what all tenants share.
//!
//! Takes a host cluster; gives a [`Platform`] that tenants are admitted to. Redis and Dapr come up side by side, and
//! each is ready when it was seen to work, not when its pod says so.

use std::path::PathBuf;

use crate::command;
use crate::events::Events;
use crate::helm::Helm;
use crate::manifests;
use crate::sandbox;
use crate::substrate::Cluster;
use crate::wait;

/// The one Redis, with a user for each tenant.
pub mod redis;

/// The one Dapr control plane.
pub mod dapr;

/// A pod made the way that a tenant's are, to see whether it gets a working sidecar.
pub mod canary;

pub use redis::{Login, Redis};

/// What the platform is made of.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The run's id: a label on what is made.
    pub run: String,
    /// Helm, for the host cluster.
    pub helm: Helm,
    /// The folder of Dapr's chart.
    pub dapr_chart: PathBuf,
    /// Dapr's version, which is its images' tag.
    pub dapr_version: String,
    /// The image of Redis.
    pub redis_image: String,
    /// An image that does nothing, for the canary's app.
    pub pause_image: String,
    /// Whether Dapr is installed; else the cluster's own is used as it is.
    pub installs_dapr: bool,
}

/// What all tenants share, up and seen to work.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The host cluster that it is on.
    pub cluster: Cluster,
    /// The one Redis.
    pub redis: Redis,
}

/// Installs Redis and Dapr and returns when both work. Done again, it goes on where it stopped.
pub async fn install(settings: &Settings, cluster: &Cluster, events: &Events) -> Result<Platform, Error> {
    let redis = events.stage("platform/redis", Redis::install(settings, cluster));
    let dapr = events.stage("platform/dapr", dapr::install(settings, cluster, events));
    let (redis, ()) = tokio::try_join!(redis, dapr)?;
    Ok(Platform {
        cluster: cluster.clone(),
        redis,
    })
}

/// Finds the platform of a cluster on which it was installed before.
pub async fn attach(cluster: &Cluster) -> Result<Platform, Error> {
    Ok(Platform {
        cluster: cluster.clone(),
        redis: Redis::attach(cluster).await?,
    })
}

/// Why there is no platform. What was made until then stays, and is removed with the cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A manifest was not applied.
    #[error("make a part of the platform")]
    Manifest(#[from] manifests::Error),
    /// Dapr's chart could not be read.
    #[error("read Dapr's chart in {}", path.display())]
    Chart {
        /// The folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Helm did not install Dapr.
    #[error("install Dapr")]
    Helm(#[source] command::Error),
    /// The certificates that Dapr's Sentry signs with could not be made.
    #[error("make Dapr's certificate authority")]
    Certificates(#[from] rcgen::Error),
    /// A file with something secret in it could not be read or written.
    #[error("draw a random password")]
    Random(#[source] std::io::Error),
    /// An object on the host could not be read or written.
    #[error("{action} {object} on the host")]
    Host {
        /// What was attempted.
        action: &'static str,
        /// On what.
        object: String,
        /// Why not.
        source: kube::Error,
    },
    /// An object on the host is not as this program makes it.
    #[error("find {what} in {object} on the host")]
    Incomplete {
        /// What is missing.
        what: &'static str,
        /// Where.
        object: String,
    },
    /// A Service or pod is not reachable from here.
    #[error("reach {what} in the host cluster")]
    Reach {
        /// What.
        what: String,
        /// Why not.
        source: sandbox::Error,
    },
    /// Redis refused.
    #[error("{action} in Redis")]
    Redis {
        /// What was attempted.
        action: &'static str,
        /// Why not.
        source: ::redis::RedisError,
    },
    /// It did not come up in time.
    #[error(transparent)]
    NotReady(#[from] wait::Error<std::convert::Infallible>),
    /// Pods of tenants would have no sidecar, silently.
    #[error("get a sidecar for a pod of {account}: {seen}")]
    NoSidecar {
        /// Who made the pod.
        account: String,
        /// What came back instead.
        seen: String,
    },
}
