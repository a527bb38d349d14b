//! Running the tests against one cluster.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::{Namespace, Node};
use kube::api::{Api, DeleteParams, ListParams};
use kube::{Client, ResourceExt};

use super::ginkgo::{self, Outcome, State};
use super::known::{Failure, Known};
use super::results::{Cluster, Results, TestResult, Verdict};
use super::{Error, PROGRAM, Prepared, STAGE, Setting, render};
use crate::substrate;

/// The label that the tests' framework puts on its namespaces.
const RUN_LABEL: &str = "e2e-run";

/// The host cluster's name in reports.
pub const HOST: &str = "host";

/// Everything that is asked of a run.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// The names of the tests.
    pub(super) tests: &'a [String],
    /// The number of tests that run side by side.
    pub(super) procs: usize,
    /// True if tests run that wait for minutes before they fail as expected.
    pub(super) known: bool,
    /// The folder of the reports.
    pub(super) folder: &'a Path,
    /// The seed of the tests' order.
    pub(super) seed: u64,
}

/// Runs the tests against the cluster `name`, a tenant's or the host's, and writes its reports.
///
/// Returns the verdicts of this run alone. An interrupted run reports the verdicts that it has.
pub(super) async fn run(
    name: &str,
    request: &Request<'_>,
    prepared: &Prepared,
    setting: &Setting<'_>,
) -> Result<Results, Error> {
    let tenants = &setting.attached.tenants;
    let kubeconfig = match tenants.iter().find(|tenant| tenant.name == name) {
        Some(tenant) => &tenant.kubeconfig,
        None => &setting.attached.kubeconfig,
    };
    let client = substrate::client(kubeconfig)
        .await
        .map_err(|source| Error::Client {
            cluster: name.to_owned(),
            source,
        })?;
    let cluster = describe(name, &client, prepared, setting).await?;
    let known = Known::built_in();
    let (running, waiting): (Vec<String>, Vec<String>) = request.tests.iter().cloned().partition(|test| {
        let failure = known.of(test, &cluster);
        request.known || !failure.is_some_and(|failure| failure.waits)
    });

    let folder = request.folder.join(name);
    fs::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let began = jiff::Timestamp::now();
    let outcomes = if running.is_empty() {
        Vec::new()
    } else {
        let binaries = &prepared.binaries;
        let run = ginkgo::Request {
            ginkgo: binaries.program("ginkgo")?,
            program: binaries.program(PROGRAM)?,
            kubectl: binaries.program("kubectl")?,
            kubeconfig,
            registries: prepared.registries.as_deref(),
            folder: &folder,
            cluster: name,
            tests: &running,
            procs: request.procs,
            seed: request.seed,
        };
        ginkgo::run(&run, setting.events, setting.cancel).await?
    };
    remove_left(name, &client, began, setting).await?;

    let mut results = Results::new(cluster);
    let mut outcomes: BTreeMap<String, Outcome> = outcomes
        .into_iter()
        .map(|outcome| (outcome.name.clone(), outcome))
        .collect();
    for test in running {
        let failure = known.of(&test, &results.cluster);
        let judged = judge(outcomes.remove(&test), failure, began);
        results.tests.insert(test, judged);
    }
    for test in waiting {
        let reason = known.of(&test, &results.cluster).map(|failure| &failure.reason);
        let reason = reason.map_or("", String::as_str);
        results.tests.insert(
            test,
            not_run(
                format!("it waits for minutes before it fails, and runs only with --known: {reason}"),
                began,
            ),
        );
    }
    keep(&results, request.folder)?;
    Ok(results)
}

/// Writes a cluster's reports, and the ones of all clusters together.
fn keep(results: &Results, folder: &Path) -> Result<(), Error> {
    let mut whole = results.clone();
    if let Some(earlier) = Results::read(&Results::file(folder, &results.cluster.name))? {
        whole.add_earlier(earlier);
    }
    whole.write(folder)?;
    let write = |name: &str, text: String| {
        let file = folder.join(name);
        fs::write(&file, text).map_err(Error::file("write", &file))
    };
    write(
        &format!("{}/junit.xml", results.cluster.name),
        render::junit(results)?,
    )?;
    let all = Results::read_all(folder)?;
    write("conformance.md", render::markdown(&all))?;
    write("conformance.txt", render::text(&all))
}

