//! Processes that end with the process that started them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use provision::wait;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::SOON;

/// Makes Go programs collect garbage less often: that is a quarter of the work of an API server's start, and most here end soon
/// after.
const COLLECT_LATE: (&str, &str) = ("GOGC", "500");

/// The number of lines of a log that a failure shows.
const TAIL: usize = 40;

/// A process and its log, which is shown if the test fails.
pub(super) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a program in `folder`; its log is `name.log` there.
    pub(super) fn start(program: &Path, arguments: &[String], folder: &Path, name: &str) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::create(&log).expect("the folder is ours");
        // The kernel ends it when the thread that started it ends, also where nothing is dropped.
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(program)
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .envs([COLLECT_LATE])
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("files may be shared"))
            .stdout(file)
            .kill_on_drop(true)
            .spawn()
            .expect("setpriv is there");
        Self { child, log }
    }

    /// Returns its output so far.
    pub(super) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Returns a description of its end, if it has ended.
    pub(super) fn ended(&mut self) -> Option<String> {
        let ended = self.child.try_wait().expect("it is ours")?;
        Some(format!(
            "{} ended: {ended}\n{}",
            self.log.display(),
            tail(&self.log(), "")
        ))
    }

    /// Sends a signal.
    pub(super) fn signal(&self, signal: Signal) {
        let pid = self.child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it runs"), signal).expect("it is ours");
    }

    /// Sends a signal, waits for the end and returns the exit code.
    pub(super) async fn end(mut self, signal: Signal) -> Option<i32> {
        self.signal(signal);
        let ended = wait::at_most(SOON.at_most, self.child.wait()).await;
        ended.expect("it ends").expect("it is ours").code()
    }
}

#[expect(
    clippy::print_stdout,
    reason = "libtest captures it, and shows it where the test fails"
)]
impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}:\n{}", self.log.display(), tail(&self.log(), ""));
        }
    }
}

/// Returns the last lines that contain `word`.
pub(super) fn tail(log: &str, word: &str) -> String {
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(word)).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
