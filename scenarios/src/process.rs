//! Killing and freezing a container's processes.
//!
//! On the native substrate, and on any whose node is this machine, a container's processes are processes of this
//! machine. They are identified by their cgroup, whose path ends with the container's id. So a container is killed as
//! by a crash, without a shell in it and without its API server's knowledge.

use std::fs;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};

use crate::pod::Pod;

/// Kills a container's processes. The kubelet then restarts the container.
pub fn kill(pod: &Pod, container: &str) -> anyhow::Result<()> {
    signal(pod, container, Signal::KILL)
}

/// Freezes a container's processes. The kubelet does not notice this without a probe.
pub fn freeze(pod: &Pod, container: &str) -> anyhow::Result<()> {
    signal(pod, container, Signal::STOP)
}

/// Resumes a frozen container's processes.
pub fn thaw(pod: &Pod, container: &str) -> anyhow::Result<()> {
    signal(pod, container, Signal::CONT)
}

fn signal(pod: &Pod, container: &str, signal: Signal) -> anyhow::Result<()> {
    let id = pod
        .ids
        .get(container)
        .with_context(|| format!("{container} of {} does not run", pod.name))?;
    let processes = processes_of(id)?;
    anyhow::ensure!(
        !processes.is_empty(),
        "{container} of {} has no process on this machine",
        pod.name
    );
    for process in processes {
        match kill_process(process, signal) {
            // It ended by itself, or with another one that was killed before it.
            Ok(()) | Err(rustix::io::Errno::SRCH) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot signal {container}")),
        }
    }
    Ok(())
}

fn processes_of(container_id: &str) -> anyhow::Result<Vec<Pid>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
            .and_then(Pid::from_raw)
        else {
            continue;
        };
        // A process that has ended since does not belong to the container.
        let cgroups = fs::read_to_string(entry.path().join("cgroup")).unwrap_or_default();
        if cgroups.lines().any(|line| line.contains(container_id)) {
            found.push(pid);
        }
    }
    Ok(found)
}
