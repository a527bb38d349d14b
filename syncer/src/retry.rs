//! Retries, and pauses in between.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::error_chain::error_chain;

/// The first pause after a failure. It is short, because at the start everything is about to exist.
const SHORTEST: Duration = Duration::from_millis(25);

/// The longest pause. It is short enough that a side that comes back need not wait for the syncer; one request per pause is no
/// burden.
const LONGEST: Duration = Duration::from_millis(400);

/// Failures in a row that are expected: at the start much does not exist yet, for some seconds.
const QUIET: u32 = 16;

/// Retries until an attempt succeeds. Returns `None` if the syncer is stopped before.
pub(crate) async fn until_cancelled<T, E, Attempt>(
    what: &str,
    shutdown: &CancellationToken,
    attempt: impl FnMut() -> Attempt,
) -> Option<T>
where
    E: Error + 'static,
    Attempt: Future<Output = Result<T, E>>,
{
    let backoff = ExponentialBuilder::new()
        .with_min_delay(SHORTEST)
        .with_max_delay(LONGEST)
        .without_max_times();
    let mut failures: u32 = 0;
    let retried = attempt.retry(backoff).notify(|error: &E, _| {
        failures += 1;
        if failures >= QUIET && failures.is_power_of_two() {
            warn!(error = %error_chain(error), failures, "failed to {what}; trying again");
        }
    });
    shutdown.run_until_cancelled(retried).await?.ok()
}

/// Sleeps.
#[expect(clippy::disallowed_methods, reason = "the one place where the syncer rests")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_attempt_is_repeated_until_it_succeeds() {
        let shutdown = CancellationToken::new();
        let mut attempts = 0;
        let outcome = until_cancelled("count", &shutdown, || {
            attempts += 1;
            let outcome = if attempts < 3 {
                Err(std::fmt::Error)
            } else {
                Ok(attempts)
            };
            std::future::ready(outcome)
        });
        assert_eq!(outcome.await, Some(3));
    }

    #[tokio::test]
    async fn a_stopped_syncer_does_not_retry() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let outcome = until_cancelled("fail", &shutdown, async || Err::<(), _>(std::fmt::Error)).await;
        assert_eq!(outcome, None);
    }
}
