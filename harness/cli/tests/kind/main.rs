//! The effects of a run on kind clusters and their Docker: it changes only its own objects.
//!
//! They need a Docker daemon that answers and may give all privileges, and take minutes:
//! `cargo harness docker -- cargo test -p harness-cli --test kind -- --ignored --test-threads 1`.

use std::process::Command;

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

use environment::Environment;
use proxy::Proxy;

/// An environment on kind, and its objects in Docker.
mod environment;

/// Code that is shared with other tests.
#[path = "../support/mod.rs"]
mod support;

/// A way to the daemon that can be cut off.
mod proxy;

#[test]
#[ignore = "needs Docker"]
fn a_cluster_of_the_same_name_that_is_somebody_elses_is_not_touched() {
    let environment = Environment::new("foreign");
    let node = environment.somebody_elses_node();
    let refused = environment.run(&["up", "--tenants", "1"]);
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(refused.said("which is not this environment's"), "{refused}");
    assert!(refused.said("kind delete cluster --name"), "{refused}");
    assert_eq!(environment.nodes(), [node]);
    environment.remove_nodes();
}

#[test]
#[ignore = "needs Docker"]
fn a_daemon_that_goes_away_is_an_error_and_the_remains_are_removed_when_it_is_back() {
    let proxy = Proxy::to_docker();
    let environment = Environment::new("cut-off").by(&proxy);
    let failed = environment.run_and(&["up", "--tenants", "1", "--keep", "always"], |line, _| {
        if line.contains("kind: Preparing nodes") {
            proxy.cut();
        }
    });
    assert_eq!(failed.code, Some(3), "{failed}");
    assert!(failed.said("make the kind cluster"), "{failed}");
    assert!(!environment.nodes().is_empty(), "the probe sees nothing");

    let down = environment.run(&["down"]);
    assert_eq!(down.code, Some(3), "{down}");
    assert!(
        down.said("reach the Docker daemon") || down.said("list the containers"),
        "{down}"
    );

    proxy.mend();
    let down = environment.run(&["down"]);
    assert_eq!(down.code, Some(0), "{down}");
    assert_eq!(environment.nodes(), Vec::<String>::new());
}

#[rstest]
#[case::while_nodes_are_made("int-nodes", Signal::INT, "kind: Ensuring node image")]
#[case::while_images_are_loaded("term-images", Signal::TERM, "loading images on the nodes (2 of")]
#[ignore = "needs Docker"]
fn a_signal_stops_it_and_leaves_nothing(#[case] name: &str, #[case] signal: Signal, #[case] moment: &str) {
    let environment = Environment::new(name);
    let stopped = environment.run_and(&["up", "--tenants", "1"], |line, process| {
        if line.contains(moment) {
            kill_process(Pid::from_child(process), signal).expect("it runs");
        }
    });
    assert_eq!(stopped.code, Some(3), "{stopped}");
    assert!(stopped.said("interrupted"), "{stopped}");
    assert_eq!(environment.nodes(), Vec::<String>::new(), "{stopped}");
    assert_eq!(environment.images(), Vec::<String>::new(), "{stopped}");
}

#[test]
#[ignore = "needs Docker"]
fn what_a_killed_run_leaves_is_removed_by_down() {
    let environment = Environment::new("killed");
    let killed = environment.run_and(&["up", "--tenants", "1"], |line, process| {
        if line.contains("kind: Preparing nodes") {
            kill_process(Pid::from_child(process), Signal::KILL).expect("it runs");
        }
    });
    assert_eq!(killed.code, None, "{killed}");
    assert!(!environment.nodes().is_empty(), "the probe sees nothing");
    let down = environment.run(&["down"]);
    assert_eq!(down.code, Some(0), "{down}");
    assert_eq!(environment.nodes(), Vec::<String>::new());
    assert_eq!(environment.images(), Vec::<String>::new());
}

#[test]
#[ignore = "needs Docker"]
fn a_run_on_somebody_elses_kind_cluster_leaves_it_as_it_was() {
    let owner = Environment::new("owner");
    let up = owner.run(&["up", "--until", "substrate"]);
    assert_eq!(up.code, Some(0), "{up}");
    let before = owner.kubectl().everything();

    let guest = owner.guest("guest");
    let up = guest.run(&["up", "--tenants", "1", "--images", "pull"]);
    assert_eq!(up.code, Some(0), "{up}");
    // On a cluster with nodes of several kinds they would not start.
    assert_eq!(owner.pods_for_any_architecture(), Vec::<String>::new());
    let tested = guest.run(&["test", "SH-01"]);
    assert_eq!(tested.code, Some(0), "{tested}");
    let down = guest.run(&["down"]);
    assert_eq!(down.code, Some(0), "{down}");
    assert_eq!(owner.kubectl().everything(), before);

    let down = owner.run(&["down"]);
    assert_eq!(down.code, Some(0), "{down}");
    assert_eq!(owner.nodes(), Vec::<String>::new());
}

/// Runs the machine's Docker.
fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker")
        .args(arguments)
        .output()
        .expect("docker can be run");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
