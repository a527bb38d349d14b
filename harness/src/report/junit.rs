//! For CI servers: `JUnit`'s XML.
//!
//! There is a suite for each module of scenarios, and one for the run itself, whose properties are the parameters of
//! the run and the durations of its stages. A stage is a test there only if it failed, and the run is one if it was
//! stopped otherwise. So a run that could not start is not an empty success. `JUnit` knows neither *known* nor *not
//! run*; both are skipped there, with the reason.

use std::str::FromStr;
use std::time::Duration;

use provision::events::{Status, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::summary::{Scenario, Stage, Summary};
use super::{Error, text};

/// The suite of the run itself.
const RUN: &str = "run";

/// Returns the summary as XML.
pub fn render(summary: &Summary) -> Result<String, Error> {
    let mut report = Report::new("shared-dapr");
    report.set_time(duration(summary.seconds));
    report.timestamp = began(summary);
    report.add_test_suite(run(summary));
    let mut scenarios: Vec<&Scenario> = summary.scenarios.iter().collect();
    scenarios.sort_by_key(|scenario| module(scenario));
    for of_module in scenarios.chunk_by(|a, b| module(a) == module(b)) {
        let mut suite = suite(summary, module(of_module[0]));
        suite.set_time(duration(of_module.iter().map(|scenario| scenario.seconds).sum()));
        suite.add_test_cases(of_module.iter().map(|scenario| case(scenario)));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|source| Error::Render {
        what: "junit.xml",
        source: Box::new(source),
    })
}

fn suite(summary: &Summary, name: &str) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.timestamp = began(summary);
    if !summary.hostname.is_empty() {
        let hostname = summary.hostname.as_str();
        suite.extra.insert("hostname".into(), hostname.into());
    }
    suite
}

/// Returns the start of the run as a time of the library's type.
fn began<T: FromStr>(summary: &Summary) -> Option<T> {
    summary.started.to_string().parse().ok()
}

fn run(summary: &Summary) -> TestSuite {
    let mut suite = suite(summary, RUN);
    suite.set_time(duration(summary.seconds));
    suite.add_properties(properties(summary));
    let why = summary.stopped_by.as_deref();
    let failed = summary
        .stages
        .iter()
        .filter(|stage| stage.status == Status::Failed);
    suite.add_test_cases(
        failed
            .map(|Stage { name, seconds, .. }| error(name, *seconds, why.unwrap_or("see the run's output"))),
    );
    if let (Some(why), true) = (why, suite.test_cases.is_empty()) {
        suite.add_test_case(error(RUN, summary.seconds, why));
    }
    suite
}

fn error(name: &str, seconds: f64, why: &str) -> TestCase {
    let status = said(TestCaseStatus::non_success(NonSuccessKind::Error), why);
    let mut case = TestCase::new(name, status);
    case.set_classname(RUN).set_time(duration(seconds));
    case
}

/// Returns the parameters of the run, and the duration of each stage.
fn properties(summary: &Summary) -> Vec<(String, String)> {
    let Summary {
        run,
        substrate,
        kubernetes,
        virtual_cluster,
        tenants,
        environment,
        seed,
        ..
    } = summary;
    let named = [
        ("run", run.clone()),
        ("environment", environment.clone()),
        ("seed", seed.to_string()),
        ("substrate", substrate.clone()),
        ("kubernetes", kubernetes.to_string()),
        ("virtual_cluster", virtual_cluster.clone()),
        ("tenants", tenants.join(", ")),
        ("verdict", text::verdict(summary)),
    ];
    let named = named.map(|(name, value)| (name.to_owned(), value));
    let stages = summary.stages.iter();
    let stages = stages.map(|stage| {
        (
            format!("stage {} seconds", stage.name),
            format!("{:.3}", stage.seconds),
        )
    });
    named.into_iter().chain(stages).collect()
}

fn case(scenario: &Scenario) -> TestCase {
    let reason = scenario.reason.as_deref().unwrap_or_default();
    let status = match scenario.status {
        Verdict::Passed => TestCaseStatus::success(),
        Verdict::Failed => said(TestCaseStatus::non_success(NonSuccessKind::Failure), reason),
        Verdict::Known => said(TestCaseStatus::skipped(), &format!("known to fail: {reason}")),
        Verdict::NotRun => said(TestCaseStatus::skipped(), &format!("not run: {reason}")),
    };
    let name = match &scenario.tenant {
        Some(tenant) => format!("{} in {tenant}", scenario.name),
        None => scenario.name.clone(),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(&*scenario.id)
        .set_time(duration(scenario.seconds));
    if let Some(evidence) = &scenario.evidence {
        case.set_system_out(format!("evidence: {evidence}"));
    }
    case
}

fn said(mut status: TestCaseStatus, why: &str) -> TestCaseStatus {
    // Some servers show the one, some the other.
    status.set_message(why.lines().next().unwrap_or_default());
    status.set_description(why);
    status
}

fn module(scenario: &Scenario) -> &str {
    scenario.name.split("::").next().unwrap_or_default()
}

fn duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}
