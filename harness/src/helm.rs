//! Helm, run as the program it is, without touching the user's own configuration of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::{self, Command};

/// How long one run of Helm may take. It takes about a second; the API server of a busy machine may make it wait.
const AT_MOST: Duration = Duration::from_mins(2);

/// The Helm program, for one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Helm {
    /// The program.
    pub program: PathBuf,
    /// Which cluster, and as whom.
    pub kubeconfig: PathBuf,
    /// Where it keeps what it would else keep in the user's home.
    pub home: PathBuf,
}

/// Where a chart is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Chart {
    /// In a folder of this machine.
    Folder(PathBuf),
    /// In a repository, from which Helm fetches it.
    InRepository {
        /// The repository's address.
        repository: String,
        /// The chart's name in it.
        name: String,
        /// Its version.
        version: String,
    },
}

/// The folder, or the name and version and where they are from.
impl std::fmt::Display for Chart {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Folder(folder) => write!(formatter, "{}", folder.display()),
            Self::InRepository {
                repository,
                name,
                version,
            } => write!(formatter, "{name} {version} of {repository}"),
        }
    }
}

impl Chart {
    /// What follows the release's name on Helm's command line.
    fn arguments(&self) -> Vec<OsString> {
        match self {
            Self::Folder(folder) => vec![folder.clone().into()],
            Self::InRepository {
                repository,
                name,
                version,
            } => [name.as_str(), "--repo", repository, "--version", version]
                .map(OsString::from)
                .into(),
        }
    }
}

/// A release to be made.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace, made if it is not there.
    pub namespace: &'a str,
    /// The chart.
    pub chart: &'a Chart,
    /// Its values, as YAML.
    pub values: &'a str,
    /// Single values on top, as `key=value`.
    pub set: &'a [String],
    /// Whether Helm compares what the chart makes with the cluster's `OpenAPI` document, which takes 0.2 s of a processor.
    /// Otherwise, a field that the cluster does not know is dropped by it.
    pub compared: bool,
}

impl Helm {
    /// Installs a release, or brings one that is there up to date. Waits for nothing that the chart makes.
    pub async fn install(&self, release: Release<'_>) -> Result<(), command::Error> {
        let Release {
            name,
            namespace,
            chart,
            values,
            set,
            compared,
        } = release;
        let mut command = self
            .command()
            .args(["upgrade", "--install", name])
            .args(chart.arguments())
            .args(["--namespace", namespace, "--create-namespace", "--values", "-"])
            .input(values);
        if !compared {
            command = command.args(["--disable-openapi-validation"]);
        }
        for value in set {
            command = command.args(["--set", value]);
        }
        command.run().await.map(drop)
    }

    /// Removes a release; one that is not there is fine.
    pub async fn uninstall(&self, name: &str, namespace: &str) -> Result<(), command::Error> {
        let command =
            self.command()
                .args(["uninstall", name, "--namespace", namespace, "--ignore-not-found"]);
        command.run().await.map(drop)
    }

    /// Helm with nothing to do yet, for this cluster.
    pub fn command(&self) -> Command {
        Command::new(&self.program)
            .env("HELM_CACHE_HOME", self.home.join("cache"))
            .env("HELM_CONFIG_HOME", self.home.join("config"))
            .env("HELM_DATA_HOME", self.home.join("data"))
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .at_most(AT_MOST)
    }
}
