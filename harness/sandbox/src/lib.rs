//! Processes in namespaces of their own, which leave nothing behind when they end.
//!
//! A supervisor outside starts the sandbox. The sandbox's init starts the processes of a [`Spec`] in private mount,
//! network, pid, ipc and uts namespaces. It changes nothing of the machine but one subtree of its cgroups and the
//! run's folder. So ending the subtree's processes and removing both removes everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use provision::wait::{self, Budget, Seen};
use tokio::net::UnixStream;

/// A private Docker daemon.
pub mod docker;

/// Processes that outlive the command that started them.
pub mod background;

/// Commands of the machine in a sandbox's network.
pub mod enter;

/// Loopback addresses that lead into the sandbox.
pub mod forward;

/// Everything that a sandbox's processes need to know.
pub mod spec;

/// The half of a sandbox that stays outside.
pub mod supervisor;

/// Ending a sandbox, and finding its remains.
pub mod teardown;

mod cgroup;
mod init;
mod mounts;
mod network;

pub use spec::Spec;

/// Making namespaces, mounts and links takes milliseconds; with both cores busy, it took 2 s.
const STARTED: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(20),
};

/// Errors of a sandbox, or of the way into it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, directory or process of the sandbox could not be created.
    #[error("{what}")]
    Io {
        /// The action that failed.
        what: String,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
    /// The supervisor gave no address.
    #[error("open a connection to {target} through {}", control.display())]
    Forward {
        /// The address to connect to.
        target: SocketAddr,
        /// The supervisor's socket.
        control: PathBuf,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
    /// The sandbox was not created in time.
    #[error("start the sandbox (logs: {})", logs.display())]
    NotUp {
        /// The folder of its processes' logs.
        logs: PathBuf,
        /// The state that did not come.
        #[source]
        source: wait::Error<Infallible>,
    },
}

impl Error {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// Returns the name of a run's cgroup subtree.
#[must_use]
pub fn cgroup_name(environment: &str) -> String {
    format!("shared-dapr-{environment}")
}

/// Returns every process of an environment, and its cgroup as a path below the environment's own: `system` for
/// processes that the sandbox itself starts, `kubepods/…/pod<UID>/<container>` for processes of pods.
pub fn members(environment: &str) -> Result<BTreeMap<i32, PathBuf>, Error> {
    let name = cgroup_name(environment);
    cgroup::members(&name).map_err(Error::io(format!("list the processes of the cgroup {name}")))
}

/// Starts the sandbox and waits until its supervisor answers. Its processes are then being started.
pub async fn start(spec: &Spec) -> Result<(), Error> {
    init::folders(spec).map_err(Error::io("make the sandbox's folders"))?;
    spec.write()
        .map_err(Error::io("write the sandbox's description"))?;
    cgroup::create(&spec.cgroup).map_err(Error::io(format!("make the cgroup {}", spec.cgroup)))?;
    supervisor::spawn(spec).map_err(Error::io("start the sandbox's supervisor"))?;
    let control = supervisor::control(&spec.folder);
    wait::until("the sandbox's supervisor", STARTED, async || {
        Ok(match UnixStream::connect(&control).await {
            Ok(_) => Seen::Ready(()),
            Err(error) => Seen::not_yet(error.to_string()),
        })
    })
    .await
    .map_err(|source| Error::NotUp {
        logs: logs(&spec.folder),
        source,
    })
}

/// Returns the folder with the logs of the sandbox whose run folder is `folder`. Each process has a file.
#[must_use]
pub fn logs(folder: &Path) -> PathBuf {
    folder.join("logs")
}

/// Returns true if a process of the sandbox whose run folder is `folder` has ended. It is then started again, which is of no use to
/// one that cannot run.
#[must_use]
pub fn has_ended(folder: &Path, process: &str) -> bool {
    init::has_ended(folder, process)
}
