//! Output about an environment that is up, or that is there in part.

use std::fs;

use rstest::rstest;

use super::{Harness, Said};

impl Harness {
    /// Adds an environment that is coming up: the host cluster's processes have logs, and nothing answers yet.
    fn coming_up(self) -> Self {
        let logs = self.environment().join("host/logs");
        fs::create_dir_all(&logs).expect("it can be made");
        fs::write(logs.join("etcd.log"), "one\ntwo\nthree\n").expect("it can be written");
        fs::write(logs.join("kubelet.log"), "starting\n").expect("it can be written");
        self
    }

    /// Adds the kubeconfig of its host cluster.
    fn with_kubeconfig(self) -> Self {
        let path = self.environment().join("host/kubeconfig/admin");
        fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
        fs::write(path, "apiVersion: v1\nkind: Config\nclusters: []\n").expect("it can be written");
        self
    }
}

#[rstest]
#[case::of_all("logs-of-all", &["logs"])]
#[case::of_all_as_json("logs-of-all-json", &["logs", "--format", "json"])]
#[case::of_one("logs-of-one", &["logs", "etcd", "--tail", "2"])]
#[case::of_one_as_json("logs-of-one-json", &["logs", "etcd", "--format", "json"])]
#[case::of_none("logs-of-none", &["logs", "tenant-1/syncer"])]
#[case::since("logs-since", &["logs", "etcd", "--since", "5m"])]
#[case::previous("logs-previous", &["logs", "etcd", "--previous"])]
#[case::status("status-in-part", &["status", "--name", "default"])]
fn while_it_comes_up(#[case] name: &str, #[case] arguments: &[&str]) {
    insta::assert_snapshot!(name, Harness::new().coming_up().says(arguments));
}

#[test]
fn logs_are_shown_while_somebody_holds_the_environment() {
    let harness = Harness::new().coming_up();
    let _held = harness::ledger::Ledger::take(&harness.environment(), "up").expect("nobody holds it");
    let Said(said) = harness.says(&["logs", "kubelet"]);
    assert!(
        said.contains("starting\n") && said.ends_with("exit code 0"),
        "{said}"
    );
}

#[rstest]
#[case::as_it_stands("kubeconfig", &["kubeconfig"])]
#[case::as_json("kubeconfig-json", &["kubeconfig", "--format", "json"])]
#[case::path_as_json("kubeconfig-path-json", &["kubeconfig", "--path", "--format", "json"])]
#[case::status("status-up", &["status", "--name", "default", "--format", "json"])]
fn once_it_is_up(#[case] name: &str, #[case] arguments: &[&str]) {
    insta::assert_snapshot!(name, Harness::new().up().with_kubeconfig().says(arguments));
}

#[test]
fn a_log_that_goes_to_no_terminal_has_no_colours() {
    let harness = Harness::new().up();
    // Nobody listens at the discard port; that the client tries is logged.
    let kubeconfig = r#"{"current-context": "it", "contexts": [{"name": "it", "context": {"cluster": "it"}}],
        "clusters": [{"name": "it", "cluster": {"server": "http://127.0.0.1:9"}}], "users": []}"#;
    let path = harness.environment().join("host/kubeconfig/admin");
    fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
    fs::write(path, kubeconfig).expect("it can be written");
    let mut command = harness.command(&["logs"]);
    command.env("RUST_LOG", "trace").env_remove("NO_COLOR");
    let Said(said) = harness.said(command);
    assert!(
        said.contains(" TRACE ") || said.contains(" DEBUG "),
        "it logs: {said}"
    );
    assert!(!said.contains('\u{1b}'), "{said}");
}
