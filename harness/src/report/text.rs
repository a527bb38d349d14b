//! For people: tables.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use provision::events::{Status, Verdict, id_of};

use super::summary::{Outcome, Scenario, Summary, Totals};

/// The width of tables: a page of a diff, a CI log and most terminals show this much of a line.
const WIDTH: u16 = 110;

/// Returns the summary as text. It names `folder`, if there is one, as the place to look further.
#[must_use]
pub fn render(summary: &Summary, folder: Option<&Path>) -> String {
    let mut text = String::new();
    header(&mut text, summary);
    if !summary.stages.is_empty() {
        push(&mut text, &stages(summary));
    }
    if !summary.scenarios.is_empty() {
        push(&mut text, &scenarios(summary));
    }
    explanations(&mut text, summary, folder);
    text += &verdict(summary);
    text.push('\n');
    if let Some(folder) = folder {
        let _ = writeln!(text, "Reports: {}", folder.display());
    }
    text
}

/// Returns the table of stages alone, for a run that creates something and checks nothing.
#[must_use]
pub fn stages_only(summary: &Summary) -> String {
    let mut text = String::new();
    push(&mut text, &stages(summary));
    text
}

/// Returns the verdict in a line.
#[must_use]
pub fn verdict(summary: &Summary) -> String {
    let Totals {
        passed,
        failed,
        known,
        not_run,
    } = summary.totals;
    let ran = format!("{passed} passed, {failed} failed, {known} known, {not_run} not run");
    let seconds = summary.seconds;
    match summary.outcome() {
        Outcome::Passed => format!("Passed in {seconds:.1} s: {ran}."),
        Outcome::LeftBehind => {
            format!(
                "Passed in {seconds:.1} s, but {} left behind: {ran}.",
                things(summary.left_behind.len())
            )
        }
        Outcome::Failed => format!("Failed in {seconds:.1} s: {ran}."),
        Outcome::CouldNotRun => format!("Could not run to its end, {seconds:.1} s: {ran}."),
    }
}

/// Returns a verdict as in every report but JSON.
#[must_use]
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Passed => "passed",
        Verdict::Failed => "FAILED",
        Verdict::Known => "known",
        Verdict::NotRun => "not run",
    }
}

/// Returns a scenario's path as a sentence: `isolation::is_02_no_foreign_pods::case_1_list` as
/// `no foreign pods (list)`.
#[must_use]
pub fn sentence(path: &str) -> String {
    let mut parts = path.split("::").skip_while(|part| !has_id(part));
    let Some(function) = parts.next() else {
        return path.to_owned();
    };
    let words = |part: &str, skip: usize| part.split('_').skip(skip).collect::<Vec<_>>().join(" ");
    let case = parts.map(|part| words(part, if part.starts_with("case_") { 2 } else { 0 }));
    let cases: Vec<_> = case.filter(|case| !case.is_empty()).collect();
    if cases.is_empty() {
        words(function, 2)
    } else {
        format!("{} ({})", words(function, 2), cases.join(", "))
    }
}

fn has_id(part: &str) -> bool {
    id_of(part).is_some()
}

fn header(text: &mut String, summary: &Summary) {
    let Summary {
        run,
        started,
        environment,
        substrate,
        kubernetes,
        virtual_cluster,
        tenants,
        seed,
        ..
    } = summary;
    let _ = writeln!(
        text,
        "Run {run} of environment {environment}, {started:.0}, seed {seed}"
    );
    let _ = writeln!(
        text,
        "{substrate} host cluster of Kubernetes {kubernetes}, {} in {virtual_cluster} virtual clusters: {}\n",
        match tenants.len() {
            1 => "1 tenant".to_owned(),
            count => format!("{count} tenants"),
        },
        tenants.join(", ")
    );
}

/// Adds a table and an empty line, without the space around the table's lines.
pub(crate) fn push(text: &mut String, table: &Table) {
    for line in table.lines() {
        text.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        text.push('\n');
    }
    text.push('\n');
}

/// Returns a table without lines, of a report's width.
pub(crate) fn table(columns: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(columns);
    table
}

fn stages(summary: &Summary) -> Table {
    let mut table = table(&["stage", "status", "seconds"]);
    for stage in &summary.stages {
        let name = match stage.name.split_once('/') {
            Some((_, part)) => format!("  {part}"),
            None => stage.name.clone(),
        };
        table.add_row([
            Cell::new(name),
            Cell::new(stage_word(stage.status)),
            number(stage.seconds),
        ]);
    }
    table
}

/// Returns the word for a stage's result, in every report but JSON.
#[must_use]
pub fn stage_word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Failed => "FAILED",
    }
}

/// Returns a table with a row for each scenario. Tenants with the same result share a row.
fn scenarios(summary: &Summary) -> Table {
    let mut table = table(&["id", "scenario", "where", "verdict", "seconds"]);
    let same = |a: &&Scenario, b: &&Scenario| (&a.name, a.status) == (&b.name, b.status);
    let mut rows: Vec<&Scenario> = summary.scenarios.iter().collect();
    rows.sort_by_key(|scenario| (&scenario.id, &scenario.name, word(scenario.status)));
    for group in rows.chunk_by(|a, b| same(a, b)) {
        let Some(first) = group.first() else { continue };
        let slowest = group.iter().map(|scenario| scenario.seconds).fold(0.0, f64::max);
        table.add_row([
            Cell::new(&first.id),
            Cell::new(sentence(&first.name)),
            Cell::new(place(group, summary.tenants.len())),
            Cell::new(word(first.status)),
            number(slowest),
        ]);
    }
    table
}

fn place(group: &[&Scenario], tenants: usize) -> String {
    let names: Vec<&str> = group
        .iter()
        .filter_map(|scenario| scenario.tenant.as_deref())
        .collect();
    match names.len() {
        0 => String::new(),
        count if count == tenants && count > 1 => format!("all {count} tenants"),
        _ => names.join(", "),
    }
}

fn explanations(text: &mut String, summary: &Summary, folder: Option<&Path>) {
    for scenario in &summary.scenarios {
        let (Some(reason), true) = (&scenario.reason, scenario.status != Verdict::Passed) else {
            continue;
        };
        let tenant = scenario
            .tenant
            .as_ref()
            .map(|tenant| format!(" in {tenant}"))
            .unwrap_or_default();
        let _ = writeln!(
            text,
            "{} {}{tenant}: {}",
            scenario.id,
            word(scenario.status),
            sentence(&scenario.name)
        );
        for line in reason.lines() {
            let _ = writeln!(text, "    {line}");
        }
        if let Some(evidence) = &scenario.evidence {
            let path = folder.map_or_else(|| evidence.into(), |folder| folder.join(evidence));
            let _ = writeln!(text, "    evidence: {}", path.display());
        }
        text.push('\n');
    }
    for what in &summary.left_behind {
        let _ = writeln!(text, "Left behind: {what}");
    }
    if let Some(why) = &summary.stopped_by {
        let _ = writeln!(text, "Stopped: {why}");
    }
    if !summary.left_behind.is_empty() || summary.stopped_by.is_some() {
        text.push('\n');
    }
}

fn number(seconds: f64) -> Cell {
    let text = if seconds == 0.0 {
        String::new()
    } else {
        format!("{seconds:.1}")
    };
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn things(count: usize) -> String {
    if count == 1 {
        "1 thing was".to_owned()
    } else {
        format!("{count} things were")
    }
}
