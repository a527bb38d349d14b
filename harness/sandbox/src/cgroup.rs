//! The run's subtree in the machine's cgroup hierarchies: v1, v2, or both.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder in which cgroup hierarchies are mounted, by convention of systemd and of every container runtime.
const ROOT: &str = "/sys/fs/cgroup";

/// The file that only a v2 cgroup has.
const V2_MARK: &str = "cgroup.controllers";

/// The place, below the run's subtree, of processes that the sandbox itself starts. Pods and containers are beside
/// it, created by their runtimes.
pub(super) const SYSTEM: &str = "system";

/// Returns the run's directory in each hierarchy, even if it does not exist.
pub(super) fn directories(name: &str) -> io::Result<Vec<PathBuf>> {
    directories_below(Path::new(ROOT), name)
}

fn directories_below(root: &Path, name: &str) -> io::Result<Vec<PathBuf>> {
    if root.join(V2_MARK).exists() {
        return Ok(vec![root.join(name)]);
    }
    let mut found = Vec::new();
    for hierarchy in fs::read_dir(root)? {
        let hierarchy = hierarchy?;
        // `cpu` is often a link to `cpu,cpuacct`: the same hierarchy, once.
        if hierarchy.file_type()?.is_dir() && hierarchy.path().join("cgroup.procs").exists() {
            found.push(hierarchy.path().join(name));
        }
    }
    found.sort();
    Ok(found)
}

/// Makes the run's subtree.
pub(super) fn create(name: &str) -> io::Result<()> {
    for directory in directories(name)? {
        let hierarchy = directory.parent().unwrap_or_else(|| Path::new(ROOT));
        create_with_parents_settings(hierarchy, &directory)?;
    }
    Ok(())
}

/// Creates a cgroup with its parent's settings. A new cpuset is empty and takes no process until it has its parent's
/// processors. A v2 cgroup hands down only the controllers that are asked for.
fn create_with_parents_settings(parent: &Path, directory: &Path) -> io::Result<()> {
    if parent.join(V2_MARK).exists() {
        for controller in fs::read_to_string(parent.join(V2_MARK))?.split_whitespace() {
            fs::write(parent.join("cgroup.subtree_control"), format!("+{controller}"))?;
        }
    }
    fs::create_dir_all(directory)?;
    for setting in ["cpuset.cpus", "cpuset.mems"] {
        let (from, to) = (parent.join(setting), directory.join(setting));
        if from.exists() && !parent.join(V2_MARK).exists() && fs::read_to_string(&to)?.trim().is_empty() {
            fs::write(&to, fs::read_to_string(&from)?)?;
        }
    }
    Ok(())
}

/// Moves the calling process, and with it all that it starts, to a place below the run's subtree. The place is
/// created if it does not exist.
pub(super) fn enter(name: &str, place: &str) -> io::Result<()> {
    for directory in directories(name)? {
        let place = directory.join(place);
        create_with_parents_settings(&directory, &place)?;
        fs::write(place.join("cgroup.procs"), "0")?;
    }
    Ok(())
}

/// Returns every process in the subtree, as the caller's pid namespace numbers them.
pub(super) fn processes(name: &str) -> io::Result<Vec<i32>> {
    Ok(members(name)?.into_keys().collect())
}

/// Returns every process in the subtree and its cgroup there, as a path below the subtree's own.
pub(super) fn members(name: &str) -> io::Result<BTreeMap<i32, PathBuf>> {
    members_of(&directories(name)?)
}

/// Returns the deepest place of each process. Every hierarchy of v1 has a place for every process, and the deepest
/// one is the most specific.
fn members_of(directories: &[PathBuf]) -> io::Result<BTreeMap<i32, PathBuf>> {
    let mut found: BTreeMap<i32, PathBuf> = BTreeMap::new();
    for directory in directories {
        for below in subtree(directory)? {
            let pids = match fs::read_to_string(below.join("cgroup.procs")) {
                Ok(pids) => pids,
                Err(error) if is_gone(&error) => continue,
                Err(error) => return Err(error),
            };
            let place = below.strip_prefix(directory).unwrap_or(&below);
            for pid in pids.lines().filter_map(|pid| pid.parse().ok()) {
                let known = found.entry(pid).or_default();
                if place.components().count() > known.components().count() {
                    place.clone_into(known);
                }
            }
        }
    }
    Ok(found)
}

/// Removes the subtree's directories, the deepest first. One that is busy is an error.
pub(super) fn remove(name: &str) -> io::Result<()> {
    for directory in directories(name)? {
        for below in subtree(&directory)? {
            match fs::remove_dir(&below) {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
    }
    Ok(())
}

/// Returns a directory and all directories below it, the deepest first; nothing if it does not exist.
fn subtree(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            found.extend(subtree(&entry.path())?);
        }
    }
    found.push(directory.to_owned());
    Ok(found)
}

/// Returns true if the cgroup is gone. It can go between two looks: then the file does not exist, or its device does
/// not.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::NODEV.raw_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v2_has_one_hierarchy() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(V2_MARK), "cpu memory").unwrap();
        assert_eq!(
            directories_below(root.path(), "x").unwrap(),
            [root.path().join("x")]
        );
    }

    #[test]
    fn v1_has_one_a_controller_and_links_do_not_count_twice() {
        let root = tempfile::tempdir().unwrap();
        for controller in ["cpu,cpuacct", "memory"] {
            fs::create_dir(root.path().join(controller)).unwrap();
            fs::write(root.path().join(controller).join("cgroup.procs"), "").unwrap();
        }
        std::os::unix::fs::symlink("cpu,cpuacct", root.path().join("cpu")).unwrap();
        assert_eq!(
            directories_below(root.path(), "x").unwrap(),
            [root.path().join("cpu,cpuacct/x"), root.path().join("memory/x")]
        );
    }
    #[test]
    fn a_process_is_where_the_deepest_hierarchy_has_it() {
        let root = tempfile::tempdir().unwrap();
        let (cpu, systemd) = (root.path().join("cpu/x"), root.path().join("systemd/x"));
        let pod = cpu.join("kubepods/pod-1/container");
        fs::create_dir_all(&pod).unwrap();
        fs::create_dir_all(systemd.join(SYSTEM)).unwrap();
        fs::write(pod.join("cgroup.procs"), "12\n").unwrap();
        fs::write(systemd.join("cgroup.procs"), "12\n").unwrap();
        fs::write(systemd.join(SYSTEM).join("cgroup.procs"), "7\n").unwrap();
        let expected = [(7, SYSTEM.into()), (12, "kubepods/pod-1/container".into())];
        assert_eq!(members_of(&[cpu, systemd]).unwrap(), BTreeMap::from(expected));
    }
}
