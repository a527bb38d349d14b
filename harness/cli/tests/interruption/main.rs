//! The remains of a run that is cut off: nothing, or objects that `down` removes.
//!
//! Each case brings up an environment of its own, which needs root and built binaries, and cuts it off at a moment
//! that the case names. Run them by `cargo test -p harness-cli --test interruption -- --ignored --test-threads 1`.

use std::fs;
use std::path::Path;

use rstest::rstest;
use rustix::process::Signal;

use crate::environment::Environment;

/// An environment that is cut off.
mod environment;

/// A command with a Docker daemon of its own.
mod docker;

/// Sysctls of the machine.
mod sysctls;

/// Brings up as little as there is to bring up.
const UP: [&str; 3] = ["up", "--tenants", "1"];

const SANDBOX: &str = "substrate: sandbox started";
const API: &str = "substrate: API server ready";
const CANARY: &str = "waiting for a canary";
const TENANTS: &str = "platform ok";

#[rstest]
#[case::in_the_substrate("int-substrate", Signal::INT, SANDBOX)]
#[case::in_the_platform("term-platform", Signal::TERM, CANARY)]
#[case::in_the_tenants("int-tenants", Signal::INT, TENANTS)]
#[ignore = "needs root and built binaries"]
fn a_signal_stops_it_and_leaves_nothing(#[case] name: &str, #[case] signal: Signal, #[case] moment: &str) {
    let environment = Environment::new(name);
    let (code, said) = environment.until(&UP, moment).ends_by(signal);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[rstest]
#[case::in_the_substrate("kill-substrate", SANDBOX)]
#[case::when_the_api_answers("kill-api", API)]
#[case::in_the_platform("kill-platform", CANARY)]
#[case::in_the_tenants("kill-tenants", TENANTS)]
#[ignore = "needs root and built binaries"]
fn what_a_killed_run_leaves_is_removed_by_down(#[case] name: &str, #[case] moment: &str) {
    let environment = Environment::new(name);
    let (code, said) = environment.until(&UP, moment).ends_by(Signal::KILL);
    assert_eq!(code, None, "{said}");
    assert_ne!(
        environment.remains(),
        Vec::<String>::new(),
        "the probe sees nothing"
    );
    environment.down();
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[test]
#[ignore = "needs root and built binaries"]
fn a_second_run_of_the_same_name_is_refused_with_the_holder() {
    let environment = Environment::new("held");
    let first = environment.until(&UP, SANDBOX);
    let second = environment.harness(&UP).output().expect("the program can be run");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{said}");
    let holder = format!("process {} (`harness up`) holds it", first.process.id());
    assert!(said.contains(&holder), "{said}");
    assert_eq!(environment.runs().len(), 1, "the second one has no report");
    first.ends_by(Signal::INT);
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[test]
#[ignore = "needs root and built binaries"]
fn logs_are_shown_while_it_comes_up() {
    let environment = Environment::new("logs");
    let run = environment.until(&UP, API);
    for (what, has) in [("kube-apiserver", "serving"), ("kubelet", "node")] {
        let logs = environment.harness(&["logs", what, "--tail", "100000"]).output();
        let logs = logs.expect("the program can be run");
        let said = String::from_utf8_lossy(&logs.stderr);
        assert_eq!(logs.status.code(), Some(0), "{said}");
        let text = String::from_utf8_lossy(&logs.stdout).to_lowercase();
        assert!(text.contains(has), "{what}: {text}");
    }
    run.ends_by(Signal::INT);
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[test]
#[ignore = "needs root and built binaries"]
fn what_does_not_come_up_leaves_its_logs_in_the_report() {
    let environment = Environment::new("evidence");
    let failing: Vec<&str> = UP.into_iter().chain(["--binary", "kubelet=/bin/false"]).collect();
    let failed = environment
        .harness(&failing)
        .output()
        .expect("the program can be run");
    let said = String::from_utf8_lossy(&failed.stderr);
    assert_eq!(failed.status.code(), Some(3), "{said}");
    let named = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("evidence: "));
    let kept = Path::new(named.expect("the error names it")).join("host-processes");
    let text = fs::read_to_string(kept.join("kube-apiserver.log")).expect("it is there");
    assert!(!text.is_empty(), "it had begun to log");
    assert_eq!(environment.remains(), Vec::<String>::new());
}

/// Dapr's canary runs each time: its certificates still fit, and the namespace of the previous one does not conflict.
#[test]
#[ignore = "needs root and built binaries"]
fn what_is_up_can_be_brought_up_at_once_again() {
    let environment = Environment::new("again");
    for time in 1..=3 {
        let run = environment.harness(&UP).output().expect("the program can be run");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_eq!(run.status.code(), Some(0), "time {time}: {said}");
    }
    environment.down();
    assert_eq!(environment.remains(), Vec::<String>::new());
}
