//! A run, followed to its end and reported.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tokio::task::JoinHandle;

use super::super::Context;
use crate::cli::failure::{self, explain};
use crate::cli::{Exit, Failure, output};
use crate::environment::Attached;
use crate::events::{self, Event, Events, seconds};
use crate::plan::Plan;
use crate::report::terminal::Terminal;
use crate::report::{self, Outcome, Recorded, Recorder, Summary, text};

pub(super) async fn conclude(
    context: &Context,
    reporter: Reporter,
    done: Result<(), Failure>,
) -> Result<Exit, Failure> {
    let folder = reporter.folder.clone();
    let Recorded { mut summary, failed } = reporter.finish(done.as_ref().err()).await?;
    let outcome = summary.outcome();
    if done.is_err() {
        summary.stopped_by = Some("see the error below".to_owned());
    }
    print(context, &summary, &folder)?;
    tell_failed(failed.as_ref());
    done?;
    Ok(match outcome {
        // A CI server that finds no report must not take that for a success.
        Outcome::Passed | Outcome::LeftBehind if failed.is_some() => Exit::CouldNotRun,
        outcome => outcome.into(),
    })
}

/// Prints the error in writing the reports of a run, if there was one. The run's verdict does not depend on it.
pub(in super::super) fn tell_failed(failed: Option<&report::Error>) {
    if let Some(error) = failed {
        failure::print_error(error);
    }
}

/// Prints the result of a run.
pub(in super::super) fn print(context: &Context, summary: &Summary, folder: &Path) -> Result<(), Failure> {
    if context.is_json() {
        output::text(&report::json(summary)?)
    } else {
        output::text(&text::render(summary, Some(folder)))
    }
}

/// The facts of a run that its report has.
pub(in super::super) struct Run {
    started: Event,
}

impl Run {
    pub(in super::super) fn of(plan: &Plan) -> Self {
        Self {
            started: Event::started(plan),
        }
    }

    /// Creates the reporter of a run against an environment that an earlier run brought up.
    pub(super) fn again(attached: &Attached) -> Self {
        Self {
            started: Event::RunStarted {
                run: uuid::Uuid::now_v7().to_string(),
                environment: attached.name.clone(),
                substrate: attached.substrate.to_string(),
                kubernetes: attached.kubernetes,
                virtual_cluster: attached.virtual_cluster.clone(),
                tenants: attached
                    .tenants
                    .iter()
                    .map(|tenant| tenant.name.clone())
                    .collect(),
                seed: attached.seed,
                hostname: events::hostname(),
            },
        }
    }
}

/// Follows a run and reports it.
pub(in super::super) struct Reporter {
    pub(in super::super) events: Events,
    folder: PathBuf,
    began: Instant,
    recording: JoinHandle<Result<Recorded, report::Error>>,
}

impl Reporter {
    /// Starts to report a run in `folder`, which was created for it.
    pub(in super::super) fn start(context: &Context, run: &Run, folder: PathBuf) -> Result<Self, Failure> {
        let recorder = Recorder::begin(&folder)?;
        let (events, receiver) = Events::channel();
        let terminal = Terminal::new(context.common.verbosity());
        let recording = tokio::spawn(recorder.follow(receiver, terminal));
        events.tell(run.started.clone());
        Ok(Self {
            events,
            folder,
            began: Instant::now(),
            recording,
        })
    }

    pub(in super::super) async fn finish(self, stopped_by: Option<&Failure>) -> Result<Recorded, Failure> {
        self.events.tell(Event::RunFinished {
            seconds: seconds(self.began.elapsed()),
            stopped_by: stopped_by.map(explain),
        });
        let recorded = self.recording.await.map_err(Failure::Recording)?;
        Ok(recorded?)
    }
}
