//! Many durations in four numbers.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// The significant digits that are kept. A thousandth of a duration is less than the variation on a loaded machine.
const DIGITS: u8 = 3;

/// The longest duration that is recorded exactly, in microseconds: an hour.
const LONGEST: u64 = 3_600_000_000;

/// The distribution of durations, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Latency {
    /// Half of them are no longer.
    pub p50: f64,
    /// Nine of ten are no longer.
    pub p90: f64,
    /// 99 of 100 are no longer.
    pub p99: f64,
    /// The longest.
    pub max: f64,
}

impl Latency {
    /// Returns the distribution of `durations`; all zero if there are none.
    #[must_use]
    pub fn of(durations: impl IntoIterator<Item = Duration>) -> Self {
        let mut histogram = Histogram::<u64>::new_with_bounds(1, LONGEST, DIGITS)
            .expect("the bounds are more than a factor of 2 apart, and 0 to 5 digits can be kept");
        for duration in durations {
            // Longer than the longest counts as that.
            histogram.saturating_record(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX));
        }
        let at = |percentile| milliseconds(histogram.value_at_percentile(percentile));
        Self {
            p50: at(50.0),
            p90: at(90.0),
            p99: at(99.0),
            max: at(100.0),
        }
    }
}

/// Converts to milliseconds, rounded to a hundredth.
fn milliseconds(microseconds: u64) -> f64 {
    (Duration::from_micros(microseconds).as_secs_f64() * 100_000.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_what_was_seen() {
        let latency = Latency::of((1..=100).rev().map(Duration::from_millis));
        let expected = Latency {
            p50: 50.0,
            p90: 90.0,
            p99: 99.0,
            max: 100.0,
        };
        let close = |a: f64, b: f64| (a - b).abs() <= b / 1000.0;
        assert!(
            close(latency.p50, expected.p50)
                && close(latency.p90, expected.p90)
                && close(latency.p99, expected.p99)
                && close(latency.max, expected.max),
            "{latency:?}"
        );
    }

    #[test]
    fn one_duration_is_all_of_them() {
        let latency = Latency::of([Duration::from_micros(1230)]);
        let all = [latency.p50, latency.p90, latency.p99, latency.max];
        assert!(all.iter().all(|&it| (it - 1.23).abs() < 0.005), "{latency:?}");
    }

    #[test]
    fn nothing_took_no_time() {
        assert_eq!(Latency::of([]), Latency::default());
    }
}
