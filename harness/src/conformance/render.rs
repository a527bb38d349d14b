//! For people and for CI servers: tables and `JUnit`'s XML.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::time::Duration;

use comfy_table::{Cell, CellAlignment};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Error;
use super::known::{Known, Place};
use super::results::{Cluster, Results, TestResult, Verdict};
use crate::report::text::{push, table};

/// The number of letters of a reason in a table; the rest is in `results.json`.
const REASON: usize = 300;

/// The beginning of the page.
const INTRODUCTION: &str = "\
# Conformance

The harness runs Kubernetes' own conformance tests, unmodified and in the version that the clusters run, in a tenant's
cluster and in its host cluster. The goal: **a tenant passes every test that its host passes.** Tests that change nodes
are the exception, because a tenant's nodes are read-only copies.

```sh
cargo harness conformance                       # in an environment of its own, all but the [Serial] tests
cargo harness conformance --list --focus DNS    # the names of tests
cargo harness conformance --serial --known      # all 446, with the known failures that take minutes

# side by side, in one environment
cargo harness up --tenants 1 --until tenants --values harness/manifests/tenants/conformance-values.yaml
cargo harness conformance --in tenant-1 --in host
```

A run writes this page to its report folder, `target/conformance`, as `conformance.md`. The folder also has
`junit.xml`, `results.json` and the log of the tests for each cluster. `harness/conformance/known.toml` lists the tests
that are expected to fail, each with its reason. If such a test passes, the run fails.

The pods of the tenant under test may do what pods of the host may do: `podSecurityStandard: privileged`, no quota, all
taints and classes. By default, a tenant's pods may not use `hostPath`, `hostPort`, host namespaces or privileged
containers ([isolation.md](isolation.md)), so the tests of these features do not pass there.

If a run is stopped, it removes the namespaces that its tests left. A cluster-scoped object, or an object with a
finalizer that a test has set, may stay.

## Verdicts
";

/// The order of verdicts in reports.
const VERDICTS: [Verdict; 5] = [
    Verdict::Passed,
    Verdict::Failed,
    Verdict::PassedUnexpectedly,
    Verdict::Known,
    Verdict::NotRun,
];

/// Returns the verdicts in one or more clusters, side by side, for a terminal.
#[must_use]
pub fn text(all: &[Results]) -> String {
    let mut text = String::new();
    let columns = [
        "cluster",
        "Kubernetes",
        "nodes",
        "passed",
        "failed",
        "known",
        "not run",
    ];
    let mut rows = table(&columns);
    for results in all {
        let Cluster {
            name,
            kubernetes,
            nodes,
            ..
        } = &results.cluster;
        let bad = results.count(Verdict::Failed) + results.count(Verdict::PassedUnexpectedly);
        let counts = [
            *nodes,
            results.count(Verdict::Passed),
            bad,
            results.count(Verdict::Known),
            results.count(Verdict::NotRun),
        ];
        let counts = counts.map(|count| Cell::new(count).set_alignment(CellAlignment::Right));
        let cells = [Cell::new(name), Cell::new(kubernetes)];
        rows.add_row(cells.into_iter().chain(counts));
    }
    push(&mut text, &rows);
    for results in all {
        for (test, result) in &results.tests {
            if result.verdict.is_bad() {
                let word = result.verdict.word();
                let _ = writeln!(text, "{word} in {}: {test}", results.cluster.name);
                for line in shortened(result).lines() {
                    let _ = writeln!(text, "  {line}");
                }
            }
        }
    }
    for (name, tests) in behind(all) {
        let count = tests.len();
        let _ = writeln!(
            text,
            "{name} did not pass {count} of the tests that the host passes."
        );
    }
    text
}

/// Returns the same as a page in Markdown, with every test that did not pass everywhere.
#[must_use]
pub fn markdown(all: &[Results]) -> String {
    let mut page = format!("{INTRODUCTION}\n| | ");
    let names: Vec<&str> = all.iter().map(|results| results.cluster.name.as_str()).collect();
    let _ = writeln!(
        page,
        "{} |\n|---|{}",
        names.join(" | "),
        "---|".repeat(names.len())
    );
    let row = |page: &mut String, title: &str, of: &dyn Fn(&Results) -> String| {
        let cells: Vec<String> = all.iter().map(of).collect();
        let _ = writeln!(page, "| {title} | {} |", cells.join(" | "));
    };
    row(&mut page, "Kubernetes", &|results| {
        results.cluster.kubernetes.clone()
    });
    row(&mut page, "host cluster", &|results| {
        results.cluster.substrate.clone()
    });
    row(&mut page, "nodes", &|results| results.cluster.nodes.to_string());
    row(&mut page, "images of the tests", &|results| {
        let assembled = results.cluster.assembled_images;
        if assembled { "assembled" } else { "pulled" }.to_owned()
    });
    for verdict in VERDICTS {
        if all.iter().any(|results| results.count(verdict) > 0) {
            let title = verdict.word().to_lowercase();
            row(&mut page, &title, &|results| results.count(verdict).to_string());
        }
    }

    let _ = writeln!(
        page,
        "\n## By special interest group\n\n| group | tests | {} |",
        names.join(" | ")
    );
    let _ = writeln!(page, "|---|---|{}", "---|".repeat(names.len()));
    let tests: BTreeSet<&str> = all
        .iter()
        .flat_map(|results| results.tests.keys().map(String::as_str))
        .collect();
    let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for test in &tests {
        groups.entry(group(test)).or_default().push(test);
    }
    for (name, tests) in &groups {
        let cells = all.iter().map(|results| {
            let passed = tests
                .iter()
                .filter(|test| verdict_of(results, test) == Some(Verdict::Passed))
                .count();
            format!("{passed} passed")
        });
        let cells: Vec<String> = cells.collect();
        let _ = writeln!(page, "| {name} | {} | {} |", tests.len(), cells.join(" | "));
    }

    let _ = writeln!(
        page,
        "\n## Tests that did not pass everywhere\n\n| test | {} | reason |",
        names.join(" | ")
    );
    let _ = writeln!(page, "|---|{}---|", "---|".repeat(names.len()));
    for test in tests {
        if all
            .iter()
            .all(|results| verdict_of(results, test) == Some(Verdict::Passed))
        {
            continue;
        }
        let cells: Vec<&str> = all
            .iter()
            .map(|results| verdict_of(results, test).map_or("", Verdict::word))
            .collect();
        let reason = all
            .iter()
            .filter_map(|results| results.tests.get(test))
            .find(|result| result.message.is_some())
            .map(shortened)
            .unwrap_or_default();
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            cell(test),
            cells.join(" | "),
            cell(&reason)
        );
    }

    expected(&mut page);
    page
}

