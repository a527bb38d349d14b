//! Docker, through its own command line and as this user: `DOCKER_HOST` and the user's context decide which daemon it
//! is.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::command::{self, Command, Line};

/// The variable by which clients find a daemon.
pub const HOST: &str = "DOCKER_HOST";

/// A daemon that is there answers in milliseconds; one that just starts, in seconds.
const ANSWER: Duration = Duration::from_secs(20);

/// A daemon, as seen from here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Docker {
    /// The value of `DOCKER_HOST`. Without one, the user's context decides.
    pub host: Option<String>,
}

/// Errors of Docker. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no command line for it.
    #[error("run docker: it is not on PATH")]
    NoProgram,
    /// No daemon answers.
    #[error("reach the Docker daemon{}: {said}", host.as_ref().map(|host| format!(" at {host}")).unwrap_or_default())]
    NoDaemon {
        /// The address of the daemon.
        host: Option<String>,
        /// The message of the command line.
        said: String,
    },
    /// The daemon refused.
    #[error("{what}")]
    Refused {
        /// The action that failed.
        what: String,
        /// The error of the command.
        source: command::Error,
    },
}

impl Error {
    /// Returns the remedy for the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let private = "or run with a daemon of its own, as root: cargo harness docker -- COMMAND";
        match self {
            Self::NoProgram => Some(format!(
                "install Docker (https://docs.docker.com/engine/install), {private}"
            )),
            Self::NoDaemon { said, .. } if said.contains("permission denied") => Some(
                "let this user use it (add it to the group `docker` and log in again), or run as root"
                    .to_owned(),
            ),
            Self::NoDaemon { .. } => Some(format!("start the daemon, {private}")),
            Self::Refused { source, .. } if source.is_disk_full() => Some(
                "free some room where Docker keeps its data (docker system df shows what takes it)"
                    .to_owned(),
            ),
            Self::Refused { .. } => None,
        }
    }
}

/// The daemon's information about itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Info {
    /// Its version.
    pub server_version: String,
    /// The folder of its data.
    pub docker_root_dir: String,
    /// Such as `name=rootless`.
    #[serde(default)]
    pub security_options: Vec<String>,
}

impl Info {
    /// Returns true if it runs without root, and so may not give a container all privileges.
    #[must_use]
    pub fn is_rootless(&self) -> bool {
        self.security_options
            .iter()
            .any(|option| option.contains("rootless"))
    }
}

impl Docker {
    /// Returns the daemon that commands of this process would use.
    #[must_use]
    pub fn here() -> Self {
        Self {
            host: std::env::var_os(HOST)
                .map(|host| host.to_string_lossy().into_owned())
                .filter(|host| !host.is_empty()),
        }
    }

    /// Asks the daemon who it is.
    pub async fn info(&self) -> Result<Info, Error> {
        let asked = self
            .command(["info", "--format", "{{json .}}"])
            .at_most(ANSWER)
            .text()
            .await;
        let no_daemon = |said: String| Error::NoDaemon {
            host: self.host.clone(),
            said,
        };
        match asked {
            // Without a daemon, some versions say so in a field and succeed.
            Ok(text) => serde_json::from_str(&text).map_err(|_| {
                let said = serde_json::from_str::<serde_json::Value>(&text).ok();
                let errors = said.and_then(|said| Some(said.get("ServerErrors")?.to_string()));
                no_daemon(errors.unwrap_or_else(|| "its answer has no ID".to_owned()))
            }),
            Err(error) if error.is_missing() => Err(Error::NoProgram),
            Err(error) => Err(no_daemon(error.said())),
        }
    }

    /// Returns true if the daemon has the image.
    pub async fn has_image(&self, name: &str) -> Result<bool, Error> {
        let found = self
            .text(
                format!("look for the image {name}"),
                ["image", "ls", "--quiet", name],
            )
            .await?;
        Ok(!found.is_empty())
    }

