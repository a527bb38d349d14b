//! The output of the command line, and its exit codes.
//!
//! Each test runs the program as a user would, in folders of its own, and compares its whole output.

use std::fmt;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use rstest::rstest;

/// Requests that are refused because of existing objects.
#[path = "cli/refused.rs"]
mod refused;

/// Output about an environment that is up, or that is there in part.
#[path = "cli/shown.rs"]
mod shown;

/// The program, with nothing of this machine or this user in sight.
struct Harness {
    folder: tempfile::TempDir,
}

/// The whole output of a run.
struct Said(String);

impl fmt::Display for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// A kubeconfig of one context.
const KUBECONFIG: &str = r#"{"contexts": [{"name": "blue", "context": {"cluster": "a", "user": "b"}}], "clusters": [], "users": []}"#;

/// An address on which no daemon listens.
const NO_DOCKER: &str = "unix:///nowhere/docker.sock";

impl Harness {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder can be made"),
        }
    }

    fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.folder.path().join(name), content).expect("it can be written to");
        self
    }

    fn says(&self, arguments: &[&str]) -> Said {
        self.said(self.command(arguments))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env("XDG_CACHE_HOME", self.folder.path().join("cache"))
            // Whatever Docker the machine has: what is said must not depend on it.
            .env("DOCKER_HOST", NO_DOCKER)
            .env_remove("COLUMNS")
            .env_remove("RUST_LOG");
        command
    }

    fn said(&self, mut command: Command) -> Said {
        let arguments: Vec<_> = command
            .get_args()
            .map(|it| it.to_string_lossy().into_owned())
            .collect();
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the program can be run");
        let text = format!(
            "$ harness {}\n{}{}exit code {}",
            arguments.join(" "),
            part("stdout", &stdout),
            part("stderr", &stderr),
            status
                .code()
                .map_or_else(|| status.to_string(), |code| code.to_string())
        );
        Said(text.replace(&self.folder.path().display().to_string(), "[FOLDER]"))
    }

    fn is_empty(&self) -> bool {
        let is_there = |name: &&str| Path::new(self.folder.path()).join(name).exists();
        !["state", "cache", "target"].iter().any(is_there)
    }
}

fn part(name: &str, bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect::<String>();
    if text.is_empty() {
        text
    } else {
        format!("--- {name}\n{text}---\n")
    }
}

#[rstest]
#[case::everything("help", &["--help"])]
#[case::nothing("help-nothing", &[])]
#[case::doctor("help-doctor", &["doctor", "-h"])]
#[case::plan("help-plan", &["plan", "--help"])]
#[case::up("help-up", &["up", "-h"])]
#[case::of_test("help-test", &["test", "-h"])]
#[case::e2e("help-e2e", &["e2e", "-h"])]
#[case::logs("help-logs", &["logs", "-h"])]
#[case::kubeconfig("help-kubeconfig", &["kubeconfig", "-h"])]
#[case::docker("help-docker", &["docker", "-h"])]
#[case::bench("help-bench", &["bench", "-h"])]
#[case::bench_sync("help-bench-sync", &["bench", "sync", "--help"])]
#[case::bench_memory("help-bench-memory", &["bench", "memory", "-h"])]
#[case::bench_up("help-bench-up", &["bench", "up", "-h"])]
#[case::compare("help-compare", &["compare", "-h"])]
#[case::conformance("help-conformance", &["conformance", "-h"])]
fn help(#[case] name: &str, #[case] arguments: &[&str]) {
    insta::assert_snapshot!(name, Harness::new().says(arguments));
}

