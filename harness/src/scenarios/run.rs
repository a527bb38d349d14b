//! Running the selected scenarios: one process for each scenario and place.

use std::fs;
use std::io::{self, Read, Seek};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use futures::StreamExt;
use provision::command::Group;
use provision::events::{EVIDENCE, Event, Events, ScenarioResult, Verdict};
use provision::wait;
use tokio::process::Command;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::selection::{Planned, Selection, Surroundings};
use super::verdict::{Ended, verdict};
use super::{Binary, Error};
use crate::evidence::{self, Collector};

/// The stage that this is.
const STAGE: &str = "scenarios";

/// The file with the output of a scenario's process, in its evidence.
const OUTPUT: &str = "output.txt";

/// The number of failures whose evidence is collected at a time. More would load a cluster that perhaps fails because
/// of load.
const COLLECTORS: usize = 1;

/// The setting in which the scenarios run.
#[derive(Debug)]
pub struct Setting<'s> {
    /// The file that describes the environment to them.
    pub environment: &'s Path,
    /// The properties of that environment.
    pub surroundings: &'s Surroundings,
    /// The seed from which they derive unique names.
    pub seed: u64,
    /// The folder for the report, with the evidence below it.
    pub report_dir: &'s Path,
    /// The number of scenarios that run at a time.
    pub jobs: usize,
    /// The collector of evidence after a failure.
    pub evidence: Option<&'s Collector>,
    /// Ends all of them.
    pub cancel: &'s CancellationToken,
}

/// Runs `selection` to its end, or until it is cancelled, and reports the result of each scenario.
pub async fn run(
    binary: &Binary,
    selection: Selection,
    setting: &Setting<'_>,
    events: &Events,
) -> Result<Vec<ScenarioResult>, Error> {
    let total = selection.len();
    let Selection {
        side_by_side,
        alone,
        left_out,
    } = selection;
    let run = Run {
        binary,
        setting,
        events,
        collectors: Semaphore::new(COLLECTORS),
    };
    let mut results = Vec::new();
    for result in left_out {
        run.tell(result, &mut results, total);
    }
    // The stream holds futures that borrow `run`; cancelled ones end by themselves, and quickly.
    let mut finished = futures::stream::iter(side_by_side.into_iter().map(|planned| run.one(planned)))
        .buffer_unordered(setting.jobs.max(1));
    while let Some(result) = finished.next().await {
        run.tell(result?, &mut results, total);
    }
    drop(finished);
    for planned in alone {
        run.tell(run.one(planned).await?, &mut results, total);
    }
    Ok(results)
}

struct Run<'r> {
    binary: &'r Binary,
    setting: &'r Setting<'r>,
    events: &'r Events,
    collectors: Semaphore,
}

