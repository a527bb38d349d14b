//! Waiting for an expected state.

use std::convert::Infallible;
use std::fmt::Display;
use std::time::Duration;

use provision::wait::{self, Budget, Seen};

/// The time limit for changes that take milliseconds when all is well. A machine with both cores busy was seen to
/// take ten seconds.
pub const SOON: Budget = Budget {
    at_most: Duration::from_secs(30),
    every: Duration::from_millis(50),
};

/// The time limit for changes that need a pod to start, or a container to restart after a back-off.
pub const LATER: Budget = Budget {
    at_most: Duration::from_secs(150),
    every: Duration::from_millis(200),
};

/// Calls `look` until it returns the expected state, and returns this state.
///
/// `look` returns `Ok(Ok(value))`, `Ok(Err(the state that it saw instead))`, or an error. An error means that the state
/// is not reached yet, because any request may fail while programs start or restart. If the time runs out, the error
/// contains the last state that was seen.
pub async fn eventually<T, Fut>(
    what: impl Display,
    budget: Budget,
    mut look: impl FnMut() -> Fut,
) -> anyhow::Result<T>
where
    Fut: Future<Output = anyhow::Result<Result<T, String>>>,
{
    let found = wait::until(what, budget, || {
        let looking = look();
        async {
            Ok::<_, Infallible>(match looking.await {
                Ok(Ok(value)) => Seen::Ready(value),
                Ok(Err(instead)) => Seen::NotYet(instead),
                Err(error) => Seen::NotYet(format!("{error:#}")),
            })
        }
    })
    .await?;
    Ok(found)
}

/// Calls `look` until it returns exactly `expected`.
pub async fn becomes<T, Fut>(
    what: impl Display,
    budget: Budget,
    expected: T,
    mut look: impl FnMut() -> Fut,
) -> Result<(), anyhow::Error>
where
    T: PartialEq + std::fmt::Debug,
    Fut: Future<Output = anyhow::Result<T>>,
{
    let expected = &expected;
    eventually(what, budget, || {
        let looking = look();
        async move {
            let found = looking.await?;
            Ok(if found == *expected {
                Ok(())
            } else {
                Err(format!("{found:?} instead of {expected:?}"))
            })
        }
    })
    .await
}
