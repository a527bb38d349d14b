//! Broken syncers, each of which a test with two API servers has to catch.
//!
//! Each test builds one fault into the syncer (`syncer/src/sync/runtime/fault_injection.rs`) and expects the test that has to
//! catch it to fail. The same build without a fault has to pass all of these tests. They take minutes, so they are ignored by
//! default: `cargo test -p syncer --test mutations -- --ignored`, with the name of a fault for that one alone.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Trial};

/// A fault, and the test that catches it.
struct Mutation {
    name: &'static str,
    does: &'static str,
    caught_by: &'static str,
}

/// All faults.
static MUTATIONS: [Mutation; 21] = [
    mutation(
        "drop-creations",
        "objects are not made on the host",
        "export::a_component_is_on_the_host_under_its_own_name",
    ),
    mutation(
        "drop-updates",
        "objects that are there are not changed",
        "export::a_change_reaches_the_host_and_what_is_dropped_vanishes_there",
    ),
    mutation(
        "drop-deletions",
        "objects are not deleted on the host",
        "export::a_deletion_reaches_the_host",
    ),
    mutation(
        "drop-status",
        "no status of pods is shown in the guest",
        "pods::a_pods_status_comes_back_without_what_the_host_has_added",
    ),
    mutation(
        "drop-references",
        "ConfigMaps and Secrets that a pod names are not made on the host",
        "pods::a_pod_is_on_the_host_with_all_that_it_names",
    ),
    mutation(
        "delay",
        "what is on the host already is looked at five minutes late",
        "export::a_component_that_is_recreated_at_once_is_recreated_on_the_host",
    ),
    mutation(
        "rename",
        "objects have another name on the host",
        "export::a_component_is_on_the_host_under_its_own_name",
    ),
    mutation(
        "stale-reads",
        "what was seen first of an object is taken for what is",
        "pods::what_a_pod_names_follows_its_changes_and_is_deleted_with_it",
    ),
    mutation(
        "keep-copies",
        "what the host made is shown in the guest when it is gone",
        "import::a_copy_is_deleted_with_its_original",
    ),
    mutation(
        "swallow-errors",
        "what failed is taken for done, as in vcluster 0.21 to 0.27",
        "refusal::a_component_refused_by_the_host_gets_an_event_and_is_retried::case_1_by_a_policy",
    ),
    mutation(
        "adopt-foreign",
        "objects that others made on the host are taken over, as in vcluster 0.25",
        "foreign::a_foreign_component_of_the_same_name_is_left_alone_with_an_event",
    ),
    mutation(
        "pass-marks",
        "what the guest claims an object to be reaches the host",
        "export::what_a_component_claims_to_be_does_not_pass",
    ),
    mutation(
        "miss-drift",
        "what happens on the host is not noticed",
        "drift::a_deletion_on_the_host_is_healed",
    ),
    mutation(
        "forget-finalizer",
        "a guest namespace is let go before its mirror is",
        "restart::a_namespace_that_went_while_the_syncer_was_down_takes_its_mirror_with_it",
    ),
    mutation(
        "trust-half-written",
        "after a restart between two writes, the second is not made",
        "restart::a_syncer_killed_between_two_writes_makes_the_second_when_it_comes_back",
    ),
    mutation(
        "show-sidecars",
        "containers that the host added are shown in the guest",
        "pods::a_pods_status_comes_back_without_what_the_host_has_added",
    ),
    mutation(
        "write-always",
        "objects are written again and again",
        "rest::a_tenant_at_rest_is_written_to_by_no_one",
    ),
    mutation(
        "overlook-violations",
        "objects that reach out of the tenant are written to the host",
        "attack::pods::a_pod_that_reaches_out_fails_by_two_layers::case_01_the_nodes_network",
    ),
    mutation(
        "read-host-only",
        "Secrets that only the host has may be read",
        "host_only::a_pod_does_not_read_it_and_reads_the_tenants_once_the_name_is_free::case_01_a_variable",
    ),
    mutation(
        "trust-names",
        "containers are the tenant's by their names",
        "hidden::an_added_container_does_not_lead_to_the_sidecar_of_its_name::case_1_last",
    ),
    mutation(
        "pass-labels",
        "labels of guest namespaces keep their keys on the host",
        "attack::namespaces::a_label_that_others_go_by_fails_by_two_layers::case_1_of_gatekeeper",
    ),
];

