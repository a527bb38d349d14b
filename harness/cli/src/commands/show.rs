//! `doctor`, `plan` and `status`, and the list of scenarios: the commands that only look.

use comfy_table::{Table, presets};
use harness::plan::Plan;
use harness::scenarios::Catalogue;
use harness::scenarios::catalogue::Entry;
use harness::{environment, preflight, report};
use provision::pins::pins;
use serde::Serialize;

use super::Context;
use crate::arguments::Wanted;
use crate::{Exit, Failure, output};

/// Prints the requirements that the machine lacks.
pub(super) async fn doctor(context: &Context, wanted: &Wanted) -> Result<Exit, Failure> {
    let plan = context.plan(wanted, None).await?;
    report::folder::check(&plan.report_dir, &report::folder::CONTENT)?;
    let checks = preflight::inspect(&plan, &context.places).await;
    let met = checks.iter().all(|check| check.met);
    if context.is_json() {
        output::json(&serde_json::json!({ "met": met, "checks": checks }))?;
    } else {
        let mut text = String::new();
        for check in &checks {
            let word = if check.met { "ok     " } else { "LACKING" };
            text += &format!("{word}  {}: {}\n", check.need, check.found);
            if let Some(remedy) = &check.remedy {
                text += &format!("         remedy: {remedy}\n");
            }
        }
        text += if met {
            "Nothing is missing.\n"
        } else {
            "Something is missing.\n"
        };
        output::text(&text)?;
    }
    Ok(if met { Exit::Passed } else { Exit::CouldNotRun })
}

/// Prints the plan of `up`.
pub(super) async fn plan(context: &Context, wanted: &Wanted) -> Result<Exit, Failure> {
    let plan = context.plan(wanted, None).await?;
    report::folder::check(&plan.report_dir, &report::folder::CONTENT)?;
    if context.is_json() {
        output::json(&plan)?;
    } else {
        output::text(&described(&plan, wanted.seed.is_none()))?;
    }
    Ok(Exit::Passed)
}

fn described(plan: &Plan, seed_is_random: bool) -> String {
    let Plan {
        name,
        substrate,
        kubernetes,
        virtual_cluster,
        vcluster,
        images,
        tenants,
        values,
        keep,
        report_dir,
        jobs: _,
        seed,
        filter: _,
        existing,
        until: _,
    } = plan;
    let which = existing.to_string();
    let mut text = format!(
        "Environment {name}
  host cluster      {substrate}{which}
  Kubernetes        {}
  platform          one Dapr and one Redis, for all tenants
  virtual clusters  {virtual_cluster}, values: {}
  images            {images}
",
        pins()
            .version("kubernetes", *kubernetes)
            .map_or_else(|| kubernetes.to_string(), str::to_owned),
        values.origin
    );
    for tenant in tenants {
        text += &format!(
            "  tenant            {} in host namespace {}\n",
            tenant.name, tenant.namespace
        );
    }
    if let Some(vcluster) = vcluster {
        text += &format!("  chart             {}\n", vcluster.chart);
    }
    let seed = if seed_is_random {
        "another one in each run".to_owned()
    } else {
        seed.to_string()
    };
    text += &format!(
        "  seed              {seed}
  reports           {}
  what remains      {}
",
        report_dir.display(),
        match keep {
            harness::plan::Keep::Never => "nothing, after an end-to-end run",
            harness::plan::Keep::OnFailure => "the environment, if something fails",
            harness::plan::Keep::Always => "the environment",
        }
    );
    if let Some(vcluster) = vcluster {
        text += "  values that the chart gets\n";
        for line in vcluster.values.lines() {
            text += &format!("    {line}\n");
        }
    }
    text
}

/// Says which environments there are, or how the one is that was named, by the exit code too.
pub(super) fn status(context: &Context) -> Result<Exit, Failure> {
    let mut environments = environment::status(&context.places)?;
    let mut exit = Exit::Passed;
    if let Some(name) = &context.common.name {
        environments.retain(|environment| environment.name == *name);
        match &*environments {
            [] => return Err(environment::Error::NotUp { name: name.clone() }.into()),
            [found] if found.up => {}
            _ => exit = Exit::CouldNotRun,
        }
    }
    if context.is_json() {
        output::json(&environments)?;
        return Ok(exit);
    }
    if environments.is_empty() {
        output::text("No environment is there.\n")?;
        return Ok(Exit::Passed);
    }
    let mut table = table(&["name", "state", "since", "substrate", "tenants", "kubeconfig"]);
    for environment in environments {
        table.add_row([
            environment.name,
            if environment.up { "up" } else { "in part" }.to_owned(),
            environment
                .since
                .map(|since| format!("{since:.0}"))
                .unwrap_or_default(),
            environment.substrate.unwrap_or_default(),
            environment.tenants.join(", "),
            environment
                .kubeconfig
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
        ]);
    }
    output::text(&lines(&table))?;
    Ok(exit)
}

/// A scenario as programs get it.
#[derive(Serialize)]
struct Listed<'c> {
    id: String,
    #[serde(flatten)]
    entry: &'c Entry,
}

/// Lists the scenarios that there are.
pub(super) fn scenarios(context: &Context, filter: Option<&str>) -> Result<Exit, Failure> {
    let catalogue = Catalogue::built_in()?.matching(filter)?;
    if context.is_json() {
        let listed = catalogue.scenarios.iter().map(|entry| Listed {
            id: entry.id(),
            entry,
        });
        output::json(&listed.collect::<Vec<_>>())?;
        return Ok(Exit::Passed);
    }
    let mut table = table(&["id", "scenario", "promise"]);
    for entry in &catalogue.scenarios {
        table.add_row([&entry.id(), &entry.test, &entry.promise]);
    }
    output::text(&lines(&table))?;
    Ok(Exit::Passed)
}

/// Returns a table without lines, which `cut` and `awk` can parse and people can read.
pub(super) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns);
    table
}

/// Returns the table's lines without the space around them.
pub(super) fn lines(table: &Table) -> String {
    table
        .lines()
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(&line).trim_end()))
        .collect()
}
