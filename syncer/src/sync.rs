//! The engine: keeps guest and host in step, from what it watches on both, until it is told to stop.
//!
//! It takes a [`Config`] and a client for either side, and gives a [`Readiness`] and [`Metrics`].

use kube::Client;
use tokio_util::sync::CancellationToken;

pub use self::config::{Config, Export, Import};
pub use self::metrics::Metrics;
pub use self::readiness::Readiness;

/// What there is to keep in step.
mod config;

/// Whether everything was looked at once.
mod readiness;

/// What the engine counts.
mod metrics;

/// Why the engine could not start or go on; what fails for one object is retried and never ends up here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration names something that can't be kept in step.
    #[error("export or import {kind}: {reason}")]
    Unsupported {
        /// The kind, with its group and version.
        kind: String,
        /// Why not.
        reason: String,
    },
    /// A part of the engine ended without being told to.
    #[error("keep the part running that syncs {part}")]
    Ended {
        /// The part.
        part: String,
    },
}

/// Runs the engine until `shutdown` is cancelled; what is being written then is finished first.
pub async fn run(
    config: Config,
    host: Client,
    guest: Client,
    metrics: Metrics,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let _ = (config, host, guest, metrics);
    readiness.started();
    shutdown.cancelled().await;
    Ok(())
}
