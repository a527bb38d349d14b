//! An environment that is cut off, and the check of its remains.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// An environment of one test, and the folder that its ledger is in.
pub(crate) struct Environment {
    name: String,
    state: tempfile::TempDir,
}

impl Environment {
    pub(crate) fn new(name: &str) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder can be made");
        let name = format!("{name}-{}", std::process::id());
        Self { name, state }
    }

    pub(crate) fn harness(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(["--name", &self.name])
            .args(arguments)
            .env("XDG_STATE_HOME", self.state.path())
            .current_dir(self.state.path())
            .stdin(Stdio::null());
        command
    }

    /// Begins a run, and returns once it has printed `moment` on standard error.
    pub(crate) fn until(&self, arguments: &[&str], moment: &str) -> Run {
        let mut process = self
            .harness(arguments)
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

    /// Returns the folders of its runs' reports.
    pub(crate) fn runs(&self) -> Vec<PathBuf> {
        let reports = self
            .state
            .path()
            .join(format!("target/e2e-{}", self.name))
            .join("runs");
        let runs = fs::read_dir(reports).expect("a run makes it").flatten();
        runs.map(|run| run.path()).collect()
    }

    /// Runs `down` on its remains.
    pub(crate) fn down(&self) {
        let output = self.harness(&["down"]).output().expect("the program can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{said}");
    }

    /// Returns everything of it that still exists: cgroups, processes, mounts and files.
    pub(crate) fn remains(&self) -> Vec<String> {
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
pub(crate) struct Run {
    pub(crate) process: Child,
    said: BufReader<ChildStderr>,
}

impl Run {
    /// Sends a signal. Returns the exit code, if there is one, and the output since then.
    pub(crate) fn ends_by(mut self, signal: Signal) -> (Option<i32>, String) {
        kill_process(Pid::from_child(&self.process), signal).expect("it runs");
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.said, &mut said).expect("it can be read");
        let status = self.process.wait().expect("it was started from here");
        (status.code(), said)
    }
}
