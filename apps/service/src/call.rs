//! The time limit of a request, and everything that waits.

use std::future::Future;
use std::time::{Duration, Instant};

use crate::sidecar::Error;
use crate::trace::Trace;

/// A request on its way through the app: its remaining time, and the trace that it belongs to.
#[derive(Clone, Debug)]
pub struct Call {
    deadline: Instant,
    /// The trace headers that every call to the sidecar has.
    pub trace: Trace,
}

impl Call {
    /// Creates a call that has `limit` from now on.
    #[must_use]
    pub fn within(limit: Duration, trace: Trace) -> Self {
        Self {
            deadline: Instant::now() + limit,
            trace,
        }
    }

    /// Waits for `work`, but no longer than the call has.
    ///
    /// # Errors
    /// [`Error::Slow`] when its time is up.
    pub async fn wait<T>(&self, work: impl Future<Output = T>) -> Result<T, Error> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        at_most(left, work).await.ok_or(Error::Slow)
    }

    /// Rests for a random part of `longest`, so that writers who met once do not meet again.
    ///
    /// # Errors
    /// [`Error::Slow`] when the call's time is up before.
    pub async fn rest(&self, longest: Duration) -> Result<(), Error> {
        self.wait(pause(longest.mul_f64(fastrand::f64()))).await
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

/// Lets `time` pass.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may: pauses are bounded by Call::wait"
)]
async fn pause(time: Duration) {
    tokio::time::sleep(time).await;
}
