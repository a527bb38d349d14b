//! What happens in a run, as it happens.
//!
//! Stages only emit events; `report` renders them. The same stream makes the progress on the terminal,
//! `events.jsonl`, and every report.

use std::future::Future;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;

use crate::plan::{Kubernetes, Plan};

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
        /// Who provides the host cluster.
        substrate: String,
        /// Which Kubernetes.
        kubernetes: Kubernetes,
        /// What kind of virtual cluster.
        virtual_cluster: String,
        /// The tenants' names.
        tenants: Vec<String>,
        /// What unique names are derived from.
        seed: u64,
        /// The name of the machine that it runs on.
        #[serde(default)]
        hostname: String,
    },
    /// A stage began.
    StageStarted {
        /// Which.
        stage: String,
    },
    /// A stage got on: a line where there is no terminal, a bar where there is one.
    Progress {
        /// Which stage.
        stage: String,
        /// What it is at.
        what: String,
        /// How many parts are done, of `total`.
        done: Option<u64>,
        /// How many there are.
        total: Option<u64>,
        /// Estimated seconds to go.
        seconds_left: Option<f64>,
    },
    /// A stage, or a named part of one (`tenants/tenant-1`), ended.
    StageFinished {
        /// Which.
        stage: String,
        /// How long it took.
        seconds: f64,
        /// How it ended.
        status: Status,
    },
    /// A scenario began.
    ScenarioStarted {
        /// Its id, such as `IS-01`.
        id: String,
        /// Its path in the test binary.
        name: String,
        /// The tenant it runs in, where it runs in one.
        tenant: Option<String>,
    },
    /// A scenario ended, or was left out before the run.
    ScenarioFinished(ScenarioResult),
    /// Something is still there that should not be.
    LeftBehind {
        /// What and where.
        what: String,
    },
    /// The run ended.
    RunFinished {
        /// How long it took.
        seconds: f64,
        /// Why it could not go on to its end, where it could not.
        stopped_by: Option<String>,
    },
}

impl Event {
    /// Begins a run that brings the planned environment up.
    #[must_use]
    pub fn started(plan: &Plan) -> Self {
        Self::RunStarted {
            run: uuid::Uuid::now_v7().to_string(),
            environment: plan.name.clone(),
            substrate: plan.substrate.to_string(),
            kubernetes: plan.kubernetes,
            virtual_cluster: plan.virtual_cluster.to_string(),
            tenants: plan.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
            seed: plan.seed,
            hostname: hostname(),
        }
    }
}

/// The name of this machine, for whoever gets reports of several.
#[must_use]
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It did what it is for.
    Ok,
    /// It did not.
    Failed,
}

/// A scenario's verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResult {
    /// Its id, such as `IS-01`.
    pub id: String,
    /// Its path in the test binary, with what distinguishes the case.
    pub name: String,
    /// What it promises, in a sentence.
    pub promise: String,
    /// The verdict.
    pub status: Verdict,
    /// How long it ran; 0 if it did not.
    pub seconds: f64,
    /// The tenant it ran in, where it ran in one.
    pub tenant: Option<String>,
    /// Where its evidence is, below the report folder.
    pub evidence: Option<String>,
    /// Why it failed, is known to fail or was not run; one paragraph.
    pub reason: Option<String>,
}

/// What became of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What it promises holds.
    Passed,
    /// It does not.
    Failed,
    /// It does not, as is known of this provider.
    Known,
    /// It was left out before the run, with a reason.
    NotRun,
}

/// An event and when it happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// RFC 3339, UTC.
    pub at: jiff::Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// Where stages tell what happens. Cheap to clone; never blocks.
#[derive(Clone, Debug)]
pub struct Events(mpsc::UnboundedSender<Stamped>);

impl Events {
    /// A stream of events and its reading end.
    #[must_use]
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Stamped>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Events that nobody reads, for tests.
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

/// Seconds to the millisecond, as reports give them.
#[must_use]
pub fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
