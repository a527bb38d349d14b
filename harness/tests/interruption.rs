//! What is left when a run is cut off: nothing, or what `down` removes.
//!
//! Each case brings up an environment of its own, which takes root and built components, and cuts it off at a moment
//! that it tells of. Run them by `cargo test -p harness --test interruption -- --ignored --test-threads 1`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use rstest::rstest;
use rustix::process::{Pid, Signal, kill_process};

/// An environment of one test, and the folder that its ledger is in.
struct Environment {
    name: String,
    state: tempfile::TempDir,
}

impl Environment {
    fn new(name: &str) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder can be made");
        let name = format!("{name}-{}", std::process::id());
        Self { name, state }
    }

    fn harness(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(arguments)
            .args(["--name", &self.name])
            .env("XDG_STATE_HOME", self.state.path())
            .current_dir(self.state.path())
            .stdin(Stdio::null());
        command
    }

    /// Begins to bring it up, and returns once it has told of `moment`.
    fn up_until(&self, moment: &str) -> Run {
        let mut process = self
            .harness(&["up", "--tenants", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be run");
        let mut said = BufReader::new(process.stderr.take().expect("it is piped"));
        let mut seen = String::new();
        while !seen.ends_with('\n') || !seen.lines().last().is_some_and(|line| line.contains(moment)) {
            let read = said.read_line(&mut seen).expect("it can be read");
            assert!(read > 0, "it ended before {moment:?}:\n{seen}");
        }
        Run { process, said }
    }

    /// Brings down what is left of it.
    fn down(&self) {
        let output = self.harness(&["down"]).output().expect("the program can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }

    /// Everything of it that is still there: cgroups, processes, mounts and files.
    fn remains(&self) -> Vec<String> {
        let cgroup = format!("shared-dapr-{}", self.name);
        let mut found: Vec<String> = cgroups(&cgroup)
            .into_iter()
            .map(|path| path.display().to_string())
            .collect();
        let state = self.state.path().display().to_string();
        for process in fs::read_dir("/proc").expect("there is /proc").flatten() {
            let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&state) {
                found.push(line);
            }
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").expect("there is /proc");
        found.extend(
            mounts
                .lines()
                .filter(|line| line.contains(&state))
                .map(str::to_owned),
        );
        let folder = self.state.path().join("shared-dapr").join(&self.name);
        found.extend(folder.exists().then(|| folder.display().to_string()));
        found
    }
}

fn cgroups(name: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let hierarchies = fs::read_dir(root).expect("there are cgroups").flatten();
    let below = hierarchies.map(|hierarchy| hierarchy.path().join(name));
    below
        .chain([root.join(name)])
        .filter(|path| path.exists())
        .collect()
}

/// A run that is under way.
struct Run {
    process: Child,
    said: BufReader<ChildStderr>,
}

impl Run {
    /// Sends a signal and returns the exit code, where there is one, and what it said since.
    fn ends_by(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.process), signal).expect("it runs");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.said, &mut said).expect("it can be read");
        let status = self.process.wait().expect("it was started from here");
        (status.code(), said)
    }
}

const SANDBOX: &str = "substrate: sandbox started";
const API: &str = "substrate: API server ready";
const CANARY: &str = "waiting for a canary";
const TENANTS: &str = "platform ok";

#[rstest]
#[case::in_the_substrate("int-substrate", Signal::INT, SANDBOX)]
#[case::in_the_platform("term-platform", Signal::TERM, CANARY)]
#[case::in_the_tenants("int-tenants", Signal::INT, TENANTS)]
#[ignore = "needs root and built components"]
fn a_signal_stops_it_and_leaves_nothing(#[case] name: &str, #[case] signal: Signal, #[case] moment: &str) {
    let environment = Environment::new(name);
    let (code, said) = environment.up_until(moment).ends_by(signal);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("interrupted"), "{said}");
    assert_eq!(environment.remains(), Vec::<String>::new());
}

#[rstest]
#[case::in_the_substrate("kill-substrate", SANDBOX)]
#[case::when_the_api_answers("kill-api", API)]
#[case::in_the_platform("kill-platform", CANARY)]
#[case::in_the_tenants("kill-tenants", TENANTS)]
#[ignore = "needs root and built components"]
fn what_a_killed_run_leaves_is_removed_by_down(#[case] name: &str, #[case] moment: &str) {
    let environment = Environment::new(name);
    let (code, said) = environment.up_until(moment).ends_by(Signal::KILL);
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
#[ignore = "needs root and built components"]
fn a_second_run_of_the_same_name_is_told_who_holds_it() {
    let environment = Environment::new("held");
    let first = environment.up_until(SANDBOX);
    let second = environment
        .harness(&["up", "--tenants", "1"])
        .output()
        .expect("the program can be run");
    let said = String::from_utf8_lossy(&second.stderr);
    assert_eq!(second.status.code(), Some(3), "{said}");
    let holder = format!("process {} (`harness up`) holds it", first.process.id());
    assert!(said.contains(&holder), "{said}");
    first.ends_by(Signal::INT);
    assert_eq!(environment.remains(), Vec::<String>::new());
}
