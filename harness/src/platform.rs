//! Dapr and Redis on the host cluster, which all tenants share.
//!
//! This module takes a host cluster and returns a [`Platform`] to which tenants are admitted. Redis and Dapr come up
//! side by side. Each is ready when a test of it succeeds, not when its pod is ready.

use std::path::PathBuf;

use provision::command;
use provision::events::Events;
use provision::helm::Helm;
use provision::wait;

use crate::manifests;
use crate::substrate::Cluster;

/// The one Redis, with a user for each tenant.
pub mod redis;

/// The one Dapr control plane.
pub mod dapr;

/// A pod that is created as a tenant's are, to check that it gets a working sidecar.
pub mod canary;

pub use redis::{Login, Redis};

/// The settings of the platform.
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
    /// True if Dapr is installed. Otherwise, the cluster's own is used as it is.
    pub installs_dapr: bool,
}

/// The platform that all tenants share, up and tested.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The host cluster that it is on.
    pub cluster: Cluster,
    /// The one Redis.
    pub redis: Redis,
}

/// Installs Redis and Dapr and returns when both work. Repeated, it goes on where it stopped.
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

/// Errors of the platform. Its parts that exist already stay, and are removed with the cluster.
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
        /// The underlying error.
        source: std::io::Error,
    },
    /// Helm did not install Dapr.
    #[error("install Dapr")]
    Helm(#[source] command::Error),
    /// The certificates with which Dapr's Sentry signs could not be created.
    #[error("make Dapr's certificate authority")]
    Certificates(#[from] rcgen::Error),
    /// A random password could not be drawn.
    #[error("draw a random password")]
    Random(#[source] std::io::Error),
    /// An object on the host could not be read or written.
    #[error("{action} {object} on the host")]
    Host {
        /// The action that failed.
        action: &'static str,
        /// The object on the host.
        object: String,
        /// The underlying error.
        source: kube::Error,
    },
    /// An object on the host differs from the one that this program creates.
    #[error("find {what} in {object} on the host")]
    Incomplete {
        /// The part that is missing.
        what: &'static str,
        /// The object that lacks it.
        object: String,
    },
    /// A Service or pod is not reachable from here.
    #[error("reach {what} in the host cluster")]
    Reach {
        /// The Service or pod.
        what: String,
        /// The underlying error.
        source: sandbox::Error,
    },
    /// Redis refused.
    #[error("{action} in Redis")]
    Redis {
        /// The action that failed.
        action: &'static str,
        /// The underlying error.
        source: ::redis::RedisError,
    },
    /// It did not come up in time.
    #[error(transparent)]
    NotReady(#[from] wait::Error<std::convert::Infallible>),
    /// Pods of tenants would have no sidecar, silently.
    #[error("get a sidecar for a pod of {account}: {seen}")]
    NoSidecar {
        /// The account that created the pod.
        account: String,
        /// The answer that came back instead.
        seen: String,
    },
}
