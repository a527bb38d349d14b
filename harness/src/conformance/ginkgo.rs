//! One run of the test program against one cluster.
//!
//! Ginkgo, the tests' framework, runs the program in several processes and merges their reports. It runs `[Serial]` tests
//! after the others, one at a time.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use provision::command::{Command, Group};
use provision::events::{Event, Events};
use provision::wait;
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Error, STAGE};

/// The time that an interrupted run has to remove the objects of its tests.
const GRACE: Duration = Duration::from_mins(2);

/// The rest between two looks at the log.
const LOOK: Duration = Duration::from_secs(1);

/// The longest run: all tests, one at a time, on a slow machine.
const TIMEOUT: &str = "12h";

/// The parameters of a run.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) ginkgo: &'a Path,
    pub(super) program: &'a Path,
    pub(super) kubectl: &'a Path,
    pub(super) kubeconfig: &'a Path,
    pub(super) registries: Option<&'a Path>,
    /// The folder of the log and the report; it exists.
    pub(super) folder: &'a Path,
    /// The cluster's name.
    pub(super) cluster: &'a str,
    /// The names of the tests.
    pub(super) tests: &'a [String],
    /// The number of processes.
    pub(super) procs: usize,
    pub(super) seed: u64,
}

/// The outcome of one test, as the framework reports it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outcome {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) seconds: f64,
    pub(super) message: Option<String>,
}

/// The state of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Passed,
    Failed,
    Skipped,
    /// The run was stopped before the test ended.
    Interrupted,
}

/// Runs the tests, and returns the outcomes of those that were begun.
pub(super) async fn run(
    request: &Request<'_>,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Vec<Outcome>, Error> {
    let (log, report) = (
        request.folder.join("ginkgo.log"),
        request.folder.join("ginkgo.json"),
    );
    match fs::remove_file(&report) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::file("remove", &report)(error));
        }
        _ => {}
    }
    let output = File::create(&log).map_err(Error::file("create", &log))?;
    let mut group = command(request).start(&output).map_err(|source| Error::Command {
        what: format!("run the tests in {}", request.cluster),
        source,
    })?;
    follow(&mut group, &log, request, events, cancel).await?;
    let text = fs::read(&report).map_err(|_missing| Error::NoReport {
        cluster: request.cluster.to_owned(),
        log,
    })?;
    parse(&text).map_err(|source| Error::Form { path: report, source })
}

fn command(request: &Request<'_>) -> Command {
    let names: Vec<String> = request.tests.iter().map(|name| regex::escape(name)).collect();
    let command = Command::new(request.ginkgo)
        .args(["run", "-v", "--no-color", "--keep-going", "--timeout", TIMEOUT])
        .arg(format!("--procs={}", request.procs))
        .arg(format!("--seed={}", request.seed % (1 << 31)))
        .arg(format!("--focus=({})$", names.join("|")))
        .arg("--json-report=ginkgo.json")
        .arg(format!("--output-dir={}", request.folder.display()))
        .arg(request.program)
        .arg("--")
        .args(["--provider=skeleton", "--disable-log-dump"])
        .arg(format!("--kubeconfig={}", request.kubeconfig.display()))
        .arg(format!("--kubectl-path={}", request.kubectl.display()))
        .directory(request.folder);
    match request.registries {
        Some(file) => command.env("KUBE_TEST_REPO_LIST", file),
        None => command,
    }
}

/// Waits for the end of the run. When it is cancelled, the framework stops its tests, cleans up and reports.
async fn follow(
    group: &mut Group,
    log: &Path,
    request: &Request<'_>,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<(), Error> {
    let mut progress = Progress {
        log: log.to_owned(),
        read: 0,
        begun: String::new(),
        done: 0,
        failed: 0,
    };
    let failed = |source| Error::File {
        what: "wait for the tests that log to",
        path: log.to_owned(),
        source,
    };
    let mut looks = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            ended = group.wait() => {
                // The exit code only repeats that a test failed, which the report says.
                ended.map_err(failed)?;
                return Ok(());
            }
            () = cancel.cancelled() => break,
            _ = looks.tick() => progress.tell(request, events),
        }
    }
    events.progress(STAGE, format!("{}: stopping the tests", request.cluster));
    let pid = group.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
    // All of its processes, as from a terminal. One that has just ended by itself needs no signal.
    let _ended = pid.map(|pid| kill_process_group(pid, Signal::INT));
    if let Some(ended) = wait::at_most(GRACE, group.wait()).await {
        ended.map_err(failed)?;
    }
    Ok(())
}

/// The progress that a log shows.
struct Progress {
    log: PathBuf,
    read: u64,
    begun: String,
    done: usize,
    failed: usize,
}

