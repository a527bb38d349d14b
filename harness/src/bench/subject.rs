//! The environment that is measured.

use crate::components::Options;
use crate::environment::{self, Attached, Up};
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::preflight;

use super::{Error, Measured, Setting};

/// The environment to measure.
#[derive(Clone, Debug)]
pub enum Source {
    /// An environment that is up, and stays.
    Found(Box<Attached>),
    /// An environment that the caller has just brought up, and holds.
    Held(Box<Attached>),
    /// One of the benchmark's own, to be brought up and removed.
    Own(Box<Plan>, Options),
}

impl Source {
    /// Returns the environment's name.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Found(attached) | Self::Held(attached) => &attached.name,
            Self::Own(plan, _) => &plan.name,
        }
    }

    /// Returns the names of its tenants.
    #[must_use]
    pub fn tenants(&self) -> Vec<String> {
        match self {
            Self::Found(attached) | Self::Held(attached) => attached
                .tenants
                .iter()
                .map(|tenant| tenant.name.clone())
                .collect(),
            Self::Own(plan, _) => plan.tenants.iter().map(|tenant| tenant.name.clone()).collect(),
        }
    }
}

/// Lets `work` measure the environment, which nobody else changes in that time. Then removes it if it is the
/// benchmark's own.
pub async fn with<T>(
    source: &Source,
    setting: &Setting<'_>,
    work: impl AsyncFnOnce(&Attached) -> Result<Measured<T>, Error>,
) -> Result<Measured<T>, Error> {
    match source {
        Source::Found(attached) => {
            let folder = setting.places.environment(&attached.name);
            let _held = Ledger::take(&folder, "bench")?;
            work(attached).await
        }
        Source::Held(attached) => work(attached).await,
        Source::Own(plan, options) => {
            let up = bring_up(plan, options, setting).await?;
            let measured = work(&up.attached).await;
            let left = take_down(up, setting).await;
            let mut measured = measured?;
            measured.left_behind.extend(left?);
            Ok(measured)
        }
    }
}

/// Brings an environment up. If it does not come up as a whole, its parts are removed.
pub(super) async fn bring_up(plan: &Plan, options: &Options, setting: &Setting<'_>) -> Result<Up, Error> {
    if setting.places.environment(&plan.name).exists() {
        return Err(Error::There {
            name: plan.name.clone(),
        });
    }
    let ledger = environment::claim(plan, setting.places, "bench")?;
    check(plan, setting).await?;
    let up = environment::up(
        plan,
        ledger,
        options,
        setting.places,
        setting.events,
        setting.cancel,
    );
    // On the heap: it is large, and so would everything be that waits for it.
    match Box::pin(up).await {
        Ok(up) => Ok(up),
        Err(error) => {
            tidy(plan, setting).await;
            Err(if setting.cancel.is_cancelled() {
                Error::Interrupted
            } else {
                error.into()
            })
        }
    }
}

/// Fails if the machine lacks something for an environment.
pub(super) async fn check(plan: &Plan, setting: &Setting<'_>) -> Result<(), Error> {
    let work = Box::pin(preflight::require(plan, setting.places));
    Ok(setting.events.stage("preflight", work).await?)
}

/// Removes an environment of the benchmark's own, and returns the objects that are left of it.
pub(super) async fn take_down(up: Up, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
    let left = up.down(setting.places, setting.events).await?;
    setting.events.tell_left(&left);
    Ok(left)
}

/// Tidies up after a failure. That failure is the one to report, so a second one is only logged.
async fn tidy(plan: &Plan, setting: &Setting<'_>) {
    let removed = environment::down(&plan.name, setting.places, setting.events).await;
    setting.events.tell_left(&removed.unwrap_or_else(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "could not remove it");
        vec![format!("environment {}", plan.name)]
    }));
}
