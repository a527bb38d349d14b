//! Errors of runs.

use std::path::PathBuf;

use crate::explain::explain;
use crate::{environment, ledger, preflight, report, scenarios, substrate};

/// Errors of runs. Each text follows "failed to". A failed scenario is not such an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The machine lacks something.
    #[error(transparent)]
    Preflight(#[from] preflight::Error),
    /// The environment did not come up, could not be found or could not be removed.
    #[error(transparent)]
    Environment(#[from] environment::Error),
    /// The environment did not come up, and evidence of it was copied to the report.
    #[error("{failure}")]
    Kept {
        /// The error that ended the run.
        failure: Box<Self>,
        /// The folder of the evidence.
        evidence: PathBuf,
    },
    /// Another process holds the environment.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// The environment is up, and the run needs one of its own.
    #[error(
        "bring up {name}: it is up already, and an end-to-end run begins with nothing and leaves nothing"
    )]
    AlreadyUp {
        /// The environment's name.
        name: String,
    },
    /// A cluster cannot be reached.
    #[error("reach the cluster of {}", kubeconfig.display())]
    Client {
        /// Its kubeconfig.
        kubeconfig: PathBuf,
        /// The underlying error.
        source: substrate::ClientError,
    },
    /// The scenarios could not be run.
    #[error(transparent)]
    Scenarios(#[from] scenarios::Error),
    /// The report could not be begun or written.
    #[error(transparent)]
    Report(#[from] report::Error),
    /// The events were not followed to their end.
    #[error("record the run")]
    Recording(#[source] tokio::task::JoinError),
    /// The run was asked to stop.
    #[error("go on: interrupted")]
    Interrupted,
}

impl Error {
    /// Returns true if the user's request is at fault, and nothing was done.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Kept { failure, .. } => failure.is_usage(),
            Self::Environment(error) => error.is_usage(),
            Self::Scenarios(error) => error.is_usage(),
            Self::Report(error) => error.is_usage(),
            _ => false,
        }
    }

    /// Returns the remedy for the user, if the error's text does not name it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Environment(error) => error.remedy(),
            Self::Ledger(error) => Some(error.remedy()),
            Self::AlreadyUp { name } => Some(format!(
                "remove it (cargo harness down --name {name}), run the scenarios against it (cargo harness test --name \
                 {name}), or give another --name"
            )),
            Self::Scenarios(error) => error.remedy(),
            Self::Report(error) => error.remedy(),
            _ => None,
        }
    }

    /// Returns the whole chain of causes, one per line, the remedy, and the folder of the evidence.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Kept { failure, evidence } => {
                format!("{}\n  evidence: {}", failure.explain(), evidence.display())
            }
            error => explain(error, error.remedy()),
        }
    }
}