impl Progress {
    /// Reads the rest of the log and reports the number of tests that have ended.
    fn tell(&mut self, request: &Request<'_>, events: &Events) {
        // A log that cannot be read now is read the next time; the report does not depend on it.
        let Ok(new) = self.rest() else { return };
        let before = self.done;
        self.add(&new);
        if self.done > before {
            events.tell(Event::Progress {
                stage: STAGE.to_owned(),
                what: match self.failed {
                    0 => request.cluster.to_owned(),
                    failed => format!("{}, {failed} failed", request.cluster),
                },
                done: Some(self.done as u64),
                total: Some(request.tests.len() as u64),
                seconds_left: None,
            });
        }
    }

    fn rest(&mut self) -> std::io::Result<String> {
        let mut file = File::open(&self.log)?;
        file.seek(SeekFrom::Start(self.read))?;
        let mut new = Vec::new();
        self.read += file.read_to_end(&mut new)? as u64;
        Ok(String::from_utf8_lossy(&new).into_owned())
    }

    fn add(&mut self, new: &str) {
        self.begun += new;
        let Some(end) = self.begun.rfind('\n') else { return };
        for line in self.begun[..end].lines() {
            // Such as `• [4.321 seconds]`, `• [FAILED] [30.123 seconds]`; tests that were not selected have no time.
            if line.starts_with("• [") && line.ends_with(" seconds]") {
                self.done += 1;
                self.failed += usize::from(!line[5..].starts_with(|first: char| first.is_ascii_digit()));
            }
        }
        self.begun.drain(..=end);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Report {
    #[serde(default)]
    spec_reports: Option<Vec<Spec>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Spec {
    container_hierarchy_texts: Option<Vec<String>>,
    leaf_node_type: String,
    leaf_node_text: String,
    state: String,
    run_time: u64,
    failure: Option<Failure>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    #[serde(default)]
    message: String,
}

/// Reads the framework's report; tests that were not selected are left out.
fn parse(text: &[u8]) -> Result<Vec<Outcome>, Box<dyn std::error::Error + Send + Sync>> {
    let reports: Vec<Report> = serde_json::from_slice(text)?;
    let specs = reports
        .into_iter()
        .flat_map(|report| report.spec_reports.unwrap_or_default());
    Ok(specs.filter_map(Spec::outcome).collect())
}

impl Spec {
    fn outcome(self) -> Option<Outcome> {
        let message = self
            .failure
            .map(|failure| failure.message)
            .filter(|message| !message.is_empty());
        let state = match self.state.as_str() {
            "passed" => State::Passed,
            // A test that was not selected is skipped without a word.
            "skipped" if message.is_some() => State::Skipped,
            "skipped" | "pending" => return None,
            "interrupted" | "aborted" => State::Interrupted,
            _ => State::Failed,
        };
        let is_test = self.leaf_node_type == "It";
        let texts = self.container_hierarchy_texts.unwrap_or_default();
        let name = texts.into_iter().chain([self.leaf_node_text]);
        is_test.then(|| Outcome {
            name: name.collect::<Vec<_>>().join(" "),
            state,
            #[expect(clippy::cast_precision_loss, reason = "nanoseconds of some hours fit")]
            seconds: (self.run_time / 1_000_000) as f64 / 1e3,
            message,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_gives_the_outcome_of_each_test_that_was_begun() {
        let text = r#"[{"SpecReports": [
            {"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "work [Conformance]",
             "State": "passed", "RunTime": 1500000000},
            {"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "fail [Conformance]",
             "State": "timedout", "RunTime": 0, "Failure": {"Message": "timed out"}},
            {"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "need two [Conformance]",
             "State": "skipped", "RunTime": 0, "Failure": {"Message": "one node"}},
            {"ContainerHierarchyTexts": ["[sig-node] Pods"], "LeafNodeType": "It", "LeafNodeText": "was not selected",
             "State": "skipped", "RunTime": 0},
            {"ContainerHierarchyTexts": null, "LeafNodeType": "SynchronizedBeforeSuite", "LeafNodeText": "",
             "State": "passed", "RunTime": 1}
        ]}, {"SpecReports": null}]"#;
        let outcomes = parse(text.as_bytes()).unwrap();
        let short: Vec<(&str, State, f64)> = outcomes
            .iter()
            .map(|outcome| (outcome.name.as_str(), outcome.state, outcome.seconds))
            .collect();
        assert_eq!(
            short,
            [
                ("[sig-node] Pods work [Conformance]", State::Passed, 1.5),
                ("[sig-node] Pods fail [Conformance]", State::Failed, 0.0),
                ("[sig-node] Pods need two [Conformance]", State::Skipped, 0.0),
            ]
        );
    }

    #[test]
    fn progress_counts_lines_also_when_they_come_in_pieces() {
        let mut progress = Progress {
            log: PathBuf::new(),
            read: 0,
            begun: String::new(),
            done: 0,
            failed: 0,
        };
        progress.add("some\n• [1.2 seconds]\n• [FAIL");
        assert_eq!((progress.done, progress.failed), (1, 0));
        progress.add("ED] [30.1 seconds]\nS [SKIPPED] [0.1 seconds]\n");
        assert_eq!((progress.done, progress.failed), (2, 1));
    }
}
