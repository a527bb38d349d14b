//! Ctrl-C and similar signals: the first one stops and cleans up, the second one stops at once.

use provision::command;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::{Exit, Failure};

/// Listens for SIGINT, SIGTERM and SIGHUP from now on; the token fires at the first of them.
pub(super) fn listen(environment: &str) -> Result<CancellationToken, Failure> {
    let install = |kind| signal(kind).map_err(Failure::Signals);
    let signals = Signals {
        interrupt: install(SignalKind::interrupt())?,
        terminate: install(SignalKind::terminate())?,
        hang_up: install(SignalKind::hangup())?,
    };
    let token = CancellationToken::new();
    tokio::spawn(obey(signals, token.clone(), environment.to_owned()));
    Ok(token)
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

#[expect(
    clippy::print_stderr,
    clippy::exit,
    reason = "the second signal leaves no time for anything else"
)]
async fn obey(mut signals: Signals, token: CancellationToken, environment: String) {
    signals.next().await;
    eprintln!("stopping and cleaning up; once more to stop at once");
    token.cancel();
    signals.next().await;
    command::end_all();
    eprintln!("stopped. What is left is removed by: cargo harness down --name {environment}");
    std::process::exit(i32::from(Exit::CouldNotRun.code()));
}
