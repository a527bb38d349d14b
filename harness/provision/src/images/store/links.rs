//! Copies of a root folder that share its files.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// The folders of containerd's root folder that a store consists of; containerd recreates the rest when it starts.
const PARTS: [&str; 3] = [
    "io.containerd.content.v1.content",
    "io.containerd.metadata.v1.bolt",
    "io.containerd.snapshotter.v1.overlayfs",
];

/// Databases are written in place.
const DATABASE: &str = "db";

/// Copies a root folder: files are hard links, databases and folders are new.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let metadata = from.metadata()?;
    fs::create_dir_all(to)?;
    fs::set_permissions(to, fs::Permissions::from_mode(metadata.mode()))?;
    std::os::unix::fs::chown(to, Some(metadata.uid()), Some(metadata.gid()))?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&path, &target)?;
        } else if kind.is_symlink() {
            symlink(fs::read_link(&path)?, &target)?;
        } else if path.extension().is_some_and(|end| end == DATABASE) {
            fs::copy(&path, &target)?;
        } else {
            link(&path, &target)?;
        }
    }
    Ok(())
}

/// Links a file, or copies it if the other folder is on another disk.
fn link(path: &Path, target: &Path) -> io::Result<()> {
    match fs::hard_link(path, target) {
        Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
            let metadata = path.metadata()?;
            fs::copy(path, target)?;
            std::os::unix::fs::chown(target, Some(metadata.uid()), Some(metadata.gid()))
        }
        linked => linked,
    }
}

/// Removes files that do not belong to a store.
pub(super) fn strip(root: &Path) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !PARTS.contains(&&*entry.file_name().to_string_lossy()) {
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_shared_and_databases_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir_all(from.join("snapshots/1/fs")).unwrap();
        fs::set_permissions(from.join("snapshots/1/fs"), fs::Permissions::from_mode(0o1777)).unwrap();
        for name in ["snapshots/1/fs/etcd", "meta.db"] {
            fs::write(from.join(name), name).unwrap();
        }
        symlink("etcd", from.join("snapshots/1/fs/link")).unwrap();

        copy(&from, &to).unwrap();

        let inode = |path: &Path| path.metadata().unwrap().ino();
        let etcd = Path::new("snapshots/1/fs/etcd");
        assert_eq!(inode(&from.join(etcd)), inode(&to.join(etcd)));
        assert_ne!(inode(&from.join("meta.db")), inode(&to.join("meta.db")));
        assert_eq!(fs::read_to_string(to.join("meta.db")).unwrap(), "meta.db");
        assert_eq!(
            fs::read_link(to.join("snapshots/1/fs/link")).unwrap(),
            Path::new("etcd")
        );
        assert_eq!(
            to.join("snapshots/1/fs").metadata().unwrap().mode() & 0o7777,
            0o1777
        );
    }

    #[test]
    fn what_belongs_to_a_running_containerd_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        for name in [PARTS[0], "io.containerd.grpc.v1.introspection", "tmpmounts"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        strip(folder.path()).unwrap();
        let left: Vec<_> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, [PARTS[0]]);
    }
}
