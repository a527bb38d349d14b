//! Measures an environment: one that is up, or one of the benchmark's own.
//!
//! Each benchmark returns its figures as plain data. [`text`] makes tables of them, and they are serialized as JSON
//! without a change. A benchmark removes everything that it creates, a namespace or a whole environment, even if it
//! is interrupted.

use std::io;
use std::path::PathBuf;

use provision::wait;

use crate::run::{self, Setting};
use crate::{environment, ledger, substrate};

/// The time until a Component that is created in a tenant is on the host.
pub mod sync;

/// The memory that the host cluster and every tenant use.
pub mod memory;

/// The time that the stages of bringing an environment up take.
pub mod up;

/// The environment that is measured.
pub mod subject;

/// Many durations in four numbers.
pub mod latency;

/// The figures of a few runs in three numbers.
pub mod spread;

/// For people: tables.
pub mod text;

/// The result of a benchmark.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured<T> {
    /// The figures.
    pub figures: T,
    /// The objects that the benchmark created and could not remove.
    pub left_behind: Vec<String>,
}

/// Errors of a benchmark.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An environment of the benchmark's own could not be created or removed.
    #[error(transparent)]
    Run(Box<run::Error>),
    /// Another process holds the environment.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The environment exists already, so it is not the benchmark's to remove.
    #[error("bring up {name} to measure it: it exists already, at least in part")]
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
    /// It was asked to stop.
    #[error("go on: interrupted")]
    Interrupted,
    /// A cluster cannot be reached.
    #[error("reach the cluster of {}", kubeconfig.display())]
    Client {
        /// Its kubeconfig.
        kubeconfig: PathBuf,
        /// The underlying error.
        source: substrate::ClientError,
    },
    /// A cluster refused something.
    #[error("{action} in {cluster}")]
    Refused {
        /// The action that failed.
        action: String,
        /// The name of the cluster.
        cluster: String,
        /// The underlying error.
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
        "measure the memory of {name}: none of its processes can be seen; only those of --substrate native can"
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
        /// The underlying error.
        source: io::Error,
    },
    /// A part of the benchmark was cut off.
    #[error("run all parts of the benchmark")]
    Ended(#[source] tokio::task::JoinError),
}

impl From<run::Error> for Error {
    fn from(error: run::Error) -> Self {
        Self::Run(Box::new(error))
    }
}

impl From<environment::Error> for Error {
    fn from(error: environment::Error) -> Self {
        run::Error::from(error).into()
    }
}

impl Error {
    /// Returns the remedy for the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Run(error) => error.remedy(),
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

/// Returns a client for the cluster that a kubeconfig is for, with connections of its own.
async fn client(kubeconfig: &std::path::Path) -> Result<kube::Client, Error> {
    let made = substrate::client(kubeconfig).await;
    made.map_err(|source| Error::Client {
        kubeconfig: kubeconfig.to_owned(),
        source,
    })
}
