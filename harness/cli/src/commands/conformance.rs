//! `conformance`.

use std::path::Path;

use harness::conformance::{Outcome, Place, Results, Selection, Session, Verdict, render};
use harness::environment::{self, Attached};
use harness::plan::{DEFAULT_ENVIRONMENT, Plan, Until, Values};
use harness::run::Setting;
use harness::{plan, preflight};

use super::bench::showing;
use super::{Context, absolute};
use crate::arguments::Conformance;
use crate::{Exit, Failure, failure, output};

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
    let mut options = wanted.basis.binaries.options();
    let place = match Attached::open(&context.places, context.name()) {
        Ok(attached) => {
            options.kubernetes = attached.kubernetes;
            Place::Found(Box::new(attached))
        }
        Err(environment::Error::NotUp { .. }) => Place::Own(Box::new(planned(context, wanted).await?)),
        Err(error) => return Err(error.into()),
    };
    let session = Session {
        clusters: clusters(context, wanted, place.clusters())?,
        place,
        selection,
        options,
        images: wanted.basis.images,
        procs: match wanted.procs {
            Some(procs) => procs.into(),
            None => plan::jobs(None, preflight::machine::here())?,
        },
        known: wanted.known,
        folder,
    };
    if wanted.list {
        return list(context, &session).await;
    }
    let outcome = showing(context, async |events, cancel| {
        let setting = Setting {
            places: &context.places,
            events,
            cancel,
        };
        Ok(session.run(&setting, failure::warn).await?)
    })
    .await?;
    print(context, &session, &outcome)
}

/// Plans an environment of the run's own.
async fn planned(context: &Context, wanted: &Conformance) -> Result<Plan, Failure> {
    let wanted = wanted.wanted();
    let mut plan = context.plan(&wanted, None).await?;
    plan.until = Until::Tenants;
    if wanted.basis.values.is_none() {
        plan.values = Values {
            origin: "those of the conformance tests".to_owned(),
            text: provision::values::CONFORMANCE.to_owned(),
        };
    }
    Ok(plan)
}

/// Returns the clusters to run in: the first tenant if none is named.
fn clusters(context: &Context, wanted: &Conformance, has: Vec<String>) -> Result<Vec<String>, Failure> {
    let named = &wanted.cluster;
    if named.is_empty() {
        return Ok(has.into_iter().take(1).collect());
    }
    match named.iter().find(|name| !has.contains(name)) {
        Some(unknown) => Err(context.no_tenant(unknown, has)),
        None => Ok(named.clone()),
    }
}

/// Prints the names of the selected tests.
async fn list(context: &Context, session: &Session) -> Result<Exit, Failure> {
    let tests = showing(context, async |events, cancel| {
        let setting = Setting {
            places: &context.places,
            events,
            cancel,
        };
        Ok(session.list(&setting).await?)
    })
    .await?;
    if context.is_json() {
        output::json(&tests)?;
    } else {
        output::text(&(tests.join("\n") + "\n"))?;
    }
    Ok(Exit::Passed)
}

fn print(context: &Context, session: &Session, outcome: &Outcome) -> Result<Exit, Failure> {
    if context.is_json() {
        output::json(&outcome.ran)?;
    } else {
        let text = render::text(&outcome.ran);
        output::text(&format!(
            "{}\n\nReports: {}\n",
            text.trim_end(),
            session.folder.display()
        ))?;
    }
    if outcome.interrupted {
        return Err(Failure::Interrupted);
    }
    Ok(exit(outcome))
}

/// Returns the exit code. A run passes when at least one test ran in each cluster and none had a bad verdict.
fn exit(outcome: &Outcome) -> Exit {
    let is_bad = |results: &Results| results.tests.values().any(|test| test.verdict.is_bad());
    let is_empty = |results: &Results| results.count(Verdict::NotRun) == results.tests.len();
    if outcome.ran.iter().any(is_bad) {
        Exit::Failed
    } else if outcome.ran.iter().any(is_empty) {
        Exit::CouldNotRun
    } else if !outcome.left_behind.is_empty() {
        Exit::LeftBehind
    } else {
        Exit::Passed
    }
}
