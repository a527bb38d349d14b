//! The files that are kept of unpacked packages, and the folders that make them usable.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::{FOLDERS, Iptables, libraries};
use crate::binaries::Error;
use crate::command::Command;
use crate::events::Events;
use crate::pins::DebianPin;

/// The folder of the kept files, below the entry.
pub(super) const ROOT: &str = "root";

/// Links to the programs.
pub(super) const PROGRAMS: &str = "programs";

/// Links to all libraries but the C library's own.
pub(super) const LIBRARIES: &str = "libraries";

/// A link to the extensions of `iptables`.
pub(super) const XTABLES: &str = "xtables";

/// The names under which `iptables` is called.
const NAMES: [&str; 6] = [
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];

/// Unpacks the packages beside themselves and keeps their needed files below `entry`.
pub(super) async fn unpack(
    pin: &DebianPin,
    packages: &[PathBuf],
    downloads: &Path,
    entry: &Path,
    stage: &str,
    events: &Events,
) -> Result<(), Error> {
    events.progress(stage, format!("unpacking {} packages", packages.len()));
    let from = downloads.join("unpacked");
    let mut of_libc = BTreeSet::new();
    for package in packages {
        let build = || Error::build(&pin.name, entry);
        let unpacking = Command::new("dpkg-deb").arg("--extract").arg(package).arg(&from);
        unpacking.run().await.map_err(build())?;
        if package
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("libc6_"))
        {
            let listing = Command::new("dpkg-deb").arg("--contents").arg(package);
            of_libc = names(&listing.text().await.map_err(build())?);
        }
    }
    keep(pin, &from, entry, &of_libc)
}

fn keep(pin: &DebianPin, from: &Path, entry: &Path, of_libc: &BTreeSet<String>) -> Result<(), Error> {
    let root = entry.join(ROOT);
    for folder in [PROGRAMS, LIBRARIES].map(|name| entry.join(name)) {
        fs::create_dir(&folder).map_err(Error::file("create", &folder))?;
    }

    let mut kept = Vec::new();
    for program in pin.programs.iter().chain(&pin.helpers) {
        let path = FOLDERS
            .iter()
            .map(|folder| Path::new(folder).join(program))
            .find(|path| from.join(path).is_file());
        let path = path.ok_or_else(|| Error::Incomplete {
            pin: pin.name.clone(),
            program: program.clone(),
        })?;
        link(
            &Path::new("..").join(ROOT).join(&path),
            &entry.join(PROGRAMS).join(program),
        )?;
        kept.push(path);
    }
    if pin.scripts {
        return kept
            .iter()
            .try_for_each(|path| put(&from.join(path), &root.join(path)));
    }
    for iptables in [Iptables::Nft, Iptables::Legacy] {
        let program = Path::new("usr/sbin").join(iptables.program());
        if !from.join(&program).is_file() {
            continue;
        }
        let links = entry.join(iptables.folder());
        fs::create_dir(&links).map_err(Error::file("create", &links))?;
        for name in NAMES {
            link(&Path::new("..").join(ROOT).join(&program), &links.join(name))?;
        }
        kept.push(program);
    }
    let plugins = Path::new("usr/lib/cni");
    if from.join(plugins).is_dir() {
        kept.extend(files(from, plugins)?);
    }
    if let Some(extensions) = extensions(from) {
        link(&Path::new(ROOT).join(&extensions), &entry.join(XTABLES))?;
        kept.extend(files(from, &extensions)?);
    }

    let linked: Vec<PathBuf> = kept.iter().map(|path| from.join(path)).collect();
    let needed = libraries::needed(from, &linked)?;
    for path in &kept {
        put(&from.join(path), &root.join(path))?;
    }
    for (place, file) in needed {
        let place = Path::new(place.trim_start_matches('/'));
        put(&file, &root.join(place))?;
        let name = place
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if !of_libc.contains(&name) {
            link(
                &Path::new("..").join(ROOT).join(place),
                &entry.join(LIBRARIES).join(name),
            )?;
        }
    }
    Ok(())
}

/// Puts a file, or the target of a link, at another place on the same disk.
fn put(file: &Path, place: &Path) -> Result<(), Error> {
    let put = || -> io::Result<()> {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::copy(file, place).map(drop)
    };
    put().map_err(Error::file("write", place))
}

/// Returns the folder with the extensions of `iptables`, such as `usr/lib/x86_64-linux-gnu/xtables`.
fn extensions(root: &Path) -> Option<PathBuf> {
    let mut folders = fs::read_dir(root.join("usr/lib"))
        .ok()?
        .flatten()
        .map(|entry| entry.path().join("xtables"));
    folders
        .find(|path| path.is_dir())?
        .strip_prefix(root)
        .ok()
        .map(Path::to_owned)
}

/// Returns the files of a folder, below `root`.
fn files(root: &Path, folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let path = root.join(folder);
    let entries = fs::read_dir(&path).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let entries = entries.map_err(Error::file("read", &path))?;
    Ok(entries
        .iter()
        .filter(|entry| entry.path().is_file())
        .map(|entry| folder.join(entry.file_name()))
        .collect())
}

fn link(target: &Path, link: &Path) -> Result<(), Error> {
    symlink(target, link).map_err(Error::file("create", link))
}

/// Returns the names of the files that a package has, without their folders.
fn names(listing: &str) -> BTreeSet<String> {
    // Such as: -rwxr-xr-x root/root 1922136 2026-04-27 20:14 ./lib/x86_64-linux-gnu/libc.so.6
    let path = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
    let name = |path: String| path.rsplit('/').next().map(str::to_owned);
    listing
        .lines()
        .filter_map(path)
        .filter_map(name)
        .filter(|name| !name.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_files_are_named_without_folders_and_link_targets() {
        let listing = "drwxr-xr-x root/root         0 2026-04-27 20:14 ./lib64/\n\
             -rwxr-xr-x root/root   1922136 2026-04-27 20:14 ./lib/x86_64-linux-gnu/libc.so.6\n\
             lrwxrwxrwx root/root         0 2026-04-27 20:14 ./lib64/ld-linux.so.2 -> /lib/ld-linux.so.2\n";
        assert_eq!(
            names(listing),
            ["ld-linux.so.2", "libc.so.6"].map(str::to_owned).into()
        );
    }
}
