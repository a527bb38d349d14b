//! Processes in the background: those of this program that outlive the command that started them, and those of other
//! programs that a killed command left running.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use provision::wait::{self, Budget, Seen};
use rustix::process::{Pid, Signal};

/// A killed process is gone as soon as the kernel has taken down its memory; hundreds of them take a while.
pub const GONE: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(20),
};

/// Starts this program as one of its hidden commands, for `folder` and with the arguments `more`. It outlives the
/// caller and writes to `log`.
pub fn start(command: &str, folder: &Path, more: &[&OsStr], log: &Path) -> io::Result<()> {
    let log = OpenOptions::new().create(true).append(true).open(log)?;
    std::process::Command::new(std::env::current_exe()?)
        .arg(command)
        .arg(folder)
        .args(more)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Ctrl-C ends the caller, which then decides about it.
        .process_group(0)
        .spawn()
        .map(drop)
}

/// Leaves the caller's session. A signal that ends the caller's terminal must not reach a process in the background.
pub fn detach() {
    // One that leads a session already has nothing to leave.
    let _session = rustix::process::setsid();
}

/// Ends all processes that `find` finds, until it finds none. `what` describes that state in errors.
pub async fn end(what: impl Display, find: impl Fn() -> io::Result<Vec<i32>>) -> io::Result<()> {
    wait::until(what, GONE, async || {
        let left = find()?;
        for &pid in &left {
            kill(pid);
        }
        Ok::<_, io::Error>(match left.first() {
            None => Seen::Ready(()),
            Some(&first) => Seen::not_yet(format!("{} processes, the first {}", left.len(), describe(first))),
        })
    })
    .await
    .map_err(io::Error::other)
}

/// Returns the processes that [`start`] started as one of these commands for `folder`.
pub fn started(commands: &[&str], folder: &Path) -> io::Result<Vec<i32>> {
    find(|arguments| {
        let is_one = |name: &&[u8]| commands.iter().any(|command| command.as_bytes() == *name);
        arguments.get(1).is_some_and(is_one)
            && arguments.get(2) == Some(&folder.as_os_str().as_encoded_bytes())
    })
}

/// Returns the processes of these programs that have an argument for which `is_it` is true.
pub fn of_programs(programs: &[&str], is_it: impl Fn(&[u8]) -> bool) -> io::Result<Vec<i32>> {
    find(|arguments| {
        let program = arguments
            .first()
            .and_then(|path| path.rsplit(|&byte| byte == b'/').next());
        let is_one = program.is_some_and(|name| programs.iter().any(|one| one.as_bytes() == name));
        is_one && arguments.iter().skip(1).any(|argument| is_it(argument))
    })
}

/// Describes a process for people: its id and the beginning of its command line.
#[must_use]
pub fn describe(pid: i32) -> String {
    let line = command_line(pid);
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    format!("{pid} ({})", line.chars().take(80).collect::<String>().trim())
}

fn find(is_one: impl Fn(&[&[u8]]) -> bool) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let line = command_line(pid);
        let arguments: Vec<&[u8]> = line.split(|&byte| byte == 0).collect();
        if is_one(&arguments) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// Returns the command line of a process. A process that has ended has none.
fn command_line(pid: i32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
}

/// Kills a process, if it still runs.
fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = rustix::process::kill_process(pid, Signal::KILL);
    }
}
