//! Helm, run as a program, without touching the user's own configuration of it.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::{self, Command};

/// The time limit of one run of Helm. It takes about a second; the API server of a busy machine may make it wait.
const AT_MOST: Duration = Duration::from_mins(2);

/// The Helm program, for one cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Helm {
    /// The program.
    pub program: PathBuf,
    /// The kubeconfig of the cluster, with the user's credentials.
    pub kubeconfig: PathBuf,
    /// The folder for files that Helm would otherwise keep in the user's home.
    pub home: PathBuf,
}

/// The location of a chart.
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
    /// Returns the arguments that follow the release's name on Helm's command line.
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

/// A release to install.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace, which is created if it does not exist.
    pub namespace: &'a str,
    /// The chart.
    pub chart: &'a Chart,
    /// Its values, as YAML.
    pub values: &'a str,
    /// Single values on top, as `key=value`.
    pub set: &'a [String],
    /// True if Helm validates the chart's objects with the cluster's OpenAPI document, which takes 0.2 s of a
    /// processor. Otherwise, the cluster drops fields that it does not know.
    pub compared: bool,
}

impl Helm {
    /// Installs a release, or upgrades an existing one. It waits for none of the chart's objects.
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

    /// Returns a Helm command for this cluster, without a subcommand.
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
