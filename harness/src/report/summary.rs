//! The result of a run.

use std::collections::HashMap;

use jiff::Timestamp;
use provision::events::{Event, ScenarioResult, Stamped, Status, Verdict, seconds};
use provision::pins::Kubernetes;
use serde::Serialize;

use crate::exit::Exit;

/// A run, summed up. Serialized, and with its verdict, it is `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The run's id.
    pub run: String,
    /// When it began.
    pub started: Timestamp,
    /// The duration in seconds.
    pub seconds: f64,
    /// The provider of the host cluster.
    pub substrate: String,
    /// The Kubernetes version.
    pub kubernetes: Kubernetes,
    /// The kind of virtual cluster.
    pub virtual_cluster: String,
    /// The tenants' names.
    pub tenants: Vec<String>,
    /// Stages and their named parts, in the order of their beginning.
    pub stages: Vec<Stage>,
    /// Scenarios, in the order of their names and tenants.
    pub scenarios: Vec<Scenario>,
    /// The numbers of scenarios by verdict.
    pub totals: Totals,
    /// The objects that are still there and should not be.
    pub left_behind: Vec<String>,
    /// The environment's name.
    pub environment: String,
    /// The seed that unique names were derived from.
    pub seed: u64,
    /// The reason why the run did not go on to its end, if it did not.
    pub stopped_by: Option<String>,
    /// The name of the machine that it ran on; none in events of before it was recorded.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub hostname: String,
}

/// A stage of a run, or a named part of one.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Its name; a part's is `stage/part`.
    pub name: String,
    /// The duration in seconds.
    pub seconds: f64,
    /// The result of the stage.
    pub status: Status,
    /// Seconds from the beginning of the run to its own.
    #[serde(skip)]
    pub begins: f64,
}

/// The result of a scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Its id.
    pub id: String,
    /// Its path in the test binary.
    pub name: String,
    /// The verdict.
    pub status: Verdict,
    /// The duration in seconds.
    pub seconds: f64,
    /// The tenant it ran in, if it ran in one.
    pub tenant: Option<String>,
    /// The path of its evidence, below the report folder.
    pub evidence: Option<String>,
    /// Its promise.
    pub promise: String,
    /// The reason why it did not pass.
    pub reason: Option<String>,
}

/// The numbers of scenarios by verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// The scenarios whose promise holds.
    pub passed: usize,
    /// The scenarios whose promise does not hold.
    pub failed: usize,
    /// The scenarios whose promise does not hold, which is known.
    pub known: usize,
    /// The scenarios that were left out.
    pub not_run: usize,
}

/// The outcome of a whole run, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// All that ran passed.
    Passed,
    /// All that ran passed, and something was left behind.
    LeftBehind,
    /// A scenario failed.
    Failed,
    /// The run did not get to its end.
    CouldNotRun,
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::LeftBehind => Self::LeftBehind,
            Outcome::Failed => Self::Failed,
            Outcome::CouldNotRun => Self::CouldNotRun,
        }
    }
}

impl Summary {
    /// Sums up the events of a run; `None` if they do not begin with one.
    #[must_use]
    pub fn of(events: &[Stamped]) -> Option<Self> {
        let (first, started) = events.iter().find_map(|stamped| match &stamped.event {
            Event::RunStarted { .. } => Some((&stamped.event, stamped.at)),
            _ => None,
        })?;
        let Event::RunStarted {
            run,
            environment,
            substrate,
            kubernetes,
            virtual_cluster,
            tenants,
            seed,
            hostname,
        } = first
        else {
            return None;
        };
        let mut summary = Self {
            run: run.clone(),
            started,
            seconds: 0.0,
            substrate: substrate.clone(),
            kubernetes: *kubernetes,
            virtual_cluster: virtual_cluster.clone(),
            tenants: tenants.clone(),
            stages: Vec::new(),
            scenarios: Vec::new(),
            totals: Totals::default(),
            left_behind: Vec::new(),
            environment: environment.clone(),
            seed: *seed,
            stopped_by: Some("the run was ended before it recorded its outcome".to_owned()),
            hostname: hostname.clone(),
        };
        let mut open = HashMap::new();
        for Stamped { at, event } in events {
            let since = since(started, *at);
            summary.seconds = since;
            summary.take(event, since, &mut open);
        }
        for index in open.into_values() {
            let stage = &mut summary.stages[index];
            stage.seconds = rounded(summary.seconds - stage.begins);
        }
        summary.stages = parts_after_their_stage(summary.stages);
        summary
            .scenarios
            .sort_by(|a, b| (&a.id, &a.name, &a.tenant).cmp(&(&b.id, &b.name, &b.tenant)));
        Some(summary)
    }

