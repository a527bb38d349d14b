//! `docker`: a command with a Docker daemon of its own.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use harness::environment;
use harness::ledger::{Entry, Ledger};
use harness::preflight;
use provision::binaries::{self, DOCKER, Options, Wanted};
use provision::events::Events;
use rustix::process::{Pid, Signal};
use sandbox::docker::{self, Daemon, Request, STAGE};
use tokio::process::Child;
use tokio_util::sync::CancellationToken;

use super::Context;
use crate::arguments::Docker;
use crate::{Exit, Failure, failure, interrupt};

/// The daemon's name unless another is given, so that a command can bring up the default environment with it.
const NAME: &str = "docker";

/// Time that a command has to end after a signal, as containers have with `docker stop`.
const GRACE: Duration = Duration::from_secs(10);

/// Runs a command with a Docker daemon of its own.
pub(super) async fn run(context: &Context, wanted: &Docker) -> Result<Exit, Failure> {
    context.is_no_json("docker")?;
    let context = context.named_or(NAME);
    let cancel = interrupt::listen(context.name())?;
    let place = context.places.environment(context.name());
    preflight::require_for_docker().await?;
    let ledger = Ledger::take(&place, "docker")?;
    if !ledger.entries()?.is_empty() {
        return Err(Failure::Taken {
            name: context.name().to_owned(),
        });
    }
    let done = with_daemon(&context, wanted, &place, &ledger, &cancel).await;
    let left_behind = context
        .showing(async |events| {
            let removed = environment::remove(ledger, &context.places, context.name()).await;
            let removed = removed.inspect(|left| events.tell_left(left));
            Ok(!removed?.is_empty())
        })
        .await;
    match (done, left_behind) {
        (Ok(Exit::Command(0)), Ok(true)) => Ok(Exit::LeftBehind),
        (Err(failed), Err(also)) => {
            failure::print(&also);
            Err(failed)
        }
        (Ok(_), Err(failed)) => Err(failed),
        (done, Ok(_)) => done,
    }
}

async fn with_daemon(
    context: &Context,
    wanted: &Docker,
    place: &Path,
    ledger: &Ledger,
    cancel: &CancellationToken,
) -> Result<Exit, Failure> {
    let starting =
        context.showing(async |events| events.stage(STAGE, start(context, place, ledger, events)).await);
    let started = cancel.run_until_cancelled(starting).await;
    let daemon = started.ok_or(Failure::Interrupted)??;
    command(&daemon, &wanted.command, cancel).await
}

async fn start(context: &Context, place: &Path, ledger: &Ledger, events: &Events) -> Result<Daemon, Failure> {
    let cache = &context.places.cache;
    let options = Options::default();
    let binaries = binaries::ensure(cache, &Wanted::these([DOCKER]), &options, events).await?;
    let request = Request {
        name: context.name().to_owned(),
        folder: place.join("docker"),
        keep: vec![cache.clone()],
        packages: binaries.debian(DOCKER)?.clone(),
    };
    ledger.record(&Entry::Sandbox {
        environment: request.name.clone(),
        folder: request.folder.clone(),
    })?;
    Ok(docker::up(&request, events).await?)
}

/// Runs the command to its end, or ends it.
async fn command(daemon: &Daemon, words: &[OsString], cancel: &CancellationToken) -> Result<Exit, Failure> {
    let mut child = daemon
        .command(words)
        .map_err(Failure::Sandbox)?
        .start_in_front()?;
    let Some(status) = cancel.run_until_cancelled(child.wait()).await else {
        end(&mut child).await;
        return Err(Failure::Interrupted);
    };
    Ok(exit(status.map_err(Failure::Sandbox)?))
}

/// Ends the command. If it does not end in time, it ends with the daemon.
async fn end(child: &mut Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok());
    if let Some(pid) = pid.and_then(Pid::from_raw) {
        // It may have ended since; then there is nobody to signal.
        let _gone = rustix::process::kill_process(pid, Signal::TERM);
    }
    let _ended = provision::wait::at_most(GRACE, child.wait()).await;
}

/// Returns the exit code, as shells do: that of a command which a signal ended is 128 and the signal's number.
fn exit(status: ExitStatus) -> Exit {
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    Exit::Command(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX))
}