const fn mutation(name: &'static str, does: &'static str, caught_by: &'static str) -> Mutation {
    Mutation {
        name,
        does,
        caught_by,
    }
}

/// The syncer with faults to choose from, built once.
static SYNCER: LazyLock<PathBuf> = LazyLock::new(|| {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutations");
    let built = cargo()
        .args(["build", "--package", "syncer", "--features", "mutations"])
        .arg("--message-format=json-render-diagnostics")
        .output()
        .expect("cargo is there");
    assert!(built.status.success(), "{}", text(&built));
    let messages = String::from_utf8_lossy(&built.stdout);
    let program = (messages.lines().rev())
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    // The next build without the feature takes its place.
    std::fs::create_dir_all(&target).expect("the folder is ours");
    let kept = target.join("syncer");
    std::fs::copy(program.expect("a program was built"), &kept).expect("the folder is ours");
    kept
});

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let faults = MUTATIONS
        .iter()
        .map(|mutation| test(mutation.name, || is_caught(mutation)).with_ignored_flag(true));
    let none = test("without_a_fault", without_a_fault_there_is_nothing_to_catch);
    let quick = [
        test("the_table_has_every_fault", the_table_has_every_fault),
        test("the_page_has_the_table", the_page_has_the_table),
    ];
    let trials = faults
        .chain([none.with_ignored_flag(true)])
        .chain(quick)
        .collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Returns a test that fails by a panic.
fn test(name: &str, run: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, || {
        run();
        Ok(())
    })
}

fn is_caught(mutation: &Mutation) {
    let Mutation { name, caught_by, .. } = mutation;
    let run = two_apis(Some(name), &[caught_by]);
    let said = text(&run);
    assert!(
        !run.status.success() && said.contains("test result: FAILED. 0 passed; 1 failed"),
        "{name} is not caught by {caught_by}:\n{said}"
    );
}

fn without_a_fault_there_is_nothing_to_catch() {
    let mut all: Vec<&str> = MUTATIONS.iter().map(|mutation| mutation.caught_by).collect();
    all.sort_unstable();
    all.dedup();
    let run = two_apis(None, &all);
    let said = text(&run);
    let passed = format!("test result: ok. {} passed", all.len());
    assert!(run.status.success() && said.contains(&passed), "{said}");
}

/// Each variant of the enum is in the table. Variants are in the case of the names, as clap derives them.
fn the_table_has_every_fault() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sync/runtime/fault_injection.rs");
    let source = std::fs::read_to_string(source).expect("it is there");
    let (_, variants) = source
        .split_once("pub(crate) enum Mutation {")
        .expect("the enum is there");
    let (variants, _) = variants.split_once("\n}").expect("it has an end");
    let variants = variants
        .lines()
        .map(str::trim)
        .filter_map(|line| line.strip_suffix(','));
    let faults: Vec<String> = variants.map(in_kebab_case).collect();
    let names: Vec<&str> = MUTATIONS.iter().map(|mutation| mutation.name).collect();
    assert_eq!(names, faults, "the table and the enum differ");
}

fn in_kebab_case(variant: &str) -> String {
    let mut name = String::new();
    for letter in variant.chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

/// The page has the table, as it is here.
fn the_page_has_the_table() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/mutations.md");
    let page = std::fs::read_to_string(page).expect("it is there");
    for Mutation {
        name,
        does,
        caught_by,
    } in &MUTATIONS
    {
        let row = format!("| `{name}` | {does} | `{caught_by}` |\n");
        assert!(page.contains(&row), "docs/mutations.md lacks the row {row}");
    }
    assert_eq!(
        page.matches("\n| `").count(),
        MUTATIONS.len(),
        "it has a row too many"
    );
}

fn two_apis(mutation: Option<&str>, tests: &[&str]) -> Output {
    let mut command = cargo();
    command
        .args([
            "test",
            "--package",
            "syncer",
            "--test",
            "two_apis",
            "--",
            "--exact",
        ])
        .args(tests)
        .env("SYNCER", &*SYNCER)
        .env_remove("SYNCER_MUTATION");
    command.envs(mutation.map(|name| ("SYNCER_MUTATION", name)));
    command.output().expect("cargo is there")
}

fn cargo() -> Command {
    let mut command = Command::new(env!("CARGO"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn text(output: &Output) -> String {
    let all = [&output.stdout[..], &output.stderr].concat();
    String::from_utf8_lossy(&all).into_owned()
}
