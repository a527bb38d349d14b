//! The steps of a run that are about the environment.

use std::path::Path;

use provision::binaries::Options;
use provision::events::{EVIDENCE, Event, Events};
use provision::places::Places;
use tokio_util::sync::CancellationToken;

use super::Error;
use crate::environment::{self, Attached, Up};
use crate::ledger::Ledger;
use crate::plan::{Keep, Plan};
use crate::preflight;

/// The folder below that of evidence for an environment that did not come up.
const NOT_UP: &str = "environment";

/// The setting of every step.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// The places of environments and caches.
    pub places: &'a Places,
    /// The receiver of progress events.
    pub events: &'a Events,
    /// Fires when the run has to stop and to clean up.
    pub cancel: &'a CancellationToken,
}

impl Setting<'_> {
    /// Checks the machine and brings the planned environment up, which was claimed.
    pub(crate) async fn bring_up(&self, plan: &Plan, options: &Options, ledger: Ledger) -> Result<Up, Error> {
        self.preflight(plan).await?;
        self.up(plan, options, ledger).await
    }

    /// Fails if the machine lacks something for the planned environment.
    pub(crate) async fn preflight(&self, plan: &Plan) -> Result<(), Error> {
        // An environment that is up has passed this check, and uses part of the memory that the check asks for.
        if Attached::open(self.places, &plan.name).is_ok() {
            return Ok(());
        }
        let work = Box::pin(preflight::require(plan, self.places));
        Ok(self.events.stage("preflight", work).await?)
    }

    /// Brings the planned environment up, which was claimed.
    pub(super) async fn up(&self, plan: &Plan, options: &Options, ledger: Ledger) -> Result<Up, Error> {
        let up = environment::up(plan, ledger, options, self.places, self.events, self.cancel);
        // On the heap: it is large, and so would everything be that waits for it.
        Box::pin(up).await.map_err(|error| {
            if self.cancel.is_cancelled() {
                Error::Interrupted
            } else {
                error.into()
            }
        })
    }

    /// Removes an environment, and returns the objects that are left of it.
    pub(crate) async fn down(&self, up: Up) -> Result<Vec<String>, Error> {
        let left = up.down(self.places, self.events).await?;
        self.events.tell_left(&left);
        Ok(left)
    }

    /// Removes an environment that did not come up, unless it is to be kept. Before that, it copies evidence of the
    /// environment to the run's folder of reports; the returned error names the evidence.
    pub(crate) async fn clean_up(&self, plan: &Plan, error: Error, folder: &Path, warn: fn(&Error)) -> Error {
        // A run that has not begun owns nothing of what is there.
        if matches!(error, Error::Preflight(_)) {
            return error;
        }
        let evidence = folder.join(EVIDENCE).join(NOT_UP);
        let salvage = environment::salvage(plan, self.places, &evidence);
        let kept = self.cancel.run_until_cancelled(salvage).await == Some(true);
        if !self.keeps(plan.keep, true) {
            self.remove(plan, warn).await;
        }
        if kept {
            Error::Kept {
                failure: error.into(),
                evidence,
            }
        } else {
            error
        }
    }

    /// Returns true if the environment is to be kept after a run that failed or passed.
    pub(super) fn keeps(&self, keep: Keep, failed: bool) -> bool {
        match keep {
            Keep::Never => false,
            Keep::OnFailure => failed && !self.cancel.is_cancelled(),
            Keep::Always => true,
        }
    }

    /// Removes the environment after a failure. That failure is the one to report, so a second one is only given to
    /// `warn`.
    pub(crate) async fn remove(&self, plan: &Plan, warn: fn(&Error)) {
        match environment::down(&plan.name, self.places, self.events).await {
            Ok(left) => self.events.tell_left(&left),
            Err(error) => {
                self.events.tell(Event::LeftBehind {
                    what: format!("environment {}", plan.name),
                });
                warn(&error.into());
            }
        }
    }
}
