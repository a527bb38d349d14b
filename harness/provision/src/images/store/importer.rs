//! A containerd that imports images and then ends.

use std::convert::Infallible;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::binaries::Binaries;
use crate::command::{Command, Group};
use crate::images::{Archive, Error};
use crate::wait::{self, Budget, Seen};

/// The namespace in containerd that Kubernetes' images are in.
const NAMESPACE: &str = "k8s.io";

/// The socket on which containerd listens, in its folder.
const SOCKET: &str = "socket";

/// An idle machine takes a tenth of a second; one that builds on all cores, several.
const UP: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(50),
};

/// It has nothing to do by then but to close its databases.
const DOWN: Duration = Duration::from_secs(30);

/// Covers `/run`, where containerd creates a folder regardless of its settings, and becomes containerd.
const IN_ITS_OWN_RUN: &str = r#"mount -t tmpfs tmpfs /run && exec "$0" "$@""#;

/// A running containerd with no use but for its images.
#[derive(Debug)]
#[must_use = "stop it, or its databases are cut off"]
pub(super) struct Importer {
    containerd: Group,
    ctr: PathBuf,
    /// Its settings, state, socket and log. The path is short, as that of a socket has to be.
    place: TempDir,
}

impl Importer {
    pub(super) async fn start(binaries: &Binaries, root: &Path) -> Result<Self, Error> {
        let place = tempfile::Builder::new().prefix("images-").tempdir();
        let place = place.map_err(Error::file("create a folder in", &std::env::temp_dir()))?;
        let settings = place.path().join("config.toml");
        fs::write(&settings, config(root, place.path())).map_err(Error::file("write", &settings))?;
        let log = place.path().join("log");
        let log = File::create(&log).map_err(Error::file("create", &log))?;
        // What it mounts while it unpacks is seen by nobody else, and goes when it goes.
        let containerd = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "sh", "-c", IN_ITS_OWN_RUN])
            .arg(binaries.program("containerd")?)
            .arg("--config")
            .arg(&settings)
            .start(&log)
            .map_err(|source| Error::Containerd {
                what: "start containerd".into(),
                source,
            })?;
        let ctr = binaries.program("ctr")?.to_owned();
        let mut importer = Self {
            containerd,
            ctr,
            place,
        };
        importer.wait().await?;
        Ok(importer)
    }

    /// Waits until it answers.
    async fn wait(&mut self) -> Result<(), Error> {
        let (ctr, place) = (&self.ctr, self.place.path());
        let answered = wait::until("containerd to answer", UP, || {
            let ended = self.containerd.child.try_wait().ok().flatten();
            async move {
                if let Some(status) = ended {
                    let what = format!("start containerd, which ended with {status}");
                    return Ok::<_, Infallible>(Seen::Ready(Err(what)));
                }
                Ok(match client(ctr, place).arg("version").run().await {
                    Ok(_) => Seen::Ready(Ok(())),
                    Err(failed) => Seen::NotYet(failed.said()),
                })
            }
        });
        let outcome = answered
            .await
            .unwrap_or_else(|error| Err(format!("start containerd: {error}")));
        outcome.map_err(|what| Error::Unready {
            what,
            log: self.log(),
        })
    }

    /// Imports an image and unpacks it. Its layer is then only kept unpacked.
    pub(super) async fn import(&self, archive: &Archive) -> Result<(), Error> {
        let import = self
            .ctr()
            .args(["images", "import", "--local", "--discard-unpacked-layers"]);
        self.told(format!("import {}", archive.name), import.arg(&archive.path))
            .await
    }

    /// Removes an image.
    pub(super) async fn remove(&self, name: &str) -> Result<(), Error> {
        self.told(
            format!("remove {name}"),
            self.ctr().args(["images", "remove", "--sync", name]),
        )
        .await
    }

    /// Ends it, so that its databases are whole.
    pub(super) async fn stop(mut self) -> Result<(), Error> {
        let pid = self
            .containerd
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()));
        // A pid is gone only if it ended by itself, which the wait then sees.
        let _gone = pid.map(|pid| kill_process(pid, Signal::TERM));
        match wait::at_most(DOWN, self.containerd.wait()).await {
            Some(Ok(status)) if status.success() => Ok(()),
            ended => {
                let what = match ended {
                    Some(Ok(status)) => format!("stop containerd, which ended with {status}"),
                    Some(Err(error)) => format!("stop containerd: {error}"),
                    None => format!("stop containerd within {} s", DOWN.as_secs()),
                };
                Err(Error::Unready {
                    what,
                    log: self.log(),
                })
            }
        }
    }

    async fn told(&self, what: String, command: Command) -> Result<(), Error> {
        command
            .run()
            .await
            .map(drop)
            .map_err(|source| Error::Containerd { what, source })
    }

    fn ctr(&self) -> Command {
        client(&self.ctr, self.place.path())
    }

    fn log(&self) -> String {
        let log = fs::read_to_string(self.place.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

fn client(ctr: &Path, place: &Path) -> Command {
    Command::new(ctr)
        .arg("--address")
        .arg(place.join(SOCKET))
        .args(["--namespace", NAMESPACE])
}

/// Returns its settings: everything that is not about images is off.
fn config(root: &Path, place: &Path) -> String {
    let off = [
        "io.containerd.grpc.v1.cri",
        "io.containerd.cri.v1.runtime",
        "io.containerd.cri.v1.images",
        "io.containerd.nri.v1.nri",
    ];
    let mut settings = toml::Table::from_iter([("version".to_owned(), toml::Value::from(3))]);
    let text = |path: PathBuf| toml::Value::from(path.display().to_string());
    settings.insert("root".into(), text(root.to_owned()));
    settings.insert("state".into(), text(place.join("state")));
    settings.insert("disabled_plugins".into(), toml::Value::from(off.to_vec()));
    for (section, name) in [("grpc", SOCKET), ("ttrpc", "ttrpc")] {
        let address = toml::Table::from_iter([("address".to_owned(), text(place.join(name)))]);
        settings.insert(section.into(), address.into());
    }
    toml::to_string(&settings).unwrap_or_default()
}