/// Adds the tests that are expected to fail.
fn expected(page: &mut String) {
    let _ = writeln!(
        page,
        "\n## Tests that are expected to fail\n\n| test | in | reason |\n|---|---|---|"
    );
    for failure in &Known::built_in().failure {
        let place = match failure.place {
            Place::Tenants => "tenants",
            Place::Everywhere => "tenants and host",
        };
        let conditions = [
            failure.one_node.then_some(", on one node"),
            failure.assembled.then_some(", with assembled images"),
        ];
        let conditions: String = conditions.into_iter().flatten().collect();
        let (test, reason) = (cell(&failure.test), cell(&failure.reason));
        let _ = writeln!(page, "| {test} | {place}{conditions} | {reason} |");
    }
}

/// Returns a text as it may stand in a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}

/// Returns the verdicts of one run in one cluster as XML.
pub fn junit(results: &Results) -> Result<String, Error> {
    let mut report = Report::new("conformance");
    let mut suite = TestSuite::new(results.cluster.name.as_str());
    suite.add_property(("kubernetes", results.cluster.kubernetes.as_str()));
    suite.add_property(("substrate", results.cluster.substrate.as_str()));
    suite.add_property(("nodes", results.cluster.nodes.to_string().as_str()));
    for (test, result) in &results.tests {
        let message = result.message.as_deref().unwrap_or_default();
        let mut status = match result.verdict {
            Verdict::Passed => TestCaseStatus::success(),
            Verdict::Failed | Verdict::PassedUnexpectedly => {
                TestCaseStatus::non_success(NonSuccessKind::Failure)
            }
            Verdict::Known | Verdict::NotRun => TestCaseStatus::skipped(),
        };
        if result.verdict != Verdict::Passed {
            status.set_message(format!("{}: {message}", result.verdict.word()));
            status.set_description(message);
        }
        let mut case = TestCase::new(test.as_str(), status);
        case.set_classname(group(test))
            .set_time(Duration::from_secs_f64(result.seconds.max(0.0)));
        suite.add_test_case(case);
    }
    report.add_test_suite(suite);
    report.to_string().map_err(|source| Error::Form {
        path: "junit.xml".into(),
        source: source.into(),
    })
}

/// Returns the tests that the host passes and a tenant does not, by tenant.
fn behind(all: &[Results]) -> Vec<(&str, Vec<&str>)> {
    let Some(host) = all.iter().find(|results| !results.cluster.tenant) else {
        return Vec::new();
    };
    let tenants = all.iter().filter(|results| results.cluster.tenant);
    tenants
        .map(|tenant| {
            let tests = tenant.tests.iter().filter(|(test, result)| {
                result.verdict != Verdict::Passed && verdict_of(host, test) == Some(Verdict::Passed)
            });
            let tests: Vec<&str> = tests.map(|(test, _)| test.as_str()).collect();
            (tenant.cluster.name.as_str(), tests)
        })
        .filter(|(_, tests)| !tests.is_empty())
        .collect()
}

fn verdict_of(results: &Results, test: &str) -> Option<Verdict> {
    results.tests.get(test).map(|result| result.verdict)
}

/// Returns the special interest group that owns a test: `sig-node` of `[sig-node] Pods should …`.
fn group(test: &str) -> &str {
    let named = test.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    named.map_or("", |(group, _)| group)
}

fn shortened(result: &TestResult) -> String {
    let message = result.message.as_deref().unwrap_or_default().trim();
    match message.char_indices().nth(REASON) {
        Some((end, _)) => format!("{} …", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both() -> Vec<Results> {
        vec![
            Results::example(
                "tenant-1",
                &[
                    ("[sig-node] Pods should run [Conformance]", Verdict::Passed, ""),
                    (
                        "[sig-node] Pods should fail [Conformance]",
                        Verdict::Failed,
                        "pod x\nis | <gone>",
                    ),
                    (
                        "[sig-apps] Taints should evict [Serial] [Conformance]",
                        Verdict::Known,
                        "Nodes are read-only.",
                    ),
                ],
            ),
            Results::example(
                "host",
                &[
                    ("[sig-node] Pods should run [Conformance]", Verdict::Passed, ""),
                    ("[sig-node] Pods should fail [Conformance]", Verdict::Passed, ""),
                ],
            ),
        ]
    }

    #[test]
    fn clusters_are_shown_side_by_side_with_what_failed() {
        insta::assert_snapshot!(text(&both()));
    }

    #[test]
    fn a_page_lists_what_did_not_pass_everywhere() {
        insta::assert_snapshot!(markdown(&both()));
    }

    #[test]
    fn a_ci_server_gets_failures_and_reasons() {
        insta::assert_snapshot!(junit(&both()[0]).unwrap());
    }
}
