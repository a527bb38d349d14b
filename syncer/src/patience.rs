//! Trying again, and resting in between.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The first rest after a failure; short, because at the start everything is about to be there.
const SHORTEST: Duration = Duration::from_millis(100);

/// The longest: what comes back should not wait for us.
const LONGEST: Duration = Duration::from_secs(5);

/// Failures in a row that are no news, because at the start much is not there yet.
const QUIET: u32 = 3;

/// Tries until it works; nothing if the syncer is told to stop before.
pub(crate) async fn persist<T, E, Attempt>(
    what: &str,
    shutdown: &CancellationToken,
    mut attempt: impl FnMut() -> Attempt,
) -> Option<T>
where
    E: std::error::Error,
    Attempt: Future<Output = Result<T, E>>,
{
    let mut rest = SHORTEST;
    let mut failures = 0;
    loop {
        let outcome = tokio::select! {
            outcome = attempt() => outcome,
            () = shutdown.cancelled() => return None,
        };
        let error = match outcome {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        failures += 1;
        if failures > QUIET {
            warn!(error = %chain(&error), failures, "failed to {what}; trying again");
        }
        tokio::select! {
            () = pause(rest) => {}
            () = shutdown.cancelled() => return None,
        }
        rest = (rest * 2).min(LONGEST);
    }
}

/// Rests.
#[expect(clippy::disallowed_methods, reason = "the one place where the syncer rests")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// An error and what caused it, on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause: &dyn Display = cause;
        format!("{text}: {cause}")
    })
}
