//! For CI servers: `JUnit`'s XML.
//!
//! A suite a module of scenarios, and one of the stages, so that a run that could not start is not an empty success.
//! `JUnit` knows neither *known* nor *not run*; both are skipped there, with the reason.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use super::Error;
use super::summary::{Scenario, Stage, Summary};
use crate::events::{Status, Verdict};

/// The summary as XML.
pub fn render(summary: &Summary) -> Result<String, Error> {
    let mut report = Report::new("shared-dapr");
    report.set_time(duration(summary.seconds));
    report.add_test_suite(stages(summary));
    let mut scenarios: Vec<&Scenario> = summary.scenarios.iter().collect();
    scenarios.sort_by_key(|scenario| module(scenario));
    for of_module in scenarios.chunk_by(|a, b| module(a) == module(b)) {
        let mut suite = TestSuite::new(module(of_module[0]));
        suite.set_time(duration(of_module.iter().map(|scenario| scenario.seconds).sum()));
        suite.add_test_cases(of_module.iter().map(|scenario| case(scenario)));
        report.add_test_suite(suite);
    }
    report.to_string().map_err(|source| Error::Render {
        what: "junit.xml",
        source: Box::new(source),
    })
}

fn stages(summary: &Summary) -> TestSuite {
    let mut suite = TestSuite::new("stages");
    suite.set_time(duration(summary.seconds));
    let why = summary.stopped_by.as_deref().unwrap_or("see the run's output");
    suite.add_test_cases(summary.stages.iter().map(
        |Stage {
             name,
             seconds,
             status,
             ..
         }| {
            let status = match status {
                Status::Ok => TestCaseStatus::success(),
                Status::Failed => said(TestCaseStatus::non_success(NonSuccessKind::Error), why),
            };
            let mut case = TestCase::new(&**name, status);
            case.set_classname("stages").set_time(duration(*seconds));
            case
        },
    ));
    suite
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
    status.set_message(why.lines().next().unwrap_or_default());
    if why.lines().nth(1).is_some() {
        status.set_description(why);
    }
    status
}

fn module(scenario: &Scenario) -> &str {
    scenario.name.split("::").next().unwrap_or_default()
}

fn duration(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.max(0.0))
}
