//! The events of a run, as they happen.
//!
//! Stages only emit events; `report` renders them. The same stream feeds the progress on the terminal,
//! `events.jsonl`, and every report.

use std::future::Future;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::pins::Kubernetes;

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A run began.
    RunStarted {
        /// The run's id (a UUID v7).
        run: String,
        /// The environment's name.
        environment: String,
        /// The provider of the host cluster.
        substrate: String,
        /// The Kubernetes version.
        kubernetes: Kubernetes,
        /// The kind of virtual cluster.
        virtual_cluster: String,
        /// The tenants' names.
        tenants: Vec<String>,
        /// The seed that unique names are derived from.
        seed: u64,
        /// The name of the machine that it runs on.
        #[serde(default)]
        hostname: String,
    },
    /// A stage began.
    StageStarted {
        /// The name of the stage.
        stage: String,
    },
    /// A stage made progress. It is shown as a bar on a terminal, and as a line otherwise.
    Progress {
        /// The name of the stage.
        stage: String,
        /// The current step.
        what: String,
        /// The number of parts that are done, of `total`.
        done: Option<u64>,
        /// The number of parts.
        total: Option<u64>,
        /// Estimated seconds to go.
        seconds_left: Option<f64>,
    },
    /// A stage, or a named part of one (`tenants/tenant-1`), ended.
    StageFinished {
        /// The name of the stage, or of its part.
        stage: String,
        /// The duration in seconds.
        seconds: f64,
        /// The result of the stage.
        status: Status,
    },
    /// A scenario began.
    ScenarioStarted {
        /// Its id, such as `IS-01`.
        id: String,
        /// Its path in the test binary.
        name: String,
        /// The tenant it runs in, if it runs in one.
        tenant: Option<String>,
    },
    /// A scenario ended, or was left out before the run.
    ScenarioFinished(ScenarioResult),
    /// Something is still there that should not be.
    LeftBehind {
        /// The kind and the place of the object.
        what: String,
    },
    /// The run ended.
    RunFinished {
        /// The duration in seconds.
        seconds: f64,
        /// The reason why it could not go on to its end, if it could not.
        stopped_by: Option<String>,
    },
}

/// Returns the name of this machine, for readers who get reports of several.
#[must_use]
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The result of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It succeeded.
    Ok,
    /// It failed.
    Failed,
}

/// A scenario's verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResult {
    /// Its id, such as `IS-01`.
    pub id: String,
    /// Its path in the test binary, with the part that distinguishes the case.
    pub name: String,
    /// Its promise, in a sentence.
    pub promise: String,
    /// The verdict.
    pub status: Verdict,
    /// The duration in seconds; 0 if it did not run.
    pub seconds: f64,
    /// The tenant it ran in, if it ran in one.
    pub tenant: Option<String>,
    /// The path of its evidence, below the report folder.
    pub evidence: Option<String>,
    /// The reason why it failed, is known to fail or was not run, in one paragraph.
    pub reason: Option<String>,
}

/// The folder for the evidence of scenarios that failed, below the report folder.
pub const EVIDENCE: &str = "evidence";

/// Returns the id at the beginning of a scenario's function name: `IS-01` of `is_01_…`.
#[must_use]
pub fn id_of(function: &str) -> Option<String> {
    let (area, rest) = function.split_once('_')?;
    let number = rest.split('_').next()?;
    let id = area.len() == 2
        && area.bytes().all(|byte| byte.is_ascii_lowercase())
        && number.len() == 2
        && number.bytes().all(|byte| byte.is_ascii_digit());
    id.then(|| format!("{}-{number}", area.to_uppercase()))
}

/// The verdict on a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The promise holds.
    Passed,
    /// The promise does not hold.
    Failed,
    /// The promise does not hold, which is known of this provider.
    Known,
    /// It was left out before the run, with a reason.
    NotRun,
}

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// RFC 3339, UTC.
    pub at: jiff::Timestamp,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// A sender of a run's events. It is cheap to clone and never blocks.
#[derive(Clone, Debug)]
pub struct Events(mpsc::UnboundedSender<Stamped>);

impl Events {
    /// Creates a stream of events and its reading end.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Stamped>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Creates events that nobody reads, for tests.
    #[must_use]
    pub fn ignored() -> Self {
        Self::channel().0
    }

    /// Tells that something happened. Without a reader the event is dropped.
    pub fn tell(&self, event: Event) {
        let _unread = self.0.send(Stamped {
            at: jiff::Timestamp::now(),
            event,
        });
    }

    /// Tells how far a stage is, in words.
    pub fn progress(&self, stage: &str, what: impl Into<String>) {
        self.tell(Event::Progress {
            stage: stage.to_owned(),
            what: what.into(),
            done: None,
            total: None,
            seconds_left: None,
        });
    }

    /// Tells that these objects are left, which should not be.
    pub fn tell_left(&self, left: &[String]) {
        for what in left {
            self.tell(Event::LeftBehind { what: what.clone() });
        }
    }

    /// Runs `work` as the stage `stage`, or as a part of one named `stage/part`.
    pub async fn stage<T, E>(&self, stage: &str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let started = Instant::now();
        self.tell(Event::StageStarted {
            stage: stage.to_owned(),
        });
        let result = work.await;
        self.tell(Event::StageFinished {
            stage: stage.to_owned(),
            seconds: seconds(started.elapsed()),
            status: if result.is_ok() {
                Status::Ok
            } else {
                Status::Failed
            },
        });
        result
    }
}

/// Returns seconds, rounded to the millisecond, as in reports.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::function("is_01_the_blogs_component_leaks", Some("IS-01"))]
    #[case::no_number("is_there_anybody", None)]
    #[case::module("isolation", None)]
    #[case::long("sync_01_x", None)]
    fn an_id_is_what_a_name_begins_with(#[case] function: &str, #[case] id: Option<&str>) {
        assert_eq!(id_of(function).as_deref(), id);
    }
}
