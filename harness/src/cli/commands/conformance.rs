//! `conformance`.

use std::path::{Path, PathBuf};

use tokio_util::sync::CancellationToken;

use super::bench::showing;
use super::{Context, absolute};
use crate::cli::arguments::Conformance;
use crate::cli::{Exit, Failure, failure, output};
use crate::conformance::{self, Results, Selection, Setting, Verdict, render};
use crate::environment::{self, Attached};
use crate::events::Events;
use crate::ledger::Ledger;
use crate::plan::{DEFAULT_ENVIRONMENT, Plan, Until, Values};
use crate::{components, plan, preflight, report, run, tenants};

/// Runs Kubernetes' conformance tests, in an environment that is up or in one of the run's own.
pub(super) async fn run(context: &Context, wanted: &Conformance) -> Result<Exit, Failure> {
    let selection = Selection::parse(
        wanted.focus.as_deref(),
        wanted.skip.as_deref(),
        wanted.serial,
        wanted.shard,
    )?;
    let folder = match (&wanted.report_dir, context.name()) {
        (Some(folder), _) => absolute(folder)?,
        (None, DEFAULT_ENVIRONMENT) => absolute(Path::new("target/conformance"))?,
        (None, name) => absolute(&Path::new("target").join(format!("conformance-{name}")))?,
    };
    let command = Run {
        context,
        wanted,
        selection,
        folder,
    };
    let attached = match Attached::open(&context.places, context.name()) {
        Ok(attached) => Some(attached),
        Err(environment::Error::NotUp { .. }) => None,
        Err(error) => return Err(error.into()),
    };
    let mut options = wanted.basis.components.options();
    let (place, names) = if let Some(attached) = &attached {
        options.kubernetes = attached.kubernetes;
        let names = attached.tenants.iter().map(|tenant| tenant.name.clone());
        (Place::Found(attached), names.collect())
    } else {
        let plan = command.plan().await?;
        let names = plan.tenants.iter().map(|tenant| tenant.name.clone()).collect();
        (Place::Own(Box::new(plan)), names)
    };
    conformance::require(options.kubernetes)?;
    let clusters = command.clusters(names)?;
    let _held = match place {
        Place::Found(_) if !wanted.list => Some(Ledger::take(
            &context.places.environment(context.name()),
            "conformance",
        )?),
        _ => None,
    };
    if !wanted.list {
        let made = std::fs::create_dir_all(&command.folder);
        made.map_err(|source| report::Error::Folder {
            path: command.folder.clone(),
            source,
        })?;
    }
    let outcome = showing(context, async |events, cancel| {
        let tests = conformance::tests(&context.places, &options, events).await?;
        let work = Work {
            tests: command.selection.choose(&tests)?,
            options: &options,
            clusters: &clusters,
            events,
            cancel,
        };
        if wanted.list {
            return Ok(Outcome {
                listed: Some(work.tests),
                ..Outcome::default()
            });
        }
        match &place {
            Place::Found(attached) => command.tests(attached, &work).await,
            Place::Own(plan) => command.in_its_own(plan, &work).await,
        }
    })
    .await?;
    command.print(&outcome)
}

/// The environment of the tests.
enum Place<'a> {
    /// An environment that is up, and stays.
    Found(&'a Attached),
    /// One of the run's own, to be brought up and removed.
    Own(Box<Plan>),
}

/// The tests, and how they run.
struct Work<'a> {
    tests: Vec<String>,
    options: &'a components::Options,
    clusters: &'a [String],
    events: &'a Events,
    cancel: &'a CancellationToken,
}

/// Everything that a run works with.
struct Run<'a> {
    context: &'a Context,
    wanted: &'a Conformance,
    selection: Selection,
    folder: PathBuf,
}