#[rstest]
#[case::command("wrong-command", &["destroy"])]
#[case::option("wrong-option", &["up", "--tenant", "3"])]
#[case::value("wrong-value", &["plan", "--keep", "sometimes"])]
#[case::both("wrong-both", &["status", "-q", "-v"])]
#[case::no_tenants("wrong-no-tenants", &["up", "--tenants", "0"])]
#[case::tenant_name("wrong-tenant-name", &["e2e", "--tenants", "blue,Green"])]
#[case::same_name("wrong-same-name", &["plan", "--tenants", "blue,blue"])]
#[case::environment_name("wrong-environment-name", &["down", "--name", "../elsewhere"])]
#[case::no_jobs("wrong-no-jobs", &["e2e", "--jobs", "0"])]
#[case::no_values("wrong-no-values", &["up", "--values", "none.yaml"])]
#[case::values("wrong-values", &["up", "--values", "mine.yaml"])]
#[case::substrate("wrong-substrate", &["e2e", "--substrate", "minikube"])]
#[case::native_images("wrong-images", &["up", "--substrate", "native", "--images", "pull"])]
#[case::context("wrong-context", &["up", "--substrate", "native", "--context", "blue"])]
#[case::vcluster("wrong-vcluster", &["plan", "--virtual-cluster", "vcluster", "--overcommit"])]
#[case::vcluster_binary("wrong-vcluster-binary", &["plan", "--virtual-cluster", "vcluster", "--kubernetes", "1.33", "--overcommit"])]
#[case::vcluster_chart("wrong-vcluster-chart", &["up", "--vcluster-chart", "/chart", "--overcommit"])]
#[case::compare("wrong-compare", &["compare", "--overcommit"])]
#[case::many_tenants("wrong-many-tenants", &["plan", "--tenants", "99999999999999999999"])]
#[case::binary("wrong-binary", &["up", "--binary", "etcd"])]
#[case::binary_unknown("wrong-binary-unknown", &["plan", "--binary", "foo=/bin/true"])]
#[case::binary_mistyped("wrong-binary-mistyped", &["plan", "--binary", "kube-apiservr=/bin/true"])]
#[case::binary_absent("wrong-binary-absent", &["plan", "--binary", "kube-apiserver=none"])]
#[case::binary_of_binaries("wrong-binary-of-binaries", &["binaries", "--binary", "kueblet=/bin/true"])]
#[case::syncer_binary("wrong-syncer-binary", &["plan", "--syncer-binary", "mine.yaml"])]
#[case::no_kubeconfig("wrong-no-kubeconfig", &["plan", "--overcommit", "--substrate", "existing", "--kubeconfig", "none"])]
#[case::no_kubeconfig_of_up("wrong-no-kubeconfig-of-up", &["up", "--overcommit", "--substrate", "existing", "--kubeconfig", "none"])]
#[case::no_context("wrong-no-context", &["plan", "--overcommit", "--substrate", "existing", "--kubeconfig", "config", "--context", "red"])]
#[case::no_chart("wrong-no-chart", &["plan", "--overcommit", "--virtual-cluster", "vcluster", "--kubernetes", "1.33", "--vcluster-binary", "/bin/true", "--vcluster-chart", "none"])]
#[case::down_of_none("wrong-down-of-none", &["down", "--name", "typo"])]
#[case::json_of_completions("wrong-json-of-completions", &["completions", "bash", "--format", "json"])]
#[case::json_of_docker("wrong-json-of-docker", &["docker", "--format", "json", "--", "true"])]
#[case::since("wrong-since", &["logs", "tenant-1", "--since", "yesterday"])]
#[case::previous_and_follow("wrong-previous-and-follow", &["logs", "tenant-1", "--previous", "--follow"])]
#[case::filter("wrong-filter", &["test", "--list", "SH-99"])]
#[case::filter_of_test("wrong-filter-of-test", &["test", "NOPE-99"])]
#[case::filter_of_e2e("wrong-filter-of-e2e", &["e2e", "shared_sate", "--overcommit"])]
#[case::no_jobs_of_test("wrong-no-jobs-of-test", &["test", "-j", "0"])]
#[case::report_dir("wrong-report-dir", &["up", "--overcommit", "--report-dir", "/proc/x"])]
#[case::report_dir_of_e2e("wrong-report-dir-of-e2e", &["e2e", "--overcommit", "--report-dir", "mine.yaml"])]
#[case::report_dir_of_plan("wrong-report-dir-of-plan", &["plan", "--overcommit", "--report-dir", "mine.yaml/reports"])]
#[case::report_dir_of_doctor("wrong-report-dir-of-doctor", &["doctor", "--overcommit", "--report-dir", "mine.yaml"])]
#[case::report("wrong-report", &["report", "nowhere"])]
#[case::docker_of_nothing("wrong-docker-of-nothing", &["docker"])]
#[case::benchmark("wrong-benchmark", &["bench", "everything"])]
#[case::no_runs("wrong-no-runs", &["bench", "up", "--runs", "0"])]
#[case::conformance_shard("wrong-conformance-shard", &["conformance", "--shard", "0/4"])]
#[case::conformance_focus("wrong-conformance-focus", &["conformance", "--overcommit", "--focus", "([unclosed"])]
#[case::conformance_procs("wrong-conformance-procs", &["conformance", "--procs", "0"])]
#[case::conformance_cluster("wrong-conformance-cluster", &["conformance", "--overcommit", "--in", "green"])]
#[case::conformance_folder("wrong-conformance-folder", &["conformance", "--overcommit", "--report-dir", "/proc/x"])]
#[case::bench_tenant("wrong-bench-tenant", &["bench", "sync", "--tenant", "green", "--overcommit"])]
fn wrong_usage_changes_nothing(#[case] name: &str, #[case] arguments: &[&str]) {
    let harness = Harness::new()
        .file("mine.yaml", "multiNamespaceMode:\n  enabled: true\nsinc: {}\n")
        .file("config", KUBECONFIG);
    let said = harness.says(arguments);
    assert!(said.0.ends_with("exit code 2"), "{said}");
    assert!(harness.is_empty());
    insta::assert_snapshot!(name, said);
}

