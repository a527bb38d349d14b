//! Measures an environment: one that is up, or one of the benchmark's own.
//!
//! Each benchmark gives its figures as plain data, which [`text`] makes tables of and which are JSON as they stand.
//! Whatever it makes for that, a namespace or a whole environment, it removes again, also when it is interrupted.

use std::io;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use crate::events::{Event, Events};
use crate::places::Places;
use crate::sandbox;
use crate::substrate;
use crate::{environment, ledger, preflight, wait};

/// How long a Component that is made in a tenant takes to be on the host.
pub mod sync;

/// What memory the host cluster and every tenant take.
pub mod memory;

/// How long the stages of bringing an environment up take.
pub mod up;

/// The environment that is measured.
pub mod subject;

/// Many durations in four numbers.
pub mod latency;

/// The figures of a few runs in three numbers.
pub mod spread;

/// For people: tables.
pub mod text;

/// What every benchmark works with.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// Where environments and caches are.
    pub places: &'a Places,
    /// Where it tells how far it is.
    pub events: &'a Events,
    /// Fires when it is to stop, and to remove what it made.
    pub cancel: &'a CancellationToken,
}

impl Setting<'_> {
    /// Tells what is left, and returns it.
    fn tell_left(&self, left: Vec<String>) -> Vec<String> {
        for what in &left {
            self.events.tell(Event::LeftBehind { what: what.clone() });
        }
        left
    }
}

/// What a benchmark came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured<T> {
    /// The figures.
    pub figures: T,
    /// What it made and could not remove.
    pub left_behind: Vec<String>,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine lacks something for an environment of the benchmark's own.
    #[error(transparent)]
    Preflight(#[from] preflight::Error),
    /// The environment could not be had or removed.
    #[error(transparent)]
    Environment(Box<environment::Error>),
    /// Somebody else is at it.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// What is there already is not the benchmark's to remove.
    #[error("bring up {name} to measure it: it is there already, whole or in part")]
    There {
        /// The environment's name.
        name: String,
    },
    /// The environment has no such tenant.
    #[error("find the tenant `{tenant}` in environment {environment}")]
    NoTenant {
        /// The tenant's name.
        tenant: String,
        /// The environment's.
        environment: String,
    },
    /// It was told to stop.
    #[error("go on: interrupted")]
    Interrupted,
    /// A cluster cannot be reached.
    #[error("reach the cluster of {}", kubeconfig.display())]
    Client {
        /// Its kubeconfig.
        kubeconfig: PathBuf,
        /// Why not.
        source: substrate::ClientError,
    },
    /// A cluster refused something.
    #[error("{action} in {cluster}")]
    Refused {
        /// What was attempted.
        action: String,
        /// Where.
        cluster: String,
        /// Why not.
        source: Box<kube::Error>,
    },
    /// Something did not happen in time.
    #[error(transparent)]
    Waiting(#[from] wait::Error<kube::Error>),
    /// The environment's processes could not be listed.
    #[error(transparent)]
    Processes(sandbox::Error),
    /// Only a native host cluster's processes are this machine's to look at.
    #[error(
        "measure the memory of {name}: none of its processes are in sight; only those of --substrate native are"
    )]
    NoProcesses {
        /// The environment.
        name: String,
    },
    /// A process could not be looked at.
    #[error("read {}", path.display())]
    Process {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A part of the benchmark was cut off.
    #[error("run all parts of the benchmark")]
    Ended(#[source] tokio::task::JoinError),
}

impl From<environment::Error> for Error {
    fn from(error: environment::Error) -> Self {
        Self::Environment(Box::new(error))
    }
}

impl Error {
    /// What the user can do about it, where there is something.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Environment(error) => error.remedy(),
            Self::Ledger(ledger::Error::Held { .. }) => {
                Some("wait until it is done, or give another --name".to_owned())
            }
            Self::There { name } => Some(format!(
                "remove it first (cargo harness down --name {name}), or give another --name"
            )),
            _ => None,
        }
    }

    fn refused(action: impl Into<String>, cluster: &str) -> impl FnOnce(kube::Error) -> Self {
        let (action, cluster) = (action.into(), cluster.to_owned());
        move |source| Self::Refused {
            action,
            cluster,
            source: Box::new(source),
        }
    }
}

/// A client for the cluster that a kubeconfig is for, with connections of its own.
async fn client(kubeconfig: &std::path::Path) -> Result<kube::Client, Error> {
    let made = substrate::client(kubeconfig).await;
    made.map_err(|source| Error::Client {
        kubeconfig: kubeconfig.to_owned(),
        source,
    })
}
