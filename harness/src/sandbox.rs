//! Processes in namespaces of their own, of which nothing is left when they end.
//!
//! A supervisor outside starts the sandbox, whose init starts what a [`Spec`] lists in private mount, network, pid,
//! ipc and uts namespaces. Nothing of the machine is touched but one subtree of its cgroups and the run's folder, so
//! ending the subtree's processes and removing both removes everything.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixStream;

use crate::wait::{self, Budget, Seen};

/// Commands of the machine in a sandbox's network.
pub mod enter;

/// Loopback addresses that lead into the sandbox.
pub mod forward;

/// Everything that a sandbox's processes need to know.
pub mod spec;

/// The half of a sandbox that stays outside.
pub mod supervisor;

/// Ending a sandbox, and looking for what is left of one.
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

/// Why there is no sandbox, or no way into it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, directory or process of the sandbox could not be made.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The supervisor gave no address.
    #[error("open a way to {target} through {}", control.display())]
    Forward {
        /// Where to.
        target: SocketAddr,
        /// The supervisor's socket.
        control: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The sandbox was not made in time.
    #[error("start the sandbox (logs: {})", logs.display())]
    NotUp {
        /// Where its processes log.
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

/// The name of a run's cgroup subtree.
#[must_use]
pub fn cgroup_name(environment: &str) -> String {
    format!("shared-dapr-{environment}")
}

/// Every process of an environment, and its cgroup as a path below the environment's own: `system` for what the
/// sandbox itself starts, `kubepods/…/pod<UID>/<container>` for processes of pods.
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

/// Where the processes of the sandbox whose run folder is `folder` log, a file each.
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
