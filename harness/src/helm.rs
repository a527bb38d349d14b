//! Helm, run as the program it is, without touching the user's own configuration of it.

use std::path::{Path, PathBuf};
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

/// A release to be made.
#[derive(Clone, Copy, Debug)]
pub struct Release<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace, made if it is not there.
    pub namespace: &'a str,
    /// The chart's folder.
    pub chart: &'a Path,
    /// Its values, as YAML.
    pub values: &'a str,
    /// Single values on top, as `key=value`.
    pub set: &'a [String],
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
        } = release;
        let mut command = self
            .command()
            .args(["upgrade", "--install", name])
            .arg(chart)
            .args(["--namespace", namespace, "--create-namespace", "--values", "-"])
            .input(values);
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

    fn command(&self) -> Command {
        Command::new(&self.program)
            .env("HELM_CACHE_HOME", self.home.join("cache"))
            .env("HELM_CONFIG_HOME", self.home.join("config"))
            .env("HELM_DATA_HOME", self.home.join("data"))
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .at_most(AT_MOST)
    }
}
