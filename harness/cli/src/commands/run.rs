//! `up`, `test`, `e2e` and `down`: the commands that change an environment.

use std::path::Path;

use harness::environment::{self, Attached, Up};
use harness::plan::{self, DEFAULT_ENVIRONMENT, Plan};
use harness::preflight;
use harness::report::{self, Outcome, Recorded, Summary, text};
use harness::run::{self, Ended};

use super::Context;
use crate::arguments::{self, E2e, Scenarios, Test};
use crate::{Exit, Failure, failure, interrupt, output};

/// Brings an environment up and leaves it.
pub(super) async fn up(context: &Context, wanted: &arguments::Up) -> Result<Exit, Failure> {
    let arguments::Up { until, wanted } = wanted;
    let plan = Plan {
        until: *until,
        ..context.plan(wanted, None).await?
    };
    let options = wanted.basis.binaries.options();
    let cancel = interrupt::listen(&plan.name)?;
    let ended = run::up(&plan, &options, &context.places, context.console(), &cancel).await?;
    let Ended {
        recorded: Recorded { summary, failed },
        result,
        ..
    } = ended;
    let Up { attached, .. } = result.inspect_err(|_| tell_failed(failed.as_ref()))?;
    if context.is_json() {
        output::json(&attached)?;
    } else {
        output::text(&text::stages_only(&summary))?;
        output::text(&how_to_use(&attached))?;
    }
    failed.map_or(Ok(Exit::Passed), |error| Err(error.into()))
}

fn how_to_use(attached: &Attached) -> String {
    let name = match attached.name.as_str() {
        DEFAULT_ENVIRONMENT => String::new(),
        name => format!(" --name {name}"),
    };
    let mut text = format!("Environment {} is up. To use it:\n", attached.name);
    text += &format!(
        "  kubectl --kubeconfig {} get pods -A\n",
        attached.kubeconfig.display()
    );
    for tenant in &attached.tenants {
        text += &format!(
            "  kubectl --kubeconfig {} get pods -A\n",
            tenant.kubeconfig.display()
        );
    }
    text += &format!("  cargo harness test{name}\n  cargo harness down{name}\n");
    text
}

/// Runs scenarios against an environment that is up.
pub(super) async fn test(context: &Context, wanted: &Test) -> Result<Exit, Failure> {
    let Scenarios { filter, jobs } = wanted.scenarios.clone();
    let report_dir = match wanted.report.report_dir {
        Some(_) => Some(context.report_dir(&wanted.report)?),
        None => None,
    };
    let request = run::Test {
        name: context.name().to_owned(),
        filter,
        jobs: plan::jobs(jobs, preflight::machine::here())?,
        report_dir,
    };
    let cancel = interrupt::listen(context.name())?;
    let ended = run::test(request, &context.places, context.console(), &cancel).await?;
    conclude(context, ended)
}

/// Brings an environment up, runs the scenarios, and removes it.
pub(super) async fn e2e(context: &Context, wanted: &E2e) -> Result<Exit, Failure> {
    let plan = context.plan(&wanted.wanted, Some(&wanted.scenarios)).await?;
    let options = wanted.wanted.basis.binaries.options();
    let cancel = interrupt::listen(&plan.name)?;
    let ended = run::e2e(&plan, &options, &context.places, context.console(), &cancel).await?;
    conclude(context, ended)
}

/// Prints the result of a run, and returns its exit code.
fn conclude(context: &Context, ended: Ended<()>) -> Result<Exit, Failure> {
    let Ended {
        folder,
        recorded: Recorded { mut summary, failed },
        result,
    } = ended;
    let outcome = summary.outcome();
    if result.is_err() {
        summary.stopped_by = Some("see the error below".to_owned());
    }
    print(context, &summary, &folder)?;
    tell_failed(failed.as_ref());
    result?;
    Ok(match outcome {
        // A CI server that finds no report must not take that for a success.
        Outcome::Passed | Outcome::LeftBehind if failed.is_some() => Exit::CouldNotRun,
        outcome => outcome.into(),
    })
}

/// Prints the error in writing the reports of a run, if there was one. The run's verdict does not depend on it.
fn tell_failed(failed: Option<&report::Error>) {
    if let Some(error) = failed {
        failure::print_error(error);
    }
}

/// Prints the summary of a run.
pub(super) fn print(context: &Context, summary: &Summary, folder: &Path) -> Result<(), Failure> {
    if context.is_json() {
        output::text(&report::json(summary)?)
    } else {
        output::text(&text::render(summary, Some(folder)))
    }
}

/// Removes the environment. Refuses a name that was given and that no environment has.
pub(super) async fn down(context: &Context) -> Result<Exit, Failure> {
    let there = context.places.environment(context.name()).exists();
    if context.common.name.is_some() && !there {
        let has = environment::status(&context.places)?;
        return Err(Failure::NoEnvironment {
            name: context.name().to_owned(),
            has: has.into_iter().map(|environment| environment.name).collect(),
        });
    }
    let left_behind = context
        .showing(async |events| Ok(environment::down(context.name(), &context.places, events).await?))
        .await?;
    if context.is_json() {
        output::json(&serde_json::json!({ "name": context.name(), "left_behind": left_behind }))?;
    } else if left_behind.is_empty() {
        output::text(&format!("Nothing is left of environment {}.\n", context.name()))?;
    } else {
        output::text(
            &left_behind
                .iter()
                .map(|what| format!("Left behind: {what}\n"))
                .collect::<String>(),
        )?;
    }
    Ok(if left_behind.is_empty() {
        Exit::Passed
    } else {
        Exit::LeftBehind
    })
}
