//! For people with a browser: one file with everything in it.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, Value, context};
use provision::events::{Status, Verdict};

use super::Error;
use super::summary::{Outcome, Scenario, Stage, Summary};
use super::text;

/// Needs no script, no network and no colour to be understood.
const TEMPLATE: &str = include_str!("index.html");

/// The extension of the name turns escaping on.
const NAME: &str = "index.html";

/// Returns the summary as a page.
pub fn render(summary: &Summary) -> Result<String, Error> {
    page(summary).map_err(|source| Error::Render {
        what: NAME,
        source: Box::new(source),
    })
}

fn page(summary: &Summary) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()?,
    );
    environment.add_template(NAME, TEMPLATE)?;
    environment.get_template(NAME)?.render(values(summary))
}

fn values(summary: &Summary) -> Value {
    let length = summary
        .stages
        .iter()
        .map(|stage| stage.begins + stage.seconds)
        .fold(summary.seconds, f64::max);
    context! {
        run => &summary.run,
        environment => &summary.environment,
        started => format!("{:.0}", summary.started),
        seed => summary.seed.to_string(),
        substrate => &summary.substrate,
        kubernetes => summary.kubernetes.to_string(),
        virtual_cluster => &summary.virtual_cluster,
        tenants => &summary.tenants,
        verdict => text::verdict(summary),
        class => match summary.outcome() {
            Outcome::Passed => "passed",
            Outcome::LeftBehind => "known",
            Outcome::Failed | Outcome::CouldNotRun => "failed",
        },
        stopped_by => &summary.stopped_by,
        left_behind => &summary.left_behind,
        stages => summary.stages.iter().map(|one| stage(one, length)).collect::<Vec<_>>(),
        scenarios => summary.scenarios.iter().map(scenario).collect::<Vec<_>>(),
    }
}

fn stage(stage: &Stage, length: f64) -> Value {
    let share = |seconds: f64| {
        if length > 0.0 {
            format!("{:.2}", seconds / length * 100.0)
        } else {
            "0".to_owned()
        }
    };
    let (name, part) = match stage.name.split_once('/') {
        Some((_, part)) => (part, true),
        None => (&*stage.name, false),
    };
    context! {
        name, part,
        seconds => format!("{:.1}", stage.seconds),
        from => share(stage.begins),
        width => share(stage.seconds),
        word => text::stage_word(stage.status),
        class => match stage.status {
            Status::Ok => "passed",
            Status::Failed => "failed",
        },
    }
}

fn scenario(scenario: &Scenario) -> Value {
    context! {
        id => &scenario.id,
        sentence => text::sentence(&scenario.name),
        path => &scenario.name,
        promise => &scenario.promise,
        tenant => &scenario.tenant,
        word => text::word(scenario.status),
        class => match scenario.status {
            Verdict::Passed => "passed",
            Verdict::Failed => "failed",
            Verdict::Known => "known",
            Verdict::NotRun => "not-run",
        },
        seconds => if scenario.seconds > 0.0 { format!("{:.1}", scenario.seconds) } else { String::new() },
        reason => &scenario.reason,
        evidence => &scenario.evidence,
    }
}
