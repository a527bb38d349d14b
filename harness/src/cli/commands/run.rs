//! `up`, `test`, `e2e` and `down`: the commands that change an environment.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::Context;
use crate::cli::arguments::{self, E2e, Scenarios, Test};
use crate::cli::failure;
use crate::cli::{Exit, Failure, interrupt, output};
use crate::environment::{self, Attached, Up};
use crate::events::{EVIDENCE, Event, Events, Verdict};
use crate::evidence::{Collector, Witness};
use crate::ledger::Ledger;
use crate::plan::{self, DEFAULT_ENVIRONMENT, Keep, Plan};
use crate::report::{self, Recorded, text};
use crate::scenarios::selection::Surroundings;
use crate::scenarios::{self, Binary, Catalogue, Selection};
use crate::substrate;
use crate::{components, preflight};

/// A run, followed to its end and reported.
mod reporter;

use reporter::conclude;
pub(super) use reporter::{Reporter, Run, print, tell_failed};

/// The stage of the scenarios.
const SCENARIOS: &str = "scenarios";

/// The part of it that compiles them, which happens while the environment comes up.
const COMPILE: &str = "scenarios/build";

/// The folder below that of evidence for an environment that did not come up.
const NOT_UP: &str = "environment";

/// Brings an environment up and leaves it.
pub(super) async fn up(context: &Context, wanted: &arguments::Up) -> Result<Exit, Failure> {
    let arguments::Up { until, wanted } = wanted;
    let plan = Plan {
        until: *until,
        ..context.plan(wanted, None).await?
    };
    let ledger = environment::claim(&plan, &context.places, "up")?;
    let folder = report::folder::make(&plan.report_dir, "up", &report::folder::CONTENT)?;
    let cancel = interrupt::listen(&plan.name)?;
    let was_up = Attached::open(&context.places, &plan.name).is_ok();
    let reporter = Reporter::start(context, &Run::of(&plan), folder.clone())?;
    let events = &reporter.events;
    let mut done = bring_up(
        context,
        &plan,
        ledger,
        &wanted.basis.components.options(),
        events,
        &cancel,
    )
    .await;
    if !was_up && let Err(failure) = done {
        done = Err(tidy(context, &plan, failure, &folder, events, &cancel).await);
    }
    let Recorded { summary, failed } = reporter.finish(done.as_ref().err()).await?;
    let Up { attached, .. } = done.inspect_err(|_| tell_failed(failed.as_ref()))?;
    if context.is_json() {
        output::json(&attached)?;
    } else {
        output::text(&text::stages_only(&summary))?;
        output::text(&how_to_use(&attached))?;
    }
    failed.map_or(Ok(Exit::Passed), |error| Err(error.into()))
}

