//! Waiting for a state, with a deadline and the last state that was seen.

use std::fmt::{Debug, Display};
use std::future::Future;
use std::time::{Duration, Instant};

/// The result of one look at the state.
#[derive(Debug)]
pub enum Seen<T> {
    /// The state is there.
    Ready(T),
    /// It is not. The text describes the state that is there instead, and becomes part of the error of a wait that
    /// timed out.
    NotYet(String),
}

impl<T> Seen<T> {
    /// Creates a result for a state that is not there yet, because of `status`.
    pub fn not_yet(status: impl Into<String>) -> Self {
        Self::NotYet(status.into())
    }
}

/// The time limit of a wait, and the rest between two looks.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The wait fails once this much time has passed.
    pub at_most: Duration,
    /// The rest between the end of a look and the next one.
    pub every: Duration,
}

impl Budget {
    /// Waits for up to `seconds`, looking ten times a second.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self {
            at_most: Duration::from_secs(seconds),
            every: Duration::from_millis(100),
        }
    }
}

/// Errors of a wait.
#[derive(Debug, thiserror::Error)]
pub enum Error<E: Debug + Display> {
    /// Time ran out.
    #[error("waited {:.1}s for {what}; last seen: {last}", waited.as_secs_f64())]
    TimedOut {
        /// The state that did not come.
        what: String,
        /// The time that was waited.
        waited: Duration,
        /// The result of the last look that returned.
        last: String,
    },
    /// A look found that waiting longer is of no use.
    #[error("stopped waiting for {what}")]
    Failed {
        /// The state that did not come.
        what: String,
        /// The reason why it will not come.
        source: E,
    },
}

/// Looks until the state is there, a look fails, or the budget is spent.
///
/// A look that hangs is cut off at the deadline; a look that is ready at once still counts against it.
pub async fn until<T, E, Fut>(
    what: impl Display,
    budget: Budget,
    mut look: impl FnMut() -> Fut,
) -> Result<T, Error<E>>
where
    E: Debug + Display,
    Fut: Future<Output = Result<Seen<T>, E>>,
{
    let started = Instant::now();
    let mut last = "nothing yet: the first check did not return".to_owned();
    loop {
        let left = budget.at_most.saturating_sub(started.elapsed());
        match at_most(left, look()).await {
            Some(Ok(Seen::Ready(value))) => return Ok(value),
            Some(Ok(Seen::NotYet(status))) => last = status,
            Some(Err(source)) => {
                return Err(Error::Failed {
                    what: what.to_string(),
                    source,
                });
            }
            None => {}
        }
        if started.elapsed() >= budget.at_most {
            return Err(Error::TimedOut {
                what: what.to_string(),
                waited: started.elapsed(),
                last,
            });
        }
        rest(budget.every.min(budget.at_most.saturating_sub(started.elapsed()))).await;
    }
}

/// Runs `work` for up to `limit`; `None` if it did not end by then.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may: the Result is flattened here"
)]
pub async fn at_most<T>(limit: Duration, work: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, work).await.ok()
}

/// Lets `pause` pass between two looks.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may: every wait ends up here"
)]
pub async fn rest(pause: Duration) {
    tokio::time::sleep(pause).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const SHORT: Budget = Budget {
        at_most: Duration::from_millis(50),
        every: Duration::from_millis(5),
    };

    #[tokio::test]
    async fn a_state_that_comes_is_returned() {
        let looks = AtomicU32::new(0);
        let seen = until("the third look", SHORT, || async {
            let look = looks.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(if look < 2 {
                Seen::not_yet("early")
            } else {
                Seen::Ready(look)
            })
        })
        .await;
        assert_eq!(seen.expect("it comes at the third look"), 2);
    }

    #[tokio::test]
    async fn a_wait_that_runs_out_says_what_it_saw_last() {
        let error = until::<(), Infallible, _>("redis in tenant-2", SHORT, || async {
            Ok(Seen::not_yet("0 of 1 replicas ready"))
        })
        .await
        .expect_err("it never comes");
        let text = error.to_string();
        assert!(
            text.ends_with("for redis in tenant-2; last seen: 0 of 1 replicas ready"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn a_look_that_hangs_does_not_hang_the_wait() {
        let error = until::<(), Infallible, _>("an answer", SHORT, std::future::pending)
            .await
            .expect_err("nothing answers");
        assert!(error.to_string().ends_with("the first check did not return"));
    }
}
