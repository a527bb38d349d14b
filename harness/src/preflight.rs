//! The requirements of a plan that this machine lacks, each with its remedy.
//!
//! [`inspect`] only reads. It neither creates nor changes anything, so it can be run at any time.

use provision::docker::Docker;
use provision::places::Places;
use serde::Serialize;

use crate::environment::{self, Recipe};
use crate::plan::{Plan, Substrate};

/// The machine's memory, processors and disks.
pub mod machine;

mod docker;
mod kernel;
mod programs;
mod room;

/// One thing that a run needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The requirement.
    pub need: String,
    /// True if the requirement is met.
    pub met: bool,
    /// The state that was found.
    pub found: String,
    /// The remedy, if the requirement is not met.
    pub remedy: Option<String>,
}

impl Check {
    fn met(need: impl Into<String>, found: impl Into<String>) -> Self {
        Self {
            need: need.into(),
            met: true,
            found: found.into(),
            remedy: None,
        }
    }

    fn lacking(need: impl Into<String>, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            need: need.into(),
            met: false,
            found: found.into(),
            remedy: Some(remedy.into()),
        }
    }
}

/// Errors that prevent a run from starting.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something that it needs is not there.
    #[error("find what a run needs on this machine:{}", list(lacking))]
    Lacking {
        /// The requirements that are not met.
        lacking: Vec<Check>,
    },
}

/// Checks everything that `plan` needs, and that no other process holds its environment.
pub async fn inspect(plan: &Plan, places: &Places) -> Vec<Check> {
    let mut checks = needs(plan, places).await;
    checks.push(room::name_is_free(&plan.name, &places.environment(&plan.name)));
    checks
}

/// Looks at everything that `plan` needs.
async fn needs(plan: &Plan, places: &Places) -> Vec<Check> {
    let mut checks = match plan.substrate {
        Substrate::Native => kernel::inspect().await,
        Substrate::Kind => docker::inspect(&Docker::here()).await,
        Substrate::Existing => vec![existing(plan, places).await],
    };
    let recipe = Recipe::planned(plan).await;
    checks.extend(programs::inspect(recipe.pulls).await);
    checks.extend(room::inspect(places));
    checks
}

/// Checks that the existing cluster may be used, and has no objects of others that conflict with the run. Asks the
/// cluster.
async fn existing(plan: &Plan, places: &Places) -> Check {
    let need = "a cluster that can be used";
    let folder = places.environment(&plan.name);
    let run = environment::of_cut_off(&folder).unwrap_or_default();
    let request = environment::existing::request(plan, folder.join("host"), run);
    match environment::existing::check(&request).await {
        Ok(found) => Check::met(
            need,
            format!("context {}", found.current_context.unwrap_or_default()),
        ),
        Err(error) => {
            let remedy = error.remedy();
            let causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
            let causes: String = causes.map(|cause| format!(": {cause}")).collect();
            Check {
                remedy,
                ..Check::lacking(need, format!("failed to {error}{causes}"), "")
            }
        }
    }
}

/// Fails if something that `plan` needs is not there. Its environment is held by the run that asks.
pub async fn require(plan: &Plan, places: &Places) -> Result<(), Error> {
    all_met(needs(plan, places).await)
}

/// Fails if something that a Docker daemon needs is not there.
pub async fn require_for_docker() -> Result<(), Error> {
    all_met(kernel::inspect().await)
}

fn all_met(checks: Vec<Check>) -> Result<(), Error> {
    let lacking: Vec<Check> = checks.into_iter().filter(|check| !check.met).collect();
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(Error::Lacking { lacking })
    }
}

fn list(lacking: &[Check]) -> String {
    lacking
        .iter()
        .map(
            |Check {
                 need, found, remedy, ..
             }| {
                let remedy = remedy
                    .as_ref()
                    .map(|remedy| format!("\n      remedy: {remedy}"))
                    .unwrap_or_default();
                format!("\n    {need}: {found}{remedy}")
            },
        )
        .collect()
}

#[cfg(test)]
mod tests;
