//! The runs of an environment, each from the request to the report.
//!
//! [`e2e`] is a whole one, in its order: preflight, up beside the compilation of the scenarios, scenarios, down, report.
//! [`up`] and [`test()`] are its two halves.

use std::path::PathBuf;

use provision::binaries::Options;
use provision::places::Places;
use tokio_util::sync::CancellationToken;

use crate::environment::{self, Attached, Up};
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::report::folder::{self, CONTENT};
use crate::scenarios::selection;

pub use error::Error;
pub use reporter::{Console, Ended, Reporter, started};
pub use scenarios::{Scope, client};
pub use steps::Setting;

mod error;

/// A run, followed to its end and reported.
mod reporter;

/// The steps of a run that are about the environment.
mod steps;

/// The steps of a run that are about the scenarios.
mod scenarios;

/// Brings an environment up, runs the scenarios, and removes it.
pub async fn e2e(
    plan: &Plan,
    options: &Options,
    places: &Places,
    console: Console,
    cancel: &CancellationToken,
) -> Result<Ended<()>, Error> {
    selection::require_match(plan.filter.as_deref())?;
    let ledger = environment::claim(plan, places, "e2e")?;
    require_down(plan, places)?;
    let folder = folder::make(&plan.report_dir, "e2e", &CONTENT)?;
    let scope = Scope {
        filter: plan.filter.clone(),
        jobs: plan.jobs,
        folder: folder.clone(),
    };
    let reporter = Reporter::start(started(plan), folder, console)?;
    let run = Setting {
        places,
        events: &reporter.events,
        cancel,
    };
    let done = async {
        run.find_filtered(plan).await?;
        // Side by side: compiling needs the processors, bringing up mostly waits.
        let made = tokio::try_join!(
            async {
                run.preflight(plan).await?;
                run.up(plan, options, ledger).await
            },
            run.compile(),
        );
        let (up, binary) = match made {
            Ok(made) => made,
            Err(error) => return Err(run.clean_up(plan, error, &scope.folder, console.warn).await),
        };
        let tested = run.scenarios(&up.attached, &binary, &scope).await;
        let failed = !matches!(tested, Ok(0));
        if !run.keeps(plan.keep, failed) {
            run.down(up).await?;
        }
        tested.map(drop)
    };
    let done = done.await;
    reporter.report(done).await
}

/// Brings an environment up and leaves it.
pub async fn up(
    plan: &Plan,
    options: &Options,
    places: &Places,
    console: Console,
    cancel: &CancellationToken,
) -> Result<Ended<Up>, Error> {
    let ledger = environment::claim(plan, places, "up")?;
    let folder = folder::make(&plan.report_dir, "up", &CONTENT)?;
    let was_up = Attached::open(places, &plan.name).is_ok();
    let reporter = Reporter::start(started(plan), folder.clone(), console)?;
    let run = Setting {
        places,
        events: &reporter.events,
        cancel,
    };
    let mut done = run.bring_up(plan, options, ledger).await;
    if !was_up && let Err(error) = done {
        done = Err(run.clean_up(plan, error, &folder, console.warn).await);
    }
    reporter.report(done).await
}

/// The request for scenarios against an environment that is up.
#[derive(Clone, Debug)]
pub struct Test {
    /// The environment's name.
    pub name: String,
    /// The scenarios to run; all of them if there is none.
    pub filter: Option<String>,
    /// The number of scenarios that run at a time.
    pub jobs: usize,
    /// The report folder; the environment's if there is none.
    pub report_dir: Option<PathBuf>,
}

/// Runs scenarios against an environment that is up.
pub async fn test(
    wanted: Test,
    places: &Places,
    console: Console,
    cancel: &CancellationToken,
) -> Result<Ended<()>, Error> {
    let Test {
        name,
        filter,
        jobs,
        report_dir,
    } = wanted;
    selection::require_match(filter.as_deref())?;
    Attached::open(places, &name)?;
    let _held = Ledger::take(&places.environment(&name), "test")?;
    // Whoever held it until now may have removed it.
    let attached = Attached::open(places, &name)?;
    let base = report_dir.as_ref().unwrap_or(&attached.report_dir);
    let folder = folder::make(base, "test", &CONTENT)?;
    let scope = Scope {
        filter,
        jobs,
        folder: folder.clone(),
    };
    let reporter = Reporter::start(reporter::started_again(&attached), folder, console)?;
    let run = Setting {
        places,
        events: &reporter.events,
        cancel,
    };
    let done = async {
        let binary = run.compile().await?;
        run.scenarios(&attached, &binary, &scope).await.map(drop)
    };
    let done = done.await;
    reporter.report(done).await
}

/// Fails if the environment is up, for a run that begins with nothing and leaves nothing.
pub(crate) fn require_down(plan: &Plan, places: &Places) -> Result<(), Error> {
    match Attached::open(places, &plan.name) {
        Ok(_) => Err(Error::AlreadyUp {
            name: plan.name.clone(),
        }),
        Err(_) => Ok(()),
    }
}
