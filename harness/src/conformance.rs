//! Kubernetes' own conformance tests, run against a tenant's cluster and against the host cluster.
//!
//! The tests are those of the environment's Kubernetes, built from its module and not changed. What has to hold: a tenant
//! passes every test that its host passes. The exceptions are written down in `known.toml`, each with its reason; one
//! that passes all the same fails the run.

use std::path::PathBuf;

use provision::binaries::{self, Binaries};
use provision::events::Events;
use provision::images;
use provision::places::Places;
use tokio_util::sync::CancellationToken;

use crate::environment::Attached;
use crate::explain::explain;
use crate::plan;
use crate::substrate::{self, kind};

pub use known::Known;
pub use results::{Cluster, Results, TestResult, Verdict};
pub use selection::Selection;

/// The tests there are, and those that are asked for.
pub mod selection;

/// Tests that are expected to fail.
pub mod known;

/// The programs and images that the tests need.
mod material;

/// One run of the test program against one cluster.
mod ginkgo;

/// Verdicts, kept over several runs.
pub mod results;

/// Running the tests against one cluster.
mod run;

/// Running the tests in several clusters of an environment.
mod session;

/// For people and for CI servers: tables and `JUnit`'s XML.
pub mod render;

pub use run::HOST;
pub use session::{Outcome, Place, Session};

/// The stage's name in events.
pub const STAGE: &str = "conformance";

/// The test program.
const PROGRAM: &str = "e2e.test";

/// Everything that a run works with.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The folders of environments and caches.
    pub places: &'a Places,
    /// The environment, which is up.
    pub attached: &'a Attached,
    /// The options for binaries, with the environment's Kubernetes.
    pub options: &'a binaries::Options,
    /// The source of the images of the tests' pods.
    pub images: plan::Images,
    /// The receiver of progress.
    pub events: &'a Events,
    /// Fires when the run is to stop, clean up and report.
    pub cancel: &'a CancellationToken,
}

/// The programs that run the tests, with the images of their pods brought to the nodes.
#[derive(Debug)]
pub struct Prepared {
    binaries: Binaries,
    /// The file with the registries of the images, if they are not the ones in their names.
    registries: Option<PathBuf>,
    /// True if the images were assembled here, rather than pulled from their publisher.
    assembled: bool,
}

/// Errors of the conformance tests. Texts follow "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A pattern cannot be understood.
    #[error("understand the pattern of --{option}")]
    Pattern {
        /// The option.
        option: &'static str,
        /// The error, with the place in the pattern.
        source: Box<regex::Error>,
    },
    /// No test is selected.
    #[error("find a conformance test that is selected by {by}")]
    NoMatch {
        /// The options that select.
        by: String,
    },
    /// A program or image could not be obtained.
    #[error(transparent)]
    Binaries(#[from] binaries::Error),
    /// An image could not be assembled or pushed.
    #[error(transparent)]
    Images(#[from] images::Error),
    /// An image could not be brought to a node of kind's.
    #[error(transparent)]
    Kind(#[from] kind::Error),
    /// A command failed.
    #[error("{what}")]
    Command {
        /// The attempted action.
        what: String,
        /// The command's error.
        source: provision::command::Error,
    },
    /// The sandbox could not be entered.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// No containerd runs on the host cluster's node.
    #[error("find the containerd of environment {environment}")]
    NoContainerd {
        /// The environment's name.
        environment: String,
    },
    /// A cluster cannot be reached.
    #[error("reach the cluster {cluster}")]
    Client {
        /// Its name.
        cluster: String,
        /// The reason.
        source: substrate::ClientError,
    },
    /// A cluster refused a request.
    #[error("{action} in {cluster}")]
    Refused {
        /// The attempted action.
        action: &'static str,
        /// The cluster's name.
        cluster: String,
        /// The reason.
        source: Box<kube::Error>,
    },
    /// A cluster has no nodes to run the tests' pods on.
    #[error("run the conformance tests in {cluster}: it shows no nodes that the tests could count")]
    NoNodes {
        /// Its name.
        cluster: String,
    },
    /// Serial tests would disturb tenants.
    #[error("run the [Serial] tests on the host cluster: they taint its nodes and evict the pods of {}", tenants.join(", "))]
    Disturbs {
        /// The tenants that are there.
        tenants: Vec<String>,
    },
    /// A file could not be used.
    #[error("{what} {}", path.display())]
    File {
        /// The attempted action.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
    /// A file is not in the form that it has to have.
    #[error("understand {}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The test program ended without a report.
    #[error("get a report of the tests in {cluster} (log: {})", log.display())]
    NoReport {
        /// The cluster's name.
        cluster: String,
        /// The log of the test program.
        log: PathBuf,
    },
    /// An environment of the run's own could not be brought up or removed, or one that is up is held by another process.
    #[error(transparent)]
    Run(#[from] crate::run::Error),
    /// The run was interrupted.
    #[error("go on: interrupted")]
    Interrupted,
}

impl Error {
    /// Returns the action that helps the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::NoNodes { .. } => Some(
                "make the tenant with values that show it all nodes: cargo harness up --values \
                 harness/manifests/tenants/conformance-values.yaml"
                    .to_owned(),
            ),
            Self::Disturbs { .. } => Some(
                "use an environment without tenants: cargo harness up --name NAME --until substrate"
                    .to_owned(),
            ),
            Self::NoMatch { .. } => Some("cargo harness conformance --list shows all tests".to_owned()),
            _ => None,
        }
    }

    /// Returns true if the command was called in a wrong way.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Run(error) => error.is_usage(),
            Self::Pattern { .. } | Self::NoMatch { .. } | Self::NoNodes { .. } | Self::Disturbs { .. } => {
                true
            }
            _ => false,
        }
    }

    /// Returns the whole chain of causes, one per line, and the remedy.
    #[must_use]
    pub fn explain(&self) -> String {
        match self {
            Self::Run(error) => error.explain(),
            error => explain(error, error.remedy()),
        }
    }

    fn file(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}