#[rstest]
#[case::kinds(
    "refused-kinds",
    "multiNamespaceMode: {enabled: true}\nsync: {generic: {config: 'export: [{kind: Pod, apiVersion: v1}]'}}\n"
)]
#[case::priority_classes(
    "refused-priority-classes",
    "multiNamespaceMode: {enabled: true}\nsync: {priorityclasses: {enabled: true}}\n"
)]
#[case::encoding("refused-encoding", b"\xff\xfea\0:\0 \0b\0")]
fn values_that_a_syncer_would_refuse_are_refused_by_a_plan(
    #[case] name: &str,
    #[case] values: impl AsRef<[u8]>,
) {
    let harness = Harness::new().file("mine.yaml", values);
    let said = harness.says(&["plan", "--values", "mine.yaml", "--tenants", "1", "--overcommit"]);
    assert!(said.0.ends_with("exit code 2"), "{said}");
    assert!(harness.is_empty());
    insta::assert_snapshot!(name, said);
}

#[rstest]
#[case::of_test("absent-test", &["test"])]
#[case::kubeconfig("absent-kubeconfig", &["kubeconfig", "tenant-1"])]
#[case::logs("absent-logs", &["logs", "tenant-1/syncer", "--name", "other"])]
#[case::status("absent-status", &["status"])]
#[case::status_of_one("absent-status-of-one", &["status", "--name", "other"])]
#[case::status_json("absent-status-json", &["status", "--format", "json"])]
#[case::down("absent-down", &["down"])]
#[case::down_json("absent-down-json", &["down", "--format", "json"])]
fn where_no_environment_is(#[case] name: &str, #[case] arguments: &[&str]) {
    let harness = Harness::new();
    insta::assert_snapshot!(name, harness.says(arguments));
    assert!(harness.is_empty());
}

#[rstest]
#[case::default("plan", &["plan", "--overcommit"])]
#[case::named("plan-named", &["plan", "--overcommit", "--name", "mine", "--tenants", "blue,green", "--seed", "7", "--keep", "always"])]
#[case::vcluster("plan-vcluster", &["plan", "--overcommit", "--virtual-cluster", "vcluster", "--kubernetes", "1.33", "--vcluster-binary", "/bin/true"])]
fn a_plan_touches_nothing(#[case] name: &str, #[case] arguments: &[&str]) {
    let harness = Harness::new();
    insta::assert_snapshot!(name, harness.says(arguments));
    assert!(harness.is_empty());
}

#[test]
fn a_plan_as_json_has_everything_in_it() {
    let harness = Harness::new();
    let said = harness.says(&[
        "plan",
        "--overcommit",
        "--format",
        "json",
        "--seed",
        "7",
        "--tenants",
        "1",
    ]);
    let json = said
        .0
        .split("---")
        .nth(1)
        .and_then(|part| part.strip_prefix(" stdout\n"))
        .expect("it said something");
    let plan: serde_json::Value = serde_json::from_str(json).expect("it is JSON");
    insta::assert_json_snapshot!(plan, { ".jobs" => "[JOBS]", ".values.text" => "[VALUES]" });
}

const EVENTS: &str = r#"{"at":"2026-01-02T03:04:05Z","event":"run_started","run":"0198f0d2","environment":"default","substrate":"native","kubernetes":"1.36","virtual_cluster":"embedded","tenants":["tenant-1"],"seed":7}
{"at":"2026-01-02T03:04:05Z","event":"stage_started","stage":"scenarios"}
{"at":"2026-01-02T03:04:09Z","event":"scenario_finished","id":"SY-01","name":"sync::sy_01_create","promise":"It is there.","status":"failed","seconds":3.5,"tenant":"tenant-1","evidence":"evidence/sync","reason":"it is not there"}
{"at":"2026-01-02T03:04:09Z","event":"stage_finished","stage":"scenarios","seconds":4.0,"status":"ok"}
{"at":"2026-01-02T03:04:10Z","event":"run_finished","seconds":5.0,"stopped_by":null}
"#;