    /// Returns the outcome of the run.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.stopped_by.is_some() {
            Outcome::CouldNotRun
        } else if self.totals.failed > 0 {
            Outcome::Failed
        } else if self.left_behind.is_empty() {
            Outcome::Passed
        } else {
            Outcome::LeftBehind
        }
    }

    fn take<'e>(&mut self, event: &'e Event, since: f64, open: &mut HashMap<&'e str, usize>) {
        match event {
            Event::StageStarted { stage } => {
                open.insert(stage, self.stages.len());
                // Until it says otherwise: a stage that never ends did not do what it is for.
                self.stages.push(Stage {
                    name: stage.clone(),
                    seconds: 0.0,
                    status: Status::Failed,
                    begins: since,
                });
            }
            Event::StageFinished {
                stage,
                seconds,
                status,
            } => match open.remove(&**stage) {
                Some(index) => {
                    self.stages[index].seconds = *seconds;
                    self.stages[index].status = *status;
                }
                None => self.stages.push(Stage {
                    name: stage.clone(),
                    seconds: *seconds,
                    status: *status,
                    begins: rounded(since - seconds),
                }),
            },
            Event::ScenarioFinished(result) => self.scenario(result),
            Event::LeftBehind { what } if !self.left_behind.contains(what) => {
                self.left_behind.push(what.clone());
            }
            Event::RunFinished { seconds, stopped_by } => {
                self.seconds = *seconds;
                self.stopped_by.clone_from(stopped_by);
            }
            Event::RunStarted { .. }
            | Event::Progress { .. }
            | Event::ScenarioStarted { .. }
            | Event::LeftBehind { .. } => {}
        }
    }

    fn scenario(&mut self, result: &ScenarioResult) {
        let ScenarioResult {
            id,
            name,
            promise,
            status,
            seconds,
            tenant,
            evidence,
            reason,
        } = result.clone();
        *match status {
            Verdict::Passed => &mut self.totals.passed,
            Verdict::Failed => &mut self.totals.failed,
            Verdict::Known => &mut self.totals.known,
            Verdict::NotRun => &mut self.totals.not_run,
        } += 1;
        self.scenarios.push(Scenario {
            id,
            name,
            status,
            seconds,
            tenant,
            evidence,
            promise,
            reason,
        });
    }
}

/// Returns the stages in the order of their beginning, each followed by its parts, which may have begun before it.
fn parts_after_their_stage(stages: Vec<Stage>) -> Vec<Stage> {
    let top = |stage: &Stage| stage.name.split('/').next().unwrap_or_default().to_owned();
    let order: Vec<String> = stages
        .iter()
        .filter(|stage| !stage.name.contains('/'))
        .map(top)
        .collect();
    let mut stages = stages;
    stages.sort_by_key(|stage| {
        let place = order
            .iter()
            .position(|name| *name == top(stage))
            .unwrap_or(order.len());
        (place, stage.name.contains('/'))
    });
    stages
}

fn since(started: Timestamp, at: Timestamp) -> f64 {
    rounded(at.duration_since(started).as_secs_f64())
}

fn rounded(value: f64) -> f64 {
    seconds(std::time::Duration::from_secs_f64(value.max(0.0)))
}
