use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use provision::events::{Events, ScenarioResult, Verdict};
use rstest::rstest;
use tokio_util::sync::CancellationToken;

use super::selection::Surroundings;
use super::*;

const CATALOGUE: &str = r#"
[[scenario]]
test = "sync::sy_01_create"
scope = "tenant"
promise = "What is made in the guest is there on the host."

[[scenario]]
test = "isolation::is_01_leak"
scope = "pair"
known = "the tutorial's prefix"
for = "vcluster"
promise = "A tenant never reads another's value."

[[scenario]]
test = "restart::re_01_kill"
scope = "environment"
disruptive = true
at_most_seconds = 1
promise = "Host pods outlive the control plane."

[[scenario]]
test = "upgrade::up_01_names"
scope = "environment"
requires = ["vcluster"]
promise = "Names are kept."
"#;

fn catalogue() -> Catalogue {
    Catalogue::parse(CATALOGUE).unwrap()
}

fn tests() -> Vec<String> {
    [
        "sync::sy_01_create::case_1_small",
        "isolation::is_01_leak",
        "restart::re_01_kill",
        "upgrade::up_01_names",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn surroundings(tenants: &[&str], virtual_cluster: &str) -> Surroundings {
    Surroundings {
        tenants: tenants.iter().map(|tenant| (*tenant).to_owned()).collect(),
        substrate: "native".to_owned(),
        virtual_cluster: virtual_cluster.to_owned(),
    }
}

fn select(surroundings: &Surroundings, filter: Option<&str>) -> Result<Selection, Error> {
    Selection::of(&tests(), &catalogue(), surroundings, filter)
}

fn runs(planned: &[Planned]) -> Vec<(String, Option<String>)> {
    planned
        .iter()
        .map(|planned| (planned.id.clone(), planned.place()))
        .collect()
}

#[test]
fn a_family_is_all_scenarios_with_its_ids() {
    let selection = select(&surroundings(&["tenant-1", "tenant-2"], "embedded"), Some("IS")).unwrap();
    let ids: Vec<_> = selection
        .side_by_side
        .iter()
        .map(|planned| planned.id.as_str())
        .collect();
    assert_eq!(ids, ["IS-01"]);
    assert!(select(&surroundings(&["tenant-1"], "embedded"), Some("XX")).is_err());
}

#[test]
fn the_built_in_catalogue_can_be_read() {
    Catalogue::built_in().unwrap();
}

#[test]
fn a_scenario_runs_where_its_scope_says() {
    let selection = select(
        &surroundings(&["tenant-1", "tenant-2", "tenant-3"], "embedded"),
        None,
    )
    .unwrap();
    let place = |name: &str| Some(name.to_owned());
    assert_eq!(
        runs(&selection.side_by_side),
        [
            ("SY-01".to_owned(), place("tenant-1")),
            ("SY-01".to_owned(), place("tenant-2")),
            ("SY-01".to_owned(), place("tenant-3")),
            ("IS-01".to_owned(), place("tenant-1, tenant-2")),
        ]
    );
    assert_eq!(runs(&selection.alone), [("RE-01".to_owned(), None)]);
    assert_eq!(selection.side_by_side[3].known, None);
    assert_eq!(selection.side_by_side[0].at_most, crate::plan::SCENARIO);
    assert_eq!(selection.alone[0].at_most, Duration::from_secs(1));
}

#[test]
fn what_cannot_run_is_left_out_with_why() {
    let selection = select(&surroundings(&["tenant-1"], "embedded"), None).unwrap();
    let left_out: Vec<_> = selection
        .left_out
        .iter()
        .map(|result| {
            (
                &*result.id,
                result.status,
                result.reason.as_deref().unwrap_or_default(),
            )
        })
        .collect();
    assert_eq!(
        left_out,
        [
            (
                "IS-01",
                Verdict::NotRun,
                "it needs two tenants; this environment has 1"
            ),
            (
                "UP-01",
                Verdict::NotRun,
                "it needs vcluster; this environment has embedded virtual clusters; its substrate is native"
            ),
        ]
    );
}

#[test]
fn a_known_failure_is_known_of_the_provider_it_is_for() {
    let selection = select(&surroundings(&["a", "b"], "vcluster"), Some("IS-01")).unwrap();
    assert_eq!(
        selection.side_by_side[0].known.as_deref(),
        Some("the tutorial's prefix")
    );
}

#[rstest]
#[case::id("sy-01", 2)]
#[case::part("case_1", 2)]
#[case::module("restart::", 1)]
fn a_filter_is_an_id_or_a_part_of_the_path(#[case] filter: &str, #[case] count: usize) {
    assert_eq!(
        select(&surroundings(&["a", "b"], "embedded"), Some(filter))
            .unwrap()
            .len(),
        count
    );
}

#[rstest]
#[case::near("SY-02", "find a scenario for `SY-02`: is it `SY-01`?")]
#[case::far("nothing like it", "find a scenario for `nothing like it`")]
fn a_filter_that_matches_nothing_is_wrong_usage(#[case] filter: &str, #[case] text: &str) {
    let error = select(&surroundings(&["a"], "embedded"), Some(filter)).unwrap_err();
    assert!(error.is_usage());
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_test_without_an_entry_is_an_error() {
    let tests = ["sync::sy_99_new".to_owned()];
    let error = Selection::of(&tests, &catalogue(), &surroundings(&["a"], "embedded"), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "find sync::sy_99_new in scenarios/catalogue.toml"
    );
}

/// Runs the catalogue's scenarios with `script` in the place of the test binary; `$2` is the test's path.
async fn run_script(script: &str, cancel: &CancellationToken) -> (tempfile::TempDir, Vec<ScenarioResult>) {
    let folder = tempfile::tempdir().unwrap();
    let results = run_script_in(&folder, script, cancel).await;
    (folder, results)
}

async fn run_script_in(
    folder: &tempfile::TempDir,
    script: &str,
    cancel: &CancellationToken,
) -> Vec<ScenarioResult> {
    let path = folder.path().join("scenarios");
    fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let surroundings = surroundings(&["tenant-1", "tenant-2"], "embedded");
    let setting = Setting {
        environment: &PathBuf::from("/environment.json"),
        surroundings: &surroundings,
        seed: 7,
        report_dir: &folder.path().join("report"),
        jobs: 2,
        evidence: None,
        cancel,
    };
    let selection = select(&surroundings, None).unwrap();
    run(&Binary::at(path), selection, &setting, &Events::ignored())
        .await
        .unwrap()
}

fn result<'r>(results: &'r [ScenarioResult], id: &str) -> &'r ScenarioResult {
    results.iter().find(|result| result.id == id).unwrap()
}

#[tokio::test]
async fn scenarios_get_their_environment_and_are_judged_by_their_exit() {
    let script = r#"
echo "$HARNESS_ENVIRONMENT $HARNESS_SEED ${HARNESS_TENANT-none} ${HARNESS_OTHER_TENANT-none}"
case $2 in
  sync::*) echo "test result: ok. 1 passed; 0 failed" ;;
  isolation::*) echo "Error: it leaks" >&2; exit 101 ;;
  *) sleep 60 ;;