#[rstest]
#[case::text("report", &["report", "."])]
#[case::json("report-json", &["report", ".", "--format", "json"])]
fn a_runs_events_render_again(#[case] name: &str, #[case] arguments: &[&str]) {
    let harness = Harness::new().file("events.jsonl", EVENTS);
    insta::assert_snapshot!(name, harness.says(arguments));
    for file in ["report.json", "report.txt", "junit.xml", "index.html"] {
        assert!(harness.folder.path().join(file).exists(), "{file}");
    }
}

#[test]
fn the_former_names_of_binaries_still_work() {
    let said = Harness::new().says(&["components", "--component", "kueblet=/bin/true"]);
    let said = said.0.replace("components --component", "binaries --binary");
    insta::assert_snapshot!("wrong-binary-of-binaries", said);
}

#[test]
fn an_unreachable_registry_is_an_error_with_the_file_and_the_option_to_use_instead() {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let output = Command::new(env!("CARGO_BIN_EXE_harness"))
        .arg("binaries")
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .env("XDG_CACHE_HOME", folder.path().join("cache"))
        .env("GOMODCACHE", folder.path().join("modules"))
        // Nobody listens at the discard port.
        .env("GOPROXY", "http://127.0.0.1:9")
        .output()
        .expect("the program can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("caused by: fetch the Go module "), "{said}");
    assert!(said.contains("is the registry reachable?"), "{said}");
    assert!(said.contains("--binary NAME=FILE ("), "{said}");
}

#[rstest]
#[case::bash("bash")]
#[case::zsh("zsh")]
#[case::fish("fish")]
fn completions_name_the_commands(#[case] shell: &str) {
    let said = Harness::new().says(&["completions", shell]).0;
    assert!(
        said.contains("kubeconfig") && said.ends_with("exit code 0"),
        "{said}"
    );
}

#[test]
fn doctor_says_what_it_found_and_what_to_do() {
    let harness = Harness::new();
    let said = harness.says(&["doctor", "--overcommit"]).0;
    assert!(
        said.contains("\n--- stdout\n") || said.contains("--- stdout\n"),
        "{said}"
    );
    assert!(said.contains("root: user "), "{said}");
    assert_eq!(said.contains("LACKING"), said.ends_with("exit code 3"), "{said}");
    assert!(harness.is_empty());
}

#[test]
fn a_user_without_a_home_gets_the_variable_to_set() {
    let harness = Harness::new();
    let mut command = harness.command(&["status"]);
    command
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CACHE_HOME")
        // Not a path that anything could be below.
        .env("HOME", "elsewhere");
    insta::assert_snapshot!("wrong-no-home", harness.said(command));
}

#[test]
fn a_list_of_scenarios_as_json_has_their_ids() {
    let Said(said) = Harness::new().says(&["test", "--list", "SH-01", "--format", "json"]);
    assert!(said.contains("\"id\": \"SH-01\""), "{said}");
}

#[test]
fn a_sandbox_that_is_not_there_is_blamed_and_not_the_program() {
    let harness = Harness::new();
    let said = harness.says(&["sandbox-enter", "/nonexistent", "--", "true"]);
    insta::assert_snapshot!("wrong-sandbox", said);
}

#[test]
fn kind_without_docker_is_refused_with_the_remedy() {
    let harness = Harness::new();
    let said = harness.says(&["up", "--substrate", "kind"]).0;
    assert!(
        said.contains("failed to reach the Docker daemon") || said.contains("it is not on PATH"),
        "{said}"
    );
    assert!(said.contains("cargo harness docker -- COMMAND"), "{said}");
    assert!(said.ends_with("exit code 3"), "{said}");
}

#[test]
fn a_context_that_is_not_there_is_named_before_anything_is_made() {
    let harness = Harness::new().file("config", KUBECONFIG);
    let said = harness
        .says(&[
            "doctor",
            "--substrate",
            "existing",
            "--kubeconfig",
            "config",
            "--context",
            "red",
        ])
        .0;
    assert!(
        said.contains("find the context `red`: the kubeconfig's only context is `blue`")
            && said.ends_with("exit code 2"),
        "{said}"
    );
}
