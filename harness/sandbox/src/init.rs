//! The sandbox's init: creates the private view of the machine, then starts the sandbox's processes and keeps them
//! running.
//!
//! It is process 1 of its own pid namespace, so every process of the sandbox ends when it does.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitOptions};

use super::spec::{Process, Sign, Spec};
use super::{cgroup, logs, mounts, network};

/// The interval between two looks at a socket that a process waits for.
const LOOK: Duration = Duration::from_millis(20);

/// A process that ended is started again after this long, as systemd does it.
const RESTART: Duration = Duration::from_millis(500);

/// Runs the sandbox whose run folder is `folder`. Returns only if it cannot be set up.
pub(super) fn run(folder: &Path) -> io::Result<std::convert::Infallible> {
    let spec = Spec::read(folder)?;
    cgroup::enter(&spec.cgroup, cgroup::SYSTEM)?;
    mounts::make_private(&spec)?;
    rustix::system::sethostname(spec.host_name.as_bytes())?;
    network::set_up(&spec)?;
    keep(&spec)
}

/// Starts the processes that can be started, reaps those that ended, and restarts those.
fn keep(spec: &Spec) -> io::Result<std::convert::Infallible> {
    let mut journal = OpenOptions::new()
        .create(true)
        .append(true)
        .open(journal_of(&spec.folder))?;
    let began = Instant::now();
    let mut waiting: Vec<(&Process, Instant)> = spec
        .processes
        .iter()
        .map(|process| (process, Instant::now()))
        .collect();
    let mut running: HashMap<Pid, &Process> = HashMap::new();
    loop {
        let (ready, later) = waiting
            .into_iter()
            .partition::<Vec<_>, _>(|(process, not_before)| {
                *not_before <= Instant::now() && process.after.iter().all(is_seen)
            });
        waiting = later;
        for (process, _) in ready {
            let pid = start(spec, process)?;
            writeln!(
                journal,
                "{:8.3} started {} as {pid:?}",
                began.elapsed().as_secs_f64(),
                process.name
            )?;
            running.insert(pid, process);
        }
        // With nothing to start, there is nothing to do until something ends.
        let options = if waiting.is_empty() {
            WaitOptions::empty()
        } else {
            WaitOptions::NOHANG
        };
        match rustix::process::wait(options) {
            Ok(Some((pid, status))) => {
                if let Some(process) = running.remove(&pid) {
                    let seconds = began.elapsed().as_secs_f64();
                    writeln!(journal, "{seconds:8.3} ended {}: {status:?}", process.name)?;
                    waiting.push((process, Instant::now() + RESTART));
                }
            }
            Ok(None) | Err(rustix::io::Errno::CHILD) => pause(),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Returns the path of the file in which the init records the processes that it starts and that end.
fn journal_of(folder: &Path) -> PathBuf {
    logs(folder).join("init.log")
}

/// Returns true if a process has ended, even if it runs again.
pub(super) fn has_ended(folder: &Path, process: &str) -> bool {
    let ended = format!(" ended {process}: ");
    fs::read_to_string(journal_of(folder)).is_ok_and(|journal| journal.contains(&ended))
}

#[expect(clippy::disallowed_methods, reason = "process 1 has no runtime to wait with")]
fn pause() {
    std::thread::sleep(LOOK);
}

fn is_seen(sign: &Sign) -> bool {
    match sign {
        Sign::Socket(path) => UnixStream::connect(path).is_ok(),
        Sign::Port(address) => TcpStream::connect(address).is_ok(),
        Sign::File(path) => path.exists(),
    }
}

fn start(spec: &Spec, process: &Process) -> io::Result<Pid> {
    let log: File = OpenOptions::new()
        .create(true)
        .append(true)
        .open(spec.log(&process.name))?;
    let child = Command::new(&process.program)
        .args(&process.arguments)
        .env_clear()
        .envs(spec.environment.iter().cloned())
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        // Not the init's group: a signal to one process stays with it.
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", process.name)))?;
    i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .ok_or_else(|| io::Error::other(format!("{} has no process id", process.name)))
}

/// Makes the directories that every sandbox needs in its run folder.
pub(super) fn folders(spec: &Spec) -> io::Result<()> {
    fs::create_dir_all(logs(&spec.folder))?;
    for private in &spec.view.private {
        fs::create_dir_all(spec.folder.join(&private.folder))?;
    }
    Ok(())
}