async fn describe(
    name: &str,
    client: &Client,
    prepared: &Prepared,
    setting: &Setting<'_>,
) -> Result<Cluster, Error> {
    let refused = |action| refused(name, action);
    let version = client
        .apiserver_version()
        .await
        .map_err(refused("ask for the version"))?;
    let nodes: Api<Node> = Api::all(client.clone());
    let nodes = nodes
        .list_metadata(&ListParams::default())
        .await
        .map_err(refused("list nodes"))?;
    if nodes.items.is_empty() {
        return Err(Error::NoNodes {
            cluster: name.to_owned(),
        });
    }
    Ok(Cluster {
        name: name.to_owned(),
        tenant: name != HOST,
        kubernetes: version.git_version,
        substrate: setting.attached.substrate.to_string(),
        nodes: nodes.items.len(),
        assembled_images: prepared.assembled,
    })
}

/// Removes the namespaces that tests of this run left, which they do when they are stopped.
async fn remove_left(
    name: &str,
    client: &Client,
    began: jiff::Timestamp,
    setting: &Setting<'_>,
) -> Result<(), Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let refused = |action| refused(name, action);
    let listed = namespaces
        .list_metadata(&ListParams::default().labels(RUN_LABEL))
        .await
        .map_err(refused("list the namespaces of the tests"))?;
    // The API gives whole seconds.
    let since = began.as_second();
    let left = listed.items.into_iter().filter(|namespace| {
        let made = namespace.creation_timestamp();
        namespace.metadata.deletion_timestamp.is_none() && made.is_some_and(|at| at.0.as_second() >= since)
    });
    for namespace in left {
        let namespace = namespace.name_any();
        setting
            .events
            .progress(STAGE, format!("{name}: removing the namespace {namespace}"));
        match namespaces.delete(&namespace, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            deleted => {
                deleted.map_err(refused("delete a namespace of the tests"))?;
            }
        }
    }
    Ok(())
}

fn refused(cluster: &str, action: &'static str) -> impl FnOnce(kube::Error) -> Error {
    let cluster = cluster.to_owned();
    move |source| Error::Refused {
        action,
        cluster,
        source: Box::new(source),
    }
}

fn judge(outcome: Option<Outcome>, failure: Option<&Failure>, at: jiff::Timestamp) -> TestResult {
    let Some(outcome) = outcome else {
        return not_run("the run ended before it".to_owned(), at);
    };
    let reason = failure.map(|failure| failure.reason.clone());
    let (verdict, message) = match (outcome.state, reason) {
        (State::Passed, None) => (Verdict::Passed, None),
        (State::Passed, Some(reason)) => (
            Verdict::PassedUnexpectedly,
            Some(format!(
                "take it out of harness/conformance/known.toml, which says: {reason}"
            )),
        ),
        (State::Failed, Some(reason)) => (Verdict::Known, Some(reason)),
        (State::Failed, None) => (Verdict::Failed, outcome.message),
        (State::Skipped, _) => (Verdict::NotRun, outcome.message),
        (State::Interrupted, _) => (Verdict::NotRun, Some("the run was stopped during it".to_owned())),
    };
    TestResult {
        verdict,
        seconds: outcome.seconds,
        at,
        message,
    }
}

fn not_run(message: String, at: jiff::Timestamp) -> TestResult {
    TestResult {
        verdict: Verdict::NotRun,
        seconds: 0.0,
        at,
        message: Some(message),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::conformance::known::Place;

    #[rstest]
    #[case::passed(State::Passed, false, Verdict::Passed)]
    #[case::failed(State::Failed, false, Verdict::Failed)]
    #[case::known(State::Failed, true, Verdict::Known)]
    #[case::known_and_passed(State::Passed, true, Verdict::PassedUnexpectedly)]
    #[case::skipped(State::Skipped, false, Verdict::NotRun)]
    #[case::known_and_skipped(State::Skipped, true, Verdict::NotRun)]
    #[case::interrupted(State::Interrupted, false, Verdict::NotRun)]
    fn an_outcome_is_judged_by_what_is_expected(
        #[case] state: State,
        #[case] expected: bool,
        #[case] verdict: Verdict,
    ) {
        let outcome = Outcome {
            name: "a".into(),
            state,
            seconds: 1.0,
            message: Some("it said so".into()),
        };
        let failure = Failure {
            test: "a".into(),
            place: Place::Everywhere,
            one_node: false,
            assembled: false,
            waits: false,
            reason: "It cannot.".into(),
        };
        let failure = expected.then_some(&failure);
        let judged = judge(Some(outcome), failure, jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(judged.verdict, verdict);
        let bad = [Verdict::Failed, Verdict::PassedUnexpectedly];
        assert_eq!(judged.verdict.is_bad(), bad.contains(&verdict));
    }

    #[test]
    fn a_test_without_an_outcome_did_not_run() {
        assert_eq!(
            judge(None, None, jiff::Timestamp::UNIX_EPOCH).verdict,
            Verdict::NotRun
        );
    }
}
