//! Retries, and pauses in between.

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use kube::core::Status;
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// The first pause after a failure. It is short, because at the start everything is about to exist.
const SHORTEST: Duration = Duration::from_millis(25);

/// The longest pause. It is short enough that a side that comes back need not wait for the syncer; one request per pause is no
/// burden.
const LONGEST: Duration = Duration::from_millis(400);

/// Failures in a row that are expected: at the start much does not exist yet, for some seconds.
const QUIET: u32 = 16;

/// Retries until an attempt succeeds. Returns `None` if the syncer is stopped before.
pub(crate) async fn persist<T, E, Attempt>(
    what: &str,
    shutdown: &CancellationToken,
    mut attempt: impl FnMut() -> Attempt,
) -> Option<T>
where
    E: Error + 'static,
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
        if failures >= QUIET && failures.is_power_of_two() {
            warn!(error = %chain(&error), failures, "failed to {what}; trying again");
        }
        tokio::select! {
            () = pause(rest) => {}
            () = shutdown.cancelled() => return None,
        }
        rest = (rest * 2).min(LONGEST);
    }
}

/// Sleeps.
#[expect(clippy::disallowed_methods, reason = "the one place where the syncer rests")]
pub(crate) async fn pause(duration: Duration) {
    tokio::time::sleep(duration).await;
}

/// Returns an error and its causes on one line; a message of an API appears once.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (said, last) = match refusal(error) {
            Some(status) => (format!("{} ({})", status.message, status.code), true),
            None => (error.to_string(), false),
        };
        if !text.ends_with(&said) {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{said}");
        }
        next = if last { None } else { error.source() };
    }
    text
}

/// Returns the `Status` with which an API refused something.
fn refusal<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error Status> {
    let error = error
        .downcast_ref::<kube::Error>()
        .or_else(|| error.downcast_ref::<Box<kube::Error>>().map(Box::as_ref))?;
    if let kube::Error::Api(status) = error {
        Some(status)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;

    #[test]
    fn what_an_api_says_is_said_once() {
        let status = Status {
            message: "pods is forbidden".to_owned(),
            code: 403,
            ..Status::default()
        };
        let source = Box::new(kube::Error::Api(Box::new(status)));
        let error = crate::run::Error::Host(host::Error::Asked {
            attempt: "read pods".to_owned(),
            source,
        });
        assert_eq!(chain(&error), "read pods: pods is forbidden (403)");
    }

    #[tokio::test]
    async fn a_syncer_that_is_told_to_stop_tries_no_longer() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let tried = persist("fail", &shutdown, async || Err::<(), _>(std::fmt::Error)).await;
        assert_eq!(tried, None);
    }
}
