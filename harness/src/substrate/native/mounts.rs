//! The sandbox's own view of the file system: what its processes write by fixed paths goes to the run folder or
//! to memory, never to the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags};

use super::spec::Spec;

/// Directories that are replaced by empty ones in memory.
const HIDDEN: [&str; 2] = ["/run", "/var"];

/// Where folders that must stay visible are held while a directory above them is hidden.
const HELD: &str = "/dev/shm";

/// Makes it, in the mount namespace that the caller is in.
pub(super) fn make_private(spec: &Spec) -> io::Result<()> {
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    let kept: Vec<&Path> = spec
        .keep
        .iter()
        .chain([&spec.folder])
        .map(PathBuf::as_path)
        .filter(|path| is_hidden(path))
        .collect();
    memory(Path::new(HELD))?;
    for (place, path) in kept.iter().enumerate() {
        let held = Path::new(HELD).join(place.to_string());
        fs::create_dir(&held)?;
        rustix::mount::mount_bind_recursive(*path, &held)?;
    }
    for hidden in HIDDEN {
        memory(Path::new(hidden))?;
    }
    for (place, path) in kept.iter().enumerate() {
        fs::create_dir_all(path)?;
        rustix::mount::mount_bind_recursive(Path::new(HELD).join(place.to_string()), *path)?;
    }
    sys()?;
    for (from, to) in [
        ("private/kubelet", "/var/lib/kubelet"),
        ("private/cni", "/var/lib/cni"),
        ("private/log", "/var/log"),
    ] {
        fs::create_dir_all(to)?;
        rustix::mount::mount_bind(spec.path(from), Path::new(to))?;
    }
    // Volumes that the kubelet mounts must show up in the containers that are made later.
    rustix::mount::mount_change(
        "/var/lib/kubelet",
        MountPropagationFlags::REC | MountPropagationFlags::SHARED,
    )?;
    for directory in [
        "/run/lock",
        "/run/containerd",
        "/run/etcd",
        "/run/cni",
        "/var/tmp",
        "/var/run",
    ] {
        fs::create_dir_all(directory)?;
    }
    Ok(())
}

fn is_hidden(path: &Path) -> bool {
    HIDDEN.iter().any(|hidden| path.starts_with(hidden))
}

fn memory(target: &Path) -> io::Result<()> {
    Ok(rustix::mount::mount(
        "tmpfs",
        target,
        "tmpfs",
        MountFlags::empty(),
        None,
    )?)
}

/// `/sys` shows the network of the namespace that mounted it, so a new one is needed; the cgroup hierarchies are
/// bound back into it.
fn sys() -> io::Result<()> {
    let held = Path::new("/run/cgroup");
    fs::create_dir(held)?;
    rustix::mount::mount_bind_recursive("/sys/fs/cgroup", held)?;
    rustix::mount::mount("sysfs", "/sys", "sysfs", MountFlags::empty(), None)?;
    Ok(rustix::mount::mount_bind_recursive(held, "/sys/fs/cgroup")?)
}