pub(super) async fn bring_up(
    context: &Context,
    plan: &Plan,
    ledger: Ledger,
    options: &components::Options,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Up, Failure> {
    // What is up has passed it, and takes of the memory that it asks for.
    if Attached::open(&context.places, &plan.name).is_err() {
        events
            .stage("preflight", preflight::require(plan, &context.places))
            .await?;
    }
    let up = environment::up(plan, ledger, options, &context.places, events, cancel).await;
    up.map_err(|error| {
        if cancel.is_cancelled() {
            Failure::Interrupted
        } else {
            error.into()
        }
    })
}

/// Removes an environment that did not come up, unless it is to be kept. Before that, it copies evidence of the
/// environment to the run's folder of reports; the returned failure names the evidence.
pub(super) async fn tidy(
    context: &Context,
    plan: &Plan,
    failure: Failure,
    folder: &Path,
    events: &Events,
    cancel: &CancellationToken,
) -> Failure {
    // What was there before a run that was not begun is not its own.
    if matches!(failure, Failure::Preflight(_)) {
        return failure;
    }
    let evidence = folder.join(EVIDENCE).join(NOT_UP);
    let salvage = environment::salvage(plan, &context.places, &evidence);
    let kept = cancel.run_until_cancelled(salvage).await == Some(true);
    let keep = match plan.keep {
        Keep::Never => false,
        Keep::OnFailure => !cancel.is_cancelled(),
        Keep::Always => true,
    };
    if !keep {
        remove(context, events).await;
    }
    if kept {
        Failure::Kept {
            failure: failure.into(),
            evidence,
        }
    } else {
        failure
    }
}

/// Removes the environment after a failure. That failure is the one to report, so a second one is reported and not
/// returned.
async fn remove(context: &Context, events: &Events) {
    match environment::down(context.name(), &context.places, events).await {
        Ok(left) => events.tell_left(&left),
        Err(error) => {
            events.tell(Event::LeftBehind {
                what: format!("environment {}", context.name()),
            });
            failure::print(&error.into());
        }
    }
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
    let jobs = plan::jobs(jobs, preflight::machine::here())?;
    scenarios::selection::require_match(filter.as_deref())?;
    context.attached()?;
    let _held = Ledger::take(&context.places.environment(context.name()), "test")?;
    // Whoever held it until now may have removed it.
    let attached = context.attached()?;
    let base = match wanted.report.report_dir {
        Some(_) => context.report_dir(&wanted.report)?,
        None => attached.report_dir.clone(),
    };
    let folder = report::folder::make(&base, "test", &report::folder::CONTENT)?;
    let cancel = interrupt::listen(context.name())?;
    let scope = Scope {
        filter,
        jobs,
        folder: folder.clone(),
    };
    let reporter = Reporter::start(context, &Run::again(&attached), folder)?;
    let events = &reporter.events;
    let done = async {
        let binary = compile(events, &cancel).await?;
        scenarios(context, &attached, &binary, &scope, events, &cancel)
            .await
            .map(drop)
    }
    .await;
    conclude(context, reporter, done).await
}

/// Brings an environment up, runs the scenarios, and removes it.
pub(super) async fn e2e(context: &Context, wanted: &E2e) -> Result<Exit, Failure> {
    let plan = context.plan(&wanted.wanted, Some(&wanted.scenarios)).await?;
    scenarios::selection::require_match(plan.filter.as_deref())?;
    let ledger = environment::claim(&plan, &context.places, "e2e")?;
    if Attached::open(&context.places, &plan.name).is_ok() {
        return Err(Failure::AlreadyUp { name: plan.name });
    }
    let folder = report::folder::make(&plan.report_dir, "e2e", &report::folder::CONTENT)?;
    let cancel = interrupt::listen(&plan.name)?;
    let scope = Scope {
        filter: plan.filter.clone(),
        jobs: plan.jobs,
        folder: folder.clone(),
    };
    let reporter = Reporter::start(context, &Run::of(&plan), folder)?;
    let done = whole(
        context,
        &plan,
        ledger,
        &wanted.wanted.basis.components.options(),
        &scope,
        &reporter.events,
        &cancel,
    )
    .await;
    conclude(context, reporter, done).await
}

async fn whole(
    context: &Context,
    plan: &Plan,
    ledger: Ledger,
    options: &components::Options,
    scope: &Scope,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Failure> {
    if scope.filter.is_some() {
        // A filter that matches nothing is an error before anything is made.
        let tests = compile(events, cancel).await?.tests().await?;
        Selection::of(
            &tests,
            &Catalogue::built_in()?,
            &Surroundings::planned(plan),
            scope.filter.as_deref(),
        )?;
    }
    // Side by side: compiling needs the processors, bringing up mostly waits.
    let made = tokio::try_join!(
        bring_up(context, plan, ledger, options, events, cancel),
        compile(events, cancel)
    );
    let (up, binary) = match made {
        Ok(made) => made,
        Err(failure) => return Err(tidy(context, plan, failure, &scope.folder, events, cancel).await),
    };
    let tested = scenarios(context, &up.attached, &binary, scope, events, cancel).await;
    let keep = match plan.keep {
        Keep::Never => false,
        Keep::OnFailure => !matches!(tested, Ok(0)) && !cancel.is_cancelled(),
        Keep::Always => true,
    };
    if !keep {
        events.tell_left(&up.down(&context.places, events).await?);
    }
    tested.map(drop)
}

/// Compiles the scenarios, until it is cancelled.
pub(super) async fn compile(events: &Events, cancel: &CancellationToken) -> Result<Binary, Failure> {
    let built = cancel
        .run_until_cancelled(events.stage(COMPILE, Binary::build(events, COMPILE)))
        .await;
    Ok(built.ok_or(Failure::Interrupted)??)
}

/// The scenarios to run, and the place of their reports.
pub(super) struct Scope {
    pub(super) filter: Option<String>,
    pub(super) jobs: usize,
    /// The run's folder of reports.
    pub(super) folder: PathBuf,
}

/// Runs the scenarios and returns how many failed.
pub(super) async fn scenarios(
    context: &Context,
    attached: &Attached,
    binary: &Binary,
    scope: &Scope,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<usize, Failure> {
    let surroundings = Surroundings::of(attached);
    let work = async {
        let tests = binary.tests().await?;
        let selection = Selection::of(
            &tests,
            &Catalogue::built_in()?,
            &surroundings,
            scope.filter.as_deref(),
        )?;
        let collector = collector(attached).await?;
        let setting = scenarios::Setting {
            environment: &Attached::file(&context.places.environment(&attached.name)),
            surroundings: &surroundings,
            seed: attached.seed,
            report_dir: &scope.folder,
            jobs: scope.jobs,
            evidence: Some(&collector),
            cancel,
        };
        let results = scenarios::run(binary, selection, &setting, events).await?;
        if cancel.is_cancelled() {
            return Err(Failure::Interrupted);
        }
        Ok(results
            .iter()
            .filter(|result| result.status == Verdict::Failed)
            .count())
    };
    events.stage(SCENARIOS, work).await
}

async fn collector(attached: &Attached) -> Result<Collector, Failure> {
    let mut tenants = Vec::new();
    for tenant in &attached.tenants {
        tenants.push(Witness {
            name: tenant.name.clone(),
            namespace: tenant.namespace.clone(),
            client: Some(client(&tenant.kubeconfig).await?),
        });
    }
    Ok(Collector::new(client(&attached.kubeconfig).await?, tenants))
}

/// Returns a client for the cluster that a kubeconfig is for.
pub(super) async fn client(kubeconfig: &Path) -> Result<kube::Client, Failure> {
    let made = substrate::client(kubeconfig).await;
    made.map_err(|source| Failure::Client {
        kubeconfig: kubeconfig.to_owned(),
        source,
    })
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
