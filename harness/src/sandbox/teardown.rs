//! Ending a sandbox, and looking for what is left of one.

use std::fmt::Display;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::supervisor::{COMMAND, INIT_COMMAND};
use super::{Error, cgroup, cgroup_name, enter};
use crate::wait::{self, Budget, Seen};

/// A killed process is gone as soon as the kernel has taken down its memory; hundreds of them take a while.
const GONE: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(20),
};

/// What is waited for, where there is no sandbox to name.
const IN_BACKGROUND: &str = "processes in the background to end";

/// Ends every process of the environment's sandbox and removes its cgroups, whatever state it is in. The run
/// folder is the caller's to remove.
pub async fn end(environment: &str, folder: &Path) -> Result<(), Error> {
    let name = cgroup_name(environment);
    end_found(format!("the processes of {name} to end"), || {
        processes(&name, folder)
    })
    .await
    .map_err(|source| Error::Io {
        what: "end the sandbox's processes".into(),
        source,
    })?;
    wait::until(format!("the cgroups of {name} to go"), GONE, async || {
        Ok::<_, io::Error>(match cgroup::remove(&name) {
            Ok(()) => Seen::Ready(()),
            Err(error) => Seen::not_yet(error.to_string()),
        })
    })
    .await
    .map_err(|error| Error::Io {
        what: format!("remove the cgroup {name}"),
        source: io::Error::other(error),
    })
}

/// What is left of an environment that should be gone: processes, cgroups, mounts and folders, one a line.
pub fn left_behind(environment: &str, folder: &Path) -> io::Result<Vec<String>> {
    let name = cgroup_name(environment);
    let mut found: Vec<String> = processes(&name, folder)?
        .into_iter()
        .map(|pid| format!("process {}", describe(pid)))
        .collect();
    found.extend(
        cgroup::directories(&name)?
            .into_iter()
            .filter(|directory| directory.exists())
            .map(|directory| format!("cgroup {}", directory.display())),
    );
    found.extend(
        mounts_below(folder)?
            .into_iter()
            .map(|mount| format!("mount {}", mount.display())),
    );
    if folder.exists() {
        found.push(format!("folder {}", folder.display()));
    }
    Ok(found)
}

/// Those in the cgroup, and a supervisor, init or command that has not entered it yet.
fn processes(cgroup: &str, folder: &Path) -> io::Result<Vec<i32>> {
    let mut found = cgroup::processes(cgroup)?;
    found.extend(parts(&[COMMAND, INIT_COMMAND, enter::COMMAND], folder)?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Ends the processes of this program that are one of these commands for `folder`.
pub(crate) async fn end_parts(commands: &[&str], folder: &Path) -> io::Result<()> {
    end_found(IN_BACKGROUND, || parts(commands, folder)).await
}

/// Ends the processes of these programs that have an argument of which `is_it` says that it is the one.
pub(crate) async fn end_programs(programs: &[&str], is_it: impl Fn(&[u8]) -> bool) -> io::Result<()> {
    end_found(IN_BACKGROUND, || {
        let mut found = Vec::new();
        for pid in all()? {
            // One that has ended meanwhile has no line.
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let mut arguments = line.split(|&byte| byte == 0);
            let program = arguments
                .next()
                .and_then(|path| path.rsplit(|&byte| byte == b'/').next());
            let is_one = program.is_some_and(|name| programs.iter().any(|one| one.as_bytes() == name));
            if is_one && arguments.any(&is_it) {
                found.push(pid);
            }
        }
        Ok(found)
    })
    .await
}

async fn end_found(what: impl Display, find: impl Fn() -> io::Result<Vec<i32>>) -> io::Result<()> {
    wait::until(what, GONE, async || {
        let left = find()?;
        for &pid in &left {
            kill(pid);
        }
        Ok::<_, io::Error>(if left.is_empty() {
            Seen::Ready(())
        } else {
            Seen::not_yet(format!(
                "{} processes, the first {}",
                left.len(),
                describe(left[0])
            ))
        })
    })
    .await
    .map_err(io::Error::other)
}

/// The processes of this program that are one of these commands for `folder`.
fn parts(commands: &[&str], folder: &Path) -> io::Result<Vec<i32>> {
    let mut found = Vec::new();
    for pid in all()? {
        let Ok(line) = fs::read(format!("/proc/{pid}/cmdline")) else {
            continue;
        };
        let mut arguments = line.split(|&byte| byte == 0).skip(1);
        let is_part = arguments
            .next()
            .is_some_and(|name| commands.iter().any(|command| command.as_bytes() == name));
        if is_part && arguments.next() == Some(folder.as_os_str().as_encoded_bytes()) {
            found.push(pid);
        }
    }
    Ok(found)
}

/// All processes of the machine.
fn all() -> io::Result<Vec<i32>> {
    let names = fs::read_dir("/proc")?.map(|entry| Ok(entry?.file_name()));
    let names: io::Result<Vec<_>> = names.collect();
    Ok(names?
        .iter()
        .filter_map(|name| name.to_str()?.parse().ok())
        .collect())
}

/// One that is gone by now needs no killing.
fn kill(pid: i32) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = rustix::process::kill_process(pid, Signal::KILL);
    }
}

fn describe(pid: i32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    format!("{pid} ({})", line.chars().take(80).collect::<String>().trim())
}

/// The mount points of this process's namespace that lie in `folder`.
fn mounts_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(fs::read_to_string("/proc/self/mountinfo")?
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .filter(|mount| mount.starts_with(folder))
        .collect())
}