esac"#;
    let started = Instant::now();
    let (folder, results) = run_script(script, &CancellationToken::new()).await;

    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(result(&results, "SY-01").status, Verdict::Passed);
    assert_eq!(result(&results, "UP-01").status, Verdict::NotRun);
    let leak = result(&results, "IS-01");
    assert_eq!(
        (leak.status, leak.reason.as_deref()),
        (Verdict::Failed, Some("it leaks"))
    );
    let evidence = folder
        .path()
        .join("report")
        .join(leak.evidence.as_deref().unwrap());
    assert_eq!(
        fs::read_to_string(run::output_in(&evidence)).unwrap(),
        "/environment.json 7 tenant-1 tenant-2\nError: it leaks\n"
    );
    assert_eq!(
        result(&results, "RE-01").reason.as_deref(),
        Some("it was ended after 1 s; it had said:\n/environment.json 7 none none")
    );
    let kept = fs::read_dir(folder.path().join("report/evidence"))
        .unwrap()
        .count();
    assert_eq!(kept, 2, "those that passed leave nothing");
}

#[tokio::test]
async fn scenarios_are_judged_alike_where_no_evidence_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing can be made below it, as on a disk that is full.
    fs::write(folder.path().join("report"), "").unwrap();
    let script = r#"
case $2 in
  sync::*) echo "test result: ok. 1 passed; 0 failed" ;;
  *) echo "Error: it leaks" >&2; exit 101 ;;
esac"#;
    let results = run_script_in(&folder, script, &CancellationToken::new()).await;
    assert_eq!(result(&results, "SY-01").status, Verdict::Passed);
    let leak = result(&results, "IS-01");
    assert_eq!(
        (leak.status, leak.reason.as_deref(), &leak.evidence),
        (Verdict::Failed, Some("it leaks"), &None)
    );
}

#[rstest]
#[case::none(None, true)]
#[case::id(Some("IS-01"), true)]
#[case::family(Some("SY"), true)]
#[case::path(Some("sy_04"), true)]
#[case::of_a_case(Some("an_item_added"), true)]
#[case::of_a_case_by_number(Some("case_1_an_item_added"), true)]
#[case::of_a_case_by_path(Some("sy_04_an_update_reaches_the_host::case_1"), true)]
#[case::unknown_id(Some("NOPE-99"), false)]
#[case::unknown_word(Some("shared_sate"), false)]
fn a_filter_is_looked_up_without_a_test_binary(#[case] filter: Option<&str>, #[case] known: bool) {
    let found = selection::require_match(filter);
    assert_eq!(found.is_ok(), known, "{found:?}");
}

#[tokio::test]
async fn a_cancelled_run_ends_its_processes_and_says_so() {
    let cancel = CancellationToken::new();
    let canceller = cancel.clone();
    let started = Instant::now();
    let ((_folder, results), ()) = tokio::join!(run_script("sleep 60", &cancel), async move {
        provision::wait::rest(Duration::from_millis(200)).await;
        canceller.cancel();
    });
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(results.iter().all(|result| result.status == Verdict::NotRun));
    assert_eq!(
        result(&results, "SY-01").reason.as_deref(),
        Some("the run was interrupted")
    );
}