impl Run<'_> {
    fn tell(&self, result: ScenarioResult, results: &mut Vec<ScenarioResult>, total: usize) {
        self.events.tell(Event::ScenarioFinished(result.clone()));
        results.push(result);
        let ran = results
            .iter()
            .filter(|result| result.status != Verdict::NotRun)
            .count();
        let failed = results
            .iter()
            .filter(|result| result.status == Verdict::Failed)
            .count();
        self.events.tell(Event::Progress {
            stage: STAGE.to_owned(),
            what: if failed == 0 {
                "running".to_owned()
            } else {
                format!("running, {failed} failed")
            },
            done: u64::try_from(ran).ok(),
            total: u64::try_from(total).ok(),
            seconds_left: None,
        });
    }

    async fn one(&self, planned: Planned) -> Result<ScenarioResult, Error> {
        if self.setting.cancel.is_cancelled() {
            return Ok(interrupted(&planned, Instant::now()));
        }
        let place = format!("{}/{}", EVIDENCE, planned.folder());
        let folder = self.setting.report_dir.join(&place);
        let not_started = |source| Error::Start {
            scenario: planned.name.clone(),
            source,
        };
        self.events.tell(Event::ScenarioStarted {
            id: planned.id.clone(),
            name: planned.name.clone(),
            tenant: planned.place(),
        });
        let started = Instant::now();
        let mut output = in_memory().map_err(not_started)?;
        let ended = self.process(&planned, &output).await.map_err(not_started)?;
        let Some(ended) = ended else {
            return Ok(interrupted(&planned, started));
        };
        let took = started.elapsed();
        let output = all_of(&mut output).map_err(not_started)?;
        let (status, reason) = verdict(ended, &String::from_utf8_lossy(&output), planned.known.as_deref());
        let mut result = planned.came_to(status, took, reason);
        if status == Verdict::Failed {
            evidence::save(&folder, OUTPUT, &output);
            self.collect(&planned, &folder).await;
            // A disk that is full has none.
            result.evidence = folder.is_dir().then_some(place);
        }
        Ok(result)
    }

    /// Runs the scenario's process until it ends, is too slow or, giving nothing, is cancelled.
    async fn process(&self, planned: &Planned, output: &fs::File) -> io::Result<Option<Ended>> {
        let mut process = Group::spawn(&mut self.command(planned, output)?)?;
        let ended = tokio::select! {
            ended = wait::at_most(planned.at_most, process.wait()) => ended,
            () = self.setting.cancel.cancelled() => return Ok(None),
        };
        Ok(Some(match ended {
            Some(status) => Ended::Exited(status?),
            None => Ended::TooSlow(planned.at_most),
        }))
    }

    fn command(&self, planned: &Planned, output: &fs::File) -> io::Result<Command> {
        // It ends with this process even if that is killed, and must not act on an environment that `down` removes.
        let mut command = Command::new("setpriv");
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.binary.path())
            .args(["--exact", &planned.name, "--nocapture"])
            .env("HARNESS_ENVIRONMENT", self.setting.environment)
            .env("HARNESS_SEED", self.setting.seed.to_string())
            // Errors would carry a backtrace of a program without symbols.
            .env("RUST_LIB_BACKTRACE", "0")
            .env_remove("HARNESS_TENANT")
            .env_remove("HARNESS_OTHER_TENANT")
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output.try_clone()?);
        if let Some(tenant) = &planned.tenant {
            command.env("HARNESS_TENANT", tenant);
        }
        if let Some(other) = &planned.other {
            command.env("HARNESS_OTHER_TENANT", other);
        }
        Ok(command)
    }

    async fn collect(&self, planned: &Planned, folder: &Path) {
        let Some(evidence) = self.setting.evidence else {
            return;
        };
        let Ok(_turn) = self.collectors.acquire().await else {
            return;
        };
        let concerned: Vec<&str> = match &planned.tenant {
            Some(tenant) => std::iter::once(tenant)
                .chain(&planned.other)
                .map(String::as_str)
                .collect(),
            None => self
                .setting
                .surroundings
                .tenants
                .iter()
                .map(String::as_str)
                .collect(),
        };
        evidence.collect(&concerned, folder).await;
    }
}

/// Creates a file in memory for the output of a scenario. On a full disk, the scenario would fail because of its output and
/// not because of its promise.
fn in_memory() -> io::Result<fs::File> {
    let file = rustix::fs::memfd_create("scenario", rustix::fs::MemfdFlags::CLOEXEC)?;
    Ok(file.into())
}

fn all_of(file: &mut fs::File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut content)?;
    Ok(content)
}

fn interrupted(planned: &Planned, started: Instant) -> ScenarioResult {
    planned.came_to(
        Verdict::NotRun,
        started.elapsed(),
        Some("the run was interrupted".to_owned()),
    )
}

/// Returns the file that a scenario's process wrote to, in its evidence folder.
#[must_use]
pub fn output_in(folder: &Path) -> PathBuf {
    folder.join(OUTPUT)
}
