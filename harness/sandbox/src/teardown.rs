//! Ending a sandbox, and finding its remains.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use provision::wait::{self, Seen};

use super::supervisor::{COMMAND, INIT_COMMAND};
use super::{Error, cgroup, cgroup_name, enter};
use crate::background;

/// Ends every process of the environment's sandbox and removes its cgroups, whatever state it is in. The run
/// folder is the caller's to remove.
pub async fn end(environment: &str, folder: &Path) -> Result<(), Error> {
    let name = cgroup_name(environment);
    background::end(format!("the processes of {name} to end"), || {
        processes(&name, folder)
    })
    .await
    .map_err(|source| Error::Io {
        what: "end the sandbox's processes".into(),
        source,
    })?;
    wait::until(
        format!("the cgroups of {name} to go"),
        background::GONE,
        async || {
            Ok::<_, io::Error>(match cgroup::remove(&name) {
                Ok(()) => Seen::Ready(()),
                Err(error) => Seen::not_yet(error.to_string()),
            })
        },
    )
    .await
    .map_err(|error| Error::Io {
        what: format!("remove the cgroup {name}"),
        source: io::Error::other(error),
    })
}

/// Returns the remains of an environment that should be gone: processes, cgroups, mounts and folders, one per line.
pub fn left_behind(environment: &str, folder: &Path) -> io::Result<Vec<String>> {
    let name = cgroup_name(environment);
    let mut found: Vec<String> = processes(&name, folder)?
        .into_iter()
        .map(|pid| format!("process {}", background::describe(pid)))
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

/// Returns the processes in the cgroup, and a supervisor, init or command that has not entered it yet.
fn processes(cgroup: &str, folder: &Path) -> io::Result<Vec<i32>> {
    let mut found = cgroup::processes(cgroup)?;
    found.extend(background::started(
        &[COMMAND, INIT_COMMAND, enter::COMMAND],
        folder,
    )?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// Returns the mount points of this process's namespace that lie in `folder`.
fn mounts_below(folder: &Path) -> io::Result<Vec<PathBuf>> {
    Ok(fs::read_to_string("/proc/self/mountinfo")?
        .lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(PathBuf::from)
        .filter(|mount| mount.starts_with(folder))
        .collect())
}