impl Run<'_> {
    /// Plans an environment of the run's own.
    async fn plan(&self) -> Result<Plan, Failure> {
        let wanted = self.wanted.wanted();
        let mut plan = self.context.plan(&wanted, None).await?;
        plan.until = Until::Tenants;
        if wanted.basis.values.is_none() {
            plan.values = Values {
                origin: "those of the conformance tests".to_owned(),
                text: tenants::CONFORMANCE_VALUES.to_owned(),
            };
        }
        Ok(plan)
    }

    /// Returns the clusters to run in: the first tenant if none is named.
    fn clusters(&self, tenants: Vec<String>) -> Result<Vec<String>, Failure> {
        let mut has = tenants;
        has.push(conformance::HOST.to_owned());
        let named = &self.wanted.cluster;
        if named.is_empty() {
            return Ok(has.into_iter().take(1).collect());
        }
        match named.iter().find(|name| !has.contains(name)) {
            Some(unknown) => Err(self.context.no_tenant(unknown, has)),
            None => Ok(named.clone()),
        }
    }

    /// Brings an environment up, runs the tests, and removes it.
    async fn in_its_own(&self, plan: &Plan, work: &Work<'_>) -> Result<Outcome, Failure> {
        let Work {
            options,
            events,
            cancel,
            ..
        } = work;
        let ledger = environment::claim(plan, &self.context.places, "conformance")?;
        let setting = run::Setting {
            places: &self.context.places,
            events,
            cancel,
        };
        let up = match setting.bring_up(plan, options, ledger).await {
            Ok(up) => up,
            Err(error) => {
                let error = setting.clean_up(plan, error, &self.folder, failure::warn).await;
                return Err(error.into());
            }
        };
        let ran = self.tests(&up.attached, work).await;
        let left = setting.down(up).await?;
        let mut outcome = ran?;
        outcome.left_behind = left;
        Ok(outcome)
    }

    /// Runs the tests in one cluster after the other.
    async fn tests(&self, attached: &Attached, work: &Work<'_>) -> Result<Outcome, Failure> {
        let setting = Setting {
            places: &self.context.places,
            attached,
            options: work.options,
            images: self.wanted.basis.images,
            events: work.events,
            cancel: work.cancel,
        };
        let mut outcome = Outcome::default();
        let prepared = conformance::prepare(&setting).await?;
        let request = conformance::Request {
            tests: &work.tests,
            procs: match self.wanted.procs {
                Some(procs) => procs.into(),
                None => plan::jobs(None, preflight::machine::here())?,
            },
            known: self.wanted.known,
            folder: &self.folder,
            seed: attached.seed,
        };
        for cluster in work.clusters {
            let running = conformance::run(cluster, &request, &prepared, &setting);
            let stage = format!("{}/{cluster}", conformance::STAGE);
            outcome.ran.push(work.events.stage(&stage, running).await?);
            outcome.interrupted = work.cancel.is_cancelled();
            if outcome.interrupted {
                break;
            }
        }
        Ok(outcome)
    }

    fn print(&self, outcome: &Outcome) -> Result<Exit, Failure> {
        match &outcome.listed {
            Some(tests) if self.context.is_json() => output::json(tests)?,
            Some(tests) => output::text(&(tests.join("\n") + "\n"))?,
            None if self.context.is_json() => output::json(&outcome.ran)?,
            None => {
                let text = render::text(&outcome.ran);
                output::text(&format!(
                    "{}\n\nReports: {}\n",
                    text.trim_end(),
                    self.folder.display()
                ))?;
            }
        }
        if outcome.interrupted {
            return Err(Failure::Interrupted);
        }
        Ok(outcome.exit())
    }
}

/// The outcome of the command.
#[derive(Default)]
struct Outcome {
    listed: Option<Vec<String>>,
    ran: Vec<Results>,
    interrupted: bool,
    left_behind: Vec<String>,
}

impl Outcome {
    /// Returns the exit code. A run passes when at least one test ran in each cluster and none had a bad verdict.
    fn exit(&self) -> Exit {
        let is_bad = |results: &Results| results.tests.values().any(|test| test.verdict.is_bad());
        let is_empty = |results: &Results| results.count(Verdict::NotRun) == results.tests.len();
        if self.ran.iter().any(is_bad) {
            Exit::Failed
        } else if self.ran.iter().any(is_empty) {
            Exit::CouldNotRun
        } else if !self.left_behind.is_empty() {
            Exit::LeftBehind
        } else {
            Exit::Passed
        }
    }
}
