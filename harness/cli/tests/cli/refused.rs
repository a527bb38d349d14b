//! Requests that are refused because of existing objects: an environment that is held or up, a foreign report.

use std::fs;
use std::path::PathBuf;

use harness::ledger::Ledger;
use rstest::rstest;
use serde_json::json;

use super::{Harness, Said};

impl Harness {
    /// Returns the folder of the default environment.
    pub(super) fn environment(&self) -> PathBuf {
        self.folder.path().join("state/shared-dapr/default")
    }

    /// Describes an environment with one tenant as being up.
    pub(super) fn up(self) -> Self {
        let described = json!({
            "name": "default",
            "run": "0198f0d2-0000-7000-8000-000000000001",
            "seed": 7,
            "started": "2026-01-02T03:04:05Z",
            "substrate": "native",
            "kubernetes": "1.36",
            "virtual_cluster": "embedded",
            "kubeconfig": self.environment().join("host/kubeconfig/admin"),
            "reach": {"control": self.environment().join("host/control")},
            "service_cidr": "10.96.0.0/16",
            "registry": null,
            "tenants": [{"name": "tenant-1", "namespace": "vcluster-tenant-1", "kubeconfig": "/tenant-1"}],
            "tenant_settings": {
                "run": "0198f0d2-0000-7000-8000-000000000001",
                "helm": {"program": "/helm", "kubeconfig": "/kubeconfig", "home": "/home"},
                "provider": {"embedded": {"chart": {"folder": "/chart"}, "set": []}},
                "kubeconfigs": "/tenants",
            },
            "report_dir": self.folder.path().join("target/e2e"),
        });
        fs::create_dir_all(self.environment()).expect("it can be made");
        fs::write(self.environment().join("environment.json"), described.to_string())
            .expect("it can be written");
        self
    }

    /// Returns true if neither a binary nor a report was begun.
    fn has_begun_nothing(&self) -> bool {
        let there = |name: &&str| self.folder.path().join(name).exists();
        !["cache", "target"].iter().any(there)
    }
}

#[rstest]
#[case::tenants("up-with-other-tenants", &["--tenants", "2"])]
#[case::kubernetes("up-with-another-kubernetes", &["--tenants", "1", "--kubernetes", "1.33"])]
#[case::host_cluster("up-with-another-host-cluster", &["--tenants", "1", "--substrate", "kind"])]
fn an_environment_that_is_up_and_other_than_asked_for(#[case] name: &str, #[case] wanted: &[&str]) {
    let harness = Harness::new().up();
    let arguments: Vec<&str> = ["up", "--overcommit"].iter().chain(wanted).copied().collect();
    let said = harness.says(&arguments);
    assert!(said.0.ends_with("exit code 2"), "{said}");
    assert!(harness.has_begun_nothing());
    insta::assert_snapshot!(name, said);
}

#[rstest]
#[case::up(&["up", "--overcommit"])]
#[case::e2e(&["e2e", "--overcommit"])]
#[case::of_test(&["test"])]
#[case::down(&["down"])]
#[case::conformance(&["conformance"])]
fn an_environment_that_somebody_holds(#[case] arguments: &[&str]) {
    let harness = Harness::new().up();
    let _held = Ledger::take(&harness.environment(), "up").expect("nobody holds it");
    let Said(said) = harness.says(arguments);
    let expected = format!(
        "error: failed to take environment default: process {} (`harness up`) holds it",
        std::process::id()
    );
    assert!(
        said.contains(&expected) && said.ends_with("exit code 3"),
        "{said}"
    );
    assert!(harness.has_begun_nothing());
}

#[rstest]
#[case::report("report.txt")]
#[case::page("index.html")]
#[case::evidence("evidence")]
#[case::latest("latest")]
fn a_report_folder_with_something_of_that_name(#[case] name: &str) {
    let harness = Harness::new();
    let theirs = harness.folder.path().join("theirs");
    fs::create_dir_all(theirs.join(name)).expect("it can be made");
    fs::write(theirs.join(name).join("precious"), "precious").expect("it can be written");
    for arguments in [
        ["up", "--overcommit", "--report-dir", "theirs"],
        ["e2e", "--overcommit", "--report-dir", "theirs"],
        ["plan", "--overcommit", "--report-dir", "theirs"],
    ] {
        let Said(said) = harness.says(&arguments);
        assert!(said.ends_with("exit code 2"), "{said}");
        assert!(
            said.contains("a file or folder of that name exists already")
                && said.contains("remedy: move it away"),
            "{said}"
        );
    }
    assert_eq!(
        fs::read_dir(&theirs).expect("it is there").count(),
        1,
        "nothing was added"
    );
    let kept = fs::read_to_string(theirs.join(name).join("precious"));
    assert_eq!(kept.expect("it is there"), "precious");
    assert!(harness.is_empty());
}

#[test]
fn a_filter_of_no_scenario_leaves_the_last_report_alone() {
    let harness = Harness::new().up();
    let base = harness.folder.path().join("target/e2e");
    let run = harness::report::folder::make(&base, "test", &harness::report::folder::CONTENT);
    fs::write(run.expect("it can be made").join("report.txt"), "good").expect("it can be written");
    let Said(said) = harness.says(&["test", "NOPE-99"]);
    assert!(said.ends_with("exit code 2"), "{said}");
    assert_eq!(
        fs::read_to_string(base.join("report.txt")).expect("it is there"),
        "good"
    );
    assert_eq!(
        fs::read_dir(base.join("runs")).expect("it is there").count(),
        1,
        "no run began"
    );
}

#[test]
fn a_state_folder_that_cannot_be_made() {
    let harness = Harness::new().file("file", "");
    let mut command = harness.command(&["up", "--overcommit"]);
    command.env("XDG_STATE_HOME", harness.folder.path().join("file"));
    insta::assert_snapshot!("state-folder", harness.said(command));
    assert!(harness.is_empty());
}
