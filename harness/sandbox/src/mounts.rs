//! The sandbox's own view of the file system: files that its processes write by fixed paths go to the run folder or
//! to memory, never to the machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags};

use super::spec::{Private, Spec};

/// The folder in which programs keep files for the time that they run. No two sandboxes may share it.
const RUN: &str = "/run";

/// The folder in which visible folders are held while a directory above them is hidden.
const HELD: &str = "/dev/shm";

/// The folder of the files that are written to layered directories.
const LAYERS: &str = "/run/layers";

/// The folder of the sandbox's own values of sysctls.
const SYSCTLS: &str = "/run/sysctls";

/// Makes it, in the mount namespace that the caller is in.
pub(super) fn make_private(spec: &Spec) -> io::Result<()> {
    rustix::mount::mount_change("/", MountPropagationFlags::REC | MountPropagationFlags::PRIVATE)?;
    hide(spec)?;
    sys()?;
    for sysctl in &spec.view.sysctls {
        shadow(sysctl)?;
    }
    for directory in &spec.view.layered {
        layer(directory)?;
    }
    for private in &spec.view.private {
        replace(&spec.folder, private)?;
    }
    for directory in &spec.view.directories {
        fs::create_dir_all(directory)?;
    }
    Ok(())
}

/// Hides directories, but for the folders in them that are needed.
fn hide(spec: &Spec) -> io::Result<()> {
    let hidden: Vec<&Path> = spec
        .view
        .hidden
        .iter()
        .map(PathBuf::as_path)
        .chain([Path::new(RUN)])
        .collect();
    let kept: Vec<&Path> = spec
        .view
        .keep
        .iter()
        .chain([&spec.folder])
        .map(PathBuf::as_path)
        .filter(|path| hidden.iter().any(|hidden| path.starts_with(hidden)))
        .collect();
    memory(Path::new(HELD))?;
    for (place, path) in kept.iter().enumerate() {
        let held = Path::new(HELD).join(place.to_string());
        fs::create_dir(&held)?;
        rustix::mount::mount_bind_recursive(*path, &held)?;
    }
    for directory in hidden {
        memory(directory)?;
    }
    for (place, path) in kept.iter().enumerate() {
        fs::create_dir_all(path)?;
        rustix::mount::mount_bind_recursive(Path::new(HELD).join(place.to_string()), *path)?;
    }
    Ok(())
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

/// Mounts a new `/sys`, because it shows the network of the namespace that mounted it. The cgroup hierarchies are
/// bound back into it.
fn sys() -> io::Result<()> {
    let held = Path::new("/run/cgroup");
    fs::create_dir(held)?;
    rustix::mount::mount_bind_recursive("/sys/fs/cgroup", held)?;
    rustix::mount::mount("sysfs", "/sys", "sysfs", MountFlags::empty(), None)?;
    Ok(rustix::mount::mount_bind_recursive(held, "/sys/fs/cgroup")?)
}

/// Puts a file in memory in the place of a sysctl, with the value that the machine has. A kernel without the sysctl gets none.
fn shadow(sysctl: &Path) -> io::Result<()> {
    let place = Path::new("/proc/sys").join(sysctl);
    let value = match fs::read(&place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        value => value?,
    };
    let file = Path::new(SYSCTLS).join(sysctl);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&file, value)?;
    Ok(rustix::mount::mount_bind(&file, &place)?)
}

/// Mounts an overlay on `directory`, so that writes to it go to memory.
fn layer(directory: &Path) -> io::Result<()> {
    let layer = Path::new(LAYERS).join(directory.strip_prefix("/").unwrap_or(directory));
    let (upper, work) = (layer.join("upper"), layer.join("work"));
    fs::create_dir_all(&upper)?;
    fs::create_dir_all(&work)?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        directory.display(),
        upper.display(),
        work.display()
    );
    let options = std::ffi::CString::new(options)?;
    Ok(rustix::mount::mount(
        "overlay",
        directory,
        "overlay",
        MountFlags::empty(),
        options.as_c_str(),
    )?)
}

fn replace(folder: &Path, private: &Private) -> io::Result<()> {
    fs::create_dir_all(&private.place)?;
    rustix::mount::mount_bind(folder.join(&private.folder), &private.place)?;
    if private.shared {
        rustix::mount::mount_change(
            &private.place,
            MountPropagationFlags::REC | MountPropagationFlags::SHARED,
        )?;
    }
    Ok(())
}
