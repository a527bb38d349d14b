//! Pauses of the engine: exponential backoff.

use std::time::{Duration, Instant};

/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Sleeps until `deadline`; without one, for ever.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that may: queues rest here between retries"
)]
pub(crate) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.saturating_duration_since(Instant::now())).await,
        None => std::future::pending().await,
    }
}

/// Returns the pause after a number of failures in a row: it doubles from 50 ms to 30 s. A quarter of it is random, so that keys
/// that failed together are not retried together.
pub(crate) fn pause_after(failures: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures.saturating_sub(1).min(16));
    let full = doubled.min(LONGEST_PAUSE);
    full.mul_f64(0.75 + 0.25 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_from_50_ms_to_30_s() {
        for (failures, longest) in [(1, 50), (2, 100), (5, 800), (11, 30_000), (4_000, 30_000)] {
            let pause = pause_after(failures).as_millis();
            assert!(
                (longest * 3 / 4..=longest).contains(&pause),
                "{failures}: {pause} ms"
            );
        }
    }
}