    /// Returns the full names of the images whose repository is `repository`.
    pub async fn images(&self, repository: &str) -> Result<Vec<String>, Error> {
        let format = "{{.Repository}}:{{.Tag}}";
        let listed = self
            .text(
                format!("list the images of {repository}"),
                ["image", "ls", "--format", format, repository],
            )
            .await?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Pulls an image from its registry.
    pub async fn pull(&self, name: &str) -> Result<(), Error> {
        self.run(format!("pull the image {name}"), ["pull", "--quiet", name])
            .await
    }

    /// Makes an image of the root file system in a tar file.
    pub async fn import(&self, tar: &Path, name: &str, changes: &[&str]) -> Result<(), Error> {
        let command = changes.iter().fold(self.command(["import"]), |command, change| {
            command.args(["--change", change])
        });
        told(format!("import the image {name}"), command.arg(tar).arg(name)).await
    }

    /// Removes an image by its name; one that is not there is fine, and one that is used only loses the name.
    pub async fn remove_image(&self, name: &str) -> Result<(), Error> {
        self.run(
            format!("remove the image {name}"),
            ["image", "rm", "--force", name],
        )
        .await
    }

    /// Runs a program in a container.
    pub async fn exec(&self, container: &str, program: &[&str]) -> Result<(), Error> {
        let command = self.command(["exec", container]).args(program);
        told(format!("run `{}` in {container}", program.join(" ")), command).await
    }

    /// Returns the names of the containers that have a label, running or not.
    pub async fn containers(&self, label: &str) -> Result<Vec<String>, Error> {
        let listed = self
            .text(
                format!("list the containers with {label}"),
                [
                    "ps",
                    "--all",
                    "--filter",
                    &format!("label={label}"),
                    "--format",
                    "{{.Names}}",
                ],
            )
            .await?;
        Ok(listed.lines().map(str::to_owned).collect())
    }

    /// Ends and removes containers, with the volumes that they alone have.
    pub async fn remove(&self, containers: &[String]) -> Result<(), Error> {
        if containers.is_empty() {
            return Ok(());
        }
        let command = self.command(["rm", "--force", "--volumes"]).args(containers);
        told(format!("remove {}", containers.join(", ")), command).await
    }

    /// Returns a program that talks to the same daemon.
    pub fn user(&self, program: &Path) -> Command {
        self.with_host(Command::new(program))
    }

    async fn run<const N: usize>(&self, what: String, words: [&str; N]) -> Result<(), Error> {
        told(what, self.command(words)).await
    }

    async fn text<const N: usize>(&self, what: String, words: [&str; N]) -> Result<String, Error> {
        let asked = self.command(words).text().await;
        asked.map_err(|source| Error::Refused { what, source })
    }

    fn command<const N: usize>(&self, words: [&str; N]) -> Command {
        self.with_host(Command::new("docker")).args(words)
    }

    fn with_host(&self, command: Command) -> Command {
        match &self.host {
            Some(host) => command.env(HOST, host),
            None => command,
        }
    }
}

async fn told(what: String, command: Command) -> Result<(), Error> {
    let done = command.run_telling(|line| {
        if let Line::Err(text) = line {
            tracing::debug!(text, "docker");
        }
    });
    done.await
        .map(drop)
        .map_err(|source| Error::Refused { what, source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_daemon_says_of_itself_is_read() {
        let info: Info = serde_json::from_str(
            r#"{"ServerVersion":"28.2","DockerRootDir":"/var/lib/docker","SecurityOptions":["name=rootless"],"NCPU":2}"#,
        )
        .unwrap();
        assert_eq!((info.server_version.as_str(), info.is_rootless()), ("28.2", true));
    }

    #[test]
    fn a_user_without_access_gets_the_remedy() {
        let error = Error::NoDaemon {
            host: None,
            said: "permission denied while trying to connect to the Docker daemon socket".to_owned(),
        };
        assert!(
            error.remedy().unwrap().contains("add it to the group `docker`"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_daemon_that_is_not_there_is_named_with_the_remedy() {
        let docker = Docker {
            host: Some("unix:///no/such/docker.sock".to_owned()),
        };
        // Where there is no command line either, that is what is said.
        let error = docker.info().await.unwrap_err();
        assert!(
            error.remedy().unwrap().contains("cargo harness docker"),
            "{error}"
        );
    }
}
