//! A run, followed to its end and reported.

use std::path::PathBuf;
use std::time::Instant;

use provision::events::{Event, Events, hostname, seconds};
use tokio::task::JoinHandle;

use super::Error;
use crate::environment::Attached;
use crate::plan::Plan;
use crate::report::terminal::{Terminal, Verbosity};
use crate::report::{self, Recorded, Recorder};

/// The part of a run's output that is not in its report.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// The amount of progress on the terminal.
    pub verbosity: Verbosity,
    /// Prints an error that does not end the run.
    pub warn: fn(&Error),
}

/// A run that got to its end or was stopped, and was reported.
#[derive(Debug)]
pub struct Ended<T> {
    /// The run's folder of reports.
    pub folder: PathBuf,
    /// The events of the run, summed up.
    pub recorded: Recorded,
    /// The result of the run.
    pub result: Result<T, Error>,
}

/// Follows a run and reports it.
#[derive(Debug)]
pub struct Reporter {
    /// The receiver of the run's events.
    pub events: Events,
    folder: PathBuf,
    began: Instant,
    recording: JoinHandle<Result<Recorded, report::Error>>,
}

impl Reporter {
    /// Starts to report a run in `folder`, which was created for it.
    pub fn start(started: Event, folder: PathBuf, console: Console) -> Result<Self, Error> {
        let recorder = Recorder::begin(&folder)?;
        let (events, receiver) = Events::channel();
        let recording = tokio::spawn(recorder.follow(receiver, Terminal::new(console.verbosity)));
        events.tell(started);
        Ok(Self {
            events,
            folder,
            began: Instant::now(),
            recording,
        })
    }

    /// Reports a run with this result.
    pub(super) async fn report<T>(self, result: Result<T, Error>) -> Result<Ended<T>, Error> {
        let folder = self.folder.clone();
        let recorded = self.finish(result.as_ref().err().map(Error::explain)).await?;
        Ok(Ended {
            folder,
            recorded,
            result,
        })
    }

    /// Reports a run that got to its end, or was stopped for a reason.
    pub(crate) async fn finish(self, stopped_by: Option<String>) -> Result<Recorded, Error> {
        self.events.tell(Event::RunFinished {
            seconds: seconds(self.began.elapsed()),
            stopped_by,
        });
        let recorded = self.recording.await.map_err(Error::Recording)?;
        Ok(recorded?)
    }
}

/// Returns the first event of a run that brings the planned environment up.
#[must_use]
pub fn started(plan: &Plan) -> Event {
    Event::RunStarted {
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

/// Returns the first event of a run against an environment that an earlier run brought up.
pub(super) fn started_again(attached: &Attached) -> Event {
    Event::RunStarted {
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
        hostname: hostname(),
    }
}
