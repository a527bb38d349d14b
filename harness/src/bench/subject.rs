//! The environment that is measured.

use provision::binaries::Options;

use crate::environment::{self, Attached, Up};
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::run;

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
            let left = setting.down(up).await;
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
    let made = setting.bring_up(plan, options, ledger).await;
    if let Err(error) = &made
        && !matches!(error, run::Error::Preflight(_))
    {
        setting.remove(plan, log).await;
    }
    Ok(made?)
}

fn log(error: &run::Error) {
    tracing::error!(error = error as &dyn std::error::Error, "could not remove it");
}
