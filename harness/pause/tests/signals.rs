//! The signal behaviour that a container runtime relies on.

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn pause() -> (Child, Pid) {
    let child = Command::new(env!("CARGO_BIN_EXE_pause"))
        .spawn()
        .expect("it starts");
    let pid = Pid::from_raw(child.id().cast_signed());
    (child, pid)
}

/// Waits until it sleeps, which it only does to wait for signals.
fn is_waiting(pid: Pid) -> bool {
    let started = Instant::now();
    let sleeps = |stat: String| stat.contains("(pause) S ");
    while started.elapsed() < Duration::from_secs(30) {
        if std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(sleeps) {
            return true;
        }
        std::thread::yield_now();
    }
    false
}

#[test]
fn it_exits_with_0_when_it_gets_a_signal() {
    let (mut child, pid) = pause();
    assert!(is_waiting(pid));
    kill(pid, Signal::SIGTERM).expect("it is there");
    let status = child.wait().expect("it ends");
    assert_eq!((status.code(), status.signal()), (Some(0), None));
}

#[test]
fn a_child_that_ends_does_not_end_it() {
    let (mut child, pid) = pause();
    assert!(is_waiting(pid));
    kill(pid, Signal::SIGCHLD).expect("it is there");
    assert!(child.try_wait().expect("it can be asked").is_none());
    kill(pid, Signal::SIGINT).expect("it is there");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}
