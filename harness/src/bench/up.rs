//! The time that the stages of bringing an environment up take.
//!
//! Brings an environment of its own up and removes it, a few times. The programs and images are built before the
//! first time, so every run finds them in the cache, as all but the first `up` of a machine do.

use std::time::Instant;

use provision::binaries::Options;
use provision::events::{Events, Stamped, seconds};
use serde::Serialize;
use tokio::task::JoinHandle;

use super::spread::Spread;
use super::{Error, Measured, Setting, subject};
use crate::environment::{self, Recipe};
use crate::plan::Plan;
use crate::report::Summary;
use crate::run;

/// The times of bringing an environment up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// The number of tenants that the environment had.
    pub tenants: usize,
    /// The number of times that it was brought up.
    pub runs: usize,
    /// From the beginning of a run, its checks of the machine included, until the apps of all tenants were ready.
    pub ready_seconds: Spread,
    /// The stages and their parts, by the names that `report.json` has, in the order of their beginning.
    pub stages: Vec<Stage>,
}

/// The times of one stage.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Stage {
    /// Its name; a part's is `stage/part`.
    pub name: String,
    /// Seconds over all runs.
    #[serde(flatten)]
    pub spread: Spread,
    /// Seconds of each run.
    pub seconds: Vec<f64>,
}

/// One run's figures.
#[derive(Clone, Debug, PartialEq)]
struct Run {
    ready: f64,
    stages: Vec<(String, f64)>,
}

/// Brings the planned environment up and removes it, `runs` times.
pub async fn measure(
    plan: &Plan,
    options: &Options,
    runs: usize,
    setting: &Setting<'_>,
) -> Result<Measured<Figures>, Error> {
    if setting.places.environment(&plan.name).exists() {
        return Err(Error::There {
            name: plan.name.clone(),
        });
    }
    setting.preflight(plan).await?;
    let recipe = Recipe::planned(plan).await;
    let prepared = Box::pin(environment::prepare(
        &recipe,
        options,
        setting.places,
        setting.events,
    ));
    let prepared = setting.cancel.run_until_cancelled(prepared).await;
    prepared.ok_or(Error::Interrupted)??;

    let mut done = Vec::new();
    let mut left_behind = Vec::new();
    for _ in 0..runs {
        if setting.cancel.is_cancelled() {
            return Err(Error::Interrupted);
        }
        let (run, left) = once(plan, options, setting).await?;
        done.push(run);
        left_behind.extend(left);
    }
    let figures = sum_up(plan.tenants.len(), &done).ok_or(Error::Interrupted)?;
    Ok(Measured { figures, left_behind })
}

async fn once(plan: &Plan, options: &Options, setting: &Setting<'_>) -> Result<(Run, Vec<String>), Error> {
    let (events, heard) = overheard(setting.events.clone());
    events.tell(run::started(plan));
    let own = Setting {
        events: &events,
        ..*setting
    };
    let began = Instant::now();
    let up = subject::bring_up(plan, options, &own).await?;
    let ready = seconds(began.elapsed());
    let left = own.down(up).await?;
    drop(events);
    let heard = heard.await.map_err(Error::Ended)?;
    let stages = Summary::of(&heard)
        .map(|summary| summary.stages)
        .unwrap_or_default();
    let run = Run {
        ready,
        stages: stages
            .into_iter()
            .map(|stage| (stage.name, stage.seconds))
            .collect(),
    };
    Ok((run, left))
}

/// Returns events that are forwarded to `outer`, and a task that returns all of them once the last sender is dropped.
fn overheard(outer: Events) -> (Events, JoinHandle<Vec<Stamped>>) {
    let (events, mut receiver) = Events::channel();
    let listening = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(stamped) = receiver.recv().await {
            outer.tell(stamped.event.clone());
            heard.push(stamped);
        }
        heard
    });
    (events, listening)
}

/// Sums up the runs. Returns `None` if there are none.
fn sum_up(tenants: usize, runs: &[Run]) -> Option<Figures> {
    let mut stages: Vec<(&str, Vec<f64>)> = Vec::new();
    for (name, took) in runs.iter().flat_map(|run| &run.stages) {
        match stages.iter_mut().find(|(known, _)| known == name) {
            Some((_, seconds)) => seconds.push(*took),
            None => stages.push((name, vec![*took])),
        }
    }
    let ready: Vec<f64> = runs.iter().map(|run| run.ready).collect();
    Some(Figures {
        tenants,
        runs: runs.len(),
        ready_seconds: Spread::of(&ready)?,
        stages: stages
            .into_iter()
            .filter_map(|(name, seconds)| {
                Some(Stage {
                    name: name.to_owned(),
                    spread: Spread::of(&seconds)?,
                    seconds,
                })
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(ready: f64, stages: &[(&str, f64)]) -> Run {
        Run {
            ready,
            stages: stages
                .iter()
                .map(|&(name, took)| (name.to_owned(), took))
                .collect(),
        }
    }

    #[test]
    fn a_stage_is_spread_over_the_runs_that_had_it() {
        let runs = [
            run(10.0, &[("substrate", 8.0), ("tenants", 2.0)]),
            run(14.0, &[("substrate", 11.0), ("tenants", 3.0), ("down", 1.0)]),
        ];
        let figures = sum_up(3, &runs).unwrap();
        let stages: Vec<_> = figures
            .stages
            .iter()
            .map(|stage| (stage.name.as_str(), stage.spread.median, stage.seconds.len()))
            .collect();
        assert_eq!(
            stages,
            [("substrate", 9.5, 2), ("tenants", 2.5, 2), ("down", 1.0, 1)]
        );
        assert_eq!(
            figures.ready_seconds,
            Spread {
                min: 10.0,
                median: 12.0,
                max: 14.0
            }
        );
    }

    #[tokio::test]
    async fn recorded_events_still_reach_their_receiver() {
        let (outer, mut receiver) = Events::channel();
        let (events, heard) = overheard(outer);
        events.progress("substrate", "node ready");
        drop(events);
        let heard = heard.await.unwrap();
        let told = receiver.recv().await.unwrap();
        assert_eq!(
            heard.iter().map(|it| &it.event).collect::<Vec<_>>(),
            [&told.event]
        );
    }
}
