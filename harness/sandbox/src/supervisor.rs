//! The half of a sandbox that stays outside: starts it, leads connections into it, and ends with it.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use provision::wait::{self, Budget, Seen};
use tokio::net::UnixListener;

use super::forward::Forwarder;
use super::{Spec, cgroup, init};
use crate::background;

/// The command line's hidden commands that are the two halves of a sandbox.
pub const COMMAND: &str = "sandbox-supervisor";
/// See [`COMMAND`].
pub const INIT_COMMAND: &str = "sandbox-init";

/// Making five namespaces takes milliseconds; more means that the machine is out of something.
const UNSHARED: Budget = Budget {
    at_most: Duration::from_secs(10),
    every: Duration::from_millis(5),
};

/// Returns the supervisor's socket, on which [`super::forward::open`] asks for addresses.
#[must_use]
pub fn control(folder: &Path) -> PathBuf {
    folder.join("control.sock")
}

/// Returns the path of the file in which the supervisor records the process that has the sandbox's namespaces.
fn process(folder: &Path) -> PathBuf {
    folder.join("sandbox.pid")
}

/// Returns the network namespace of the sandbox whose run folder is `folder`. The sandbox is up.
pub(super) fn network(folder: &Path) -> io::Result<File> {
    let pid = std::fs::read_to_string(process(folder))?;
    File::open(namespace(pid.trim()))
}

fn namespace(pid: impl std::fmt::Display) -> String {
    format!("/proc/{pid}/ns/net")
}

/// Starts a supervisor that outlives the caller, and the sandbox with it.
pub(super) fn spawn(spec: &Spec) -> io::Result<()> {
    background::start(COMMAND, &spec.folder, &[], &spec.log("supervisor"))
}

/// Runs as the supervisor of the sandbox whose run folder is `folder`; returns when the sandbox has ended.
pub async fn supervise(folder: &Path) -> io::Result<()> {
    background::detach();
    let spec = Spec::read(folder)?;
    cgroup::enter(&spec.cgroup, cgroup::SYSTEM)?;
    let mut sandbox = tokio::process::Command::new("unshare")
        .args([
            "--mount",
            "--net",
            "--uts",
            "--ipc",
            "--pid",
            "--fork",
            "--mount-proc",
            "--kill-child=SIGKILL",
        ])
        .arg(std::env::current_exe()?)
        .arg(INIT_COMMAND)
        .arg(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let pid = sandbox
        .id()
        .ok_or_else(|| io::Error::other("the sandbox ended at once"))?;
    let network = own_network(pid).await?;
    std::fs::write(process(folder), pid.to_string())?;
    let control = UnixListener::bind(control(folder))?;
    tokio::spawn(Forwarder::start(network)?.serve(control));
    let status = sandbox.wait().await?;
    tracing::info!(%status, "the sandbox ended");
    Ok(())
}

/// Runs as the sandbox's init; see [`init::run`].
pub fn init(folder: &Path) -> io::Result<std::convert::Infallible> {
    init::run(folder)
}

/// Returns the network namespace of `pid`, once it is another than ours.
async fn own_network(pid: u32) -> io::Result<File> {
    let ours = std::fs::metadata("/proc/self/ns/net")?.ino();
    let theirs = namespace(pid);
    wait::until("the sandbox's network namespace", UNSHARED, async || {
        let file = File::open(&theirs)?;
        Ok::<_, io::Error>(if file.metadata()?.ino() == ours {
            Seen::not_yet("it is still in the machine's")
        } else {
            Seen::Ready(file)
        })
    })
    .await
    .map_err(io::Error::other)
}
