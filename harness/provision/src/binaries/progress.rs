//! The progress of a build, and the time that it will take.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::events::{Event, Events, seconds};

/// The shortest time between two reports.
const EVERY: Duration = Duration::from_millis(250);

/// The part of a build that must be done for an estimate to be useful.
const FIRST_ESTIMATE: f64 = 0.03;

/// The kind of work on the parts of a build.
#[derive(Clone, Copy, Debug)]
pub(super) enum Verb {
    /// The parts are compiled, and then linked.
    Compiling,
    /// The parts are fetched, and then unpacked.
    Fetching,
}

/// A build whose parts are counted as they are done.
#[derive(Debug)]
pub(super) struct BuildProgress<'a> {
    stage: String,
    verb: Verb,
    events: &'a Events,
    parts: BTreeSet<String>,
    total: Option<u64>,
    started: Instant,
    reported: Option<Instant>,
}

impl<'a> BuildProgress<'a> {
    pub(super) fn new(stage: &str, verb: Verb, total: Option<u64>, events: &'a Events) -> Self {
        Self {
            stage: stage.to_owned(),
            verb,
            events,
            parts: BTreeSet::new(),
            total,
            started: Instant::now(),
            reported: None,
        }
    }

    /// Reports a step of the build before its parts are known, and counts it.
    pub(super) fn say(&mut self, what: &str) {
        self.parts.insert(what.to_owned());
        if self.is_due() {
            self.events.tell(Event::Progress {
                stage: self.stage.clone(),
                what: what.to_owned(),
                done: Some(self.parts.len() as u64),
                total: None,
                seconds_left: None,
            });
        }
    }

    /// Counts a part as done.
    pub(super) fn done(&mut self, part: &str) {
        self.parts.insert(part.to_owned());
        let done = self.parts.len() as u64;
        let is_last = self.total == Some(done);
        if !self.is_due() && !is_last {
            return;
        }
        self.events.tell(Event::Progress {
            stage: self.stage.clone(),
            what: match (self.verb, is_last) {
                (Verb::Compiling, true) => "linking".into(),
                (Verb::Compiling, false) => format!("compiled {part}"),
                (Verb::Fetching, _) => format!("fetched {part}"),
            },
            done: Some(done),
            total: self.total.map(|total| total.max(done)),
            seconds_left: self
                .total
                .and_then(|total| left(self.started.elapsed(), done, total)),
        });
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        let is_due = self.reported.is_none_or(|then| now.duration_since(then) >= EVERY);
        if is_due {
            self.reported = Some(now);
        }
        is_due
    }
}

/// Estimates the seconds to go, as if the parts to come were like those that are done.
fn left(passed: Duration, done: u64, total: u64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "a few thousand parts")]
    let (done, total) = (done as f64, total as f64);
    (done / total >= FIRST_ESTIMATE && done <= total)
        .then(|| seconds(passed.mul_f64((total - done) / done)).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_estimate_is_in_proportion_and_does_not_come_too_early() {
        assert_eq!(left(Duration::from_secs(30), 100, 400), Some(90.0));
        assert_eq!(left(Duration::from_secs(1), 1, 400), None);
        assert_eq!(left(Duration::from_secs(30), 400, 400), Some(0.0));
    }

    #[test]
    fn parts_are_counted_once_and_reports_have_their_distance() {
        let (events, mut told) = Events::channel();
        let mut progress = BuildProgress::new("binaries/tiny", Verb::Compiling, Some(3), &events);
        for part in ["one", "one", "two", "three"] {
            progress.done(part);
        }
        let mut seen = Vec::new();
        while let Ok(stamped) = told.try_recv() {
            if let Event::Progress { what, done, .. } = stamped.event {
                seen.push((what, done));
            }
        }
        assert_eq!(
            seen,
            [
                ("compiled one".to_owned(), Some(1)),
                ("linking".to_owned(), Some(3))
            ]
        );
    }
}
