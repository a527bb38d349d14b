//! What is kept of unpacked packages, and the folders that make it usable.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::Iptables;
use crate::components::Error;
use crate::components::process::Process;
use crate::events::Events;
use crate::pins::DebianPin;

/// Where the packages are unpacked to, below the entry.
pub(super) const ROOT: &str = "root";

/// Links to all libraries but the C library's own.
pub(super) const LIBRARIES: &str = "libraries";

/// A link to the extensions of `iptables`.
pub(super) const XTABLES: &str = "xtables";

/// Folders of packages that no program of ours reads: documentation, settings, state and scripting languages.
const UNUSED: [&str; 5] = ["etc", "var", "usr/share", "usr/include", "usr/games"];

/// The same below the folder of libraries.
const UNUSED_LIBRARIES: [&str; 3] = ["perl", "perl-base", "gconv"];

/// The names under which `iptables` is called.
const NAMES: [&str; 6] = [
    "iptables",
    "iptables-save",
    "iptables-restore",
    "ip6tables",
    "ip6tables-save",
    "ip6tables-restore",
];

/// Unpacks the packages below `folder`.
pub(super) async fn unpack(
    pin: &DebianPin,
    packages: &[PathBuf],
    folder: &Path,
    stage: &str,
    events: &Events,
) -> Result<(), Error> {
    events.progress(stage, format!("unpacking {} packages", packages.len()));
    let root = folder.join(ROOT);
    let mut of_libc = BTreeSet::new();
    for package in packages {
        let build = || Error::build(&pin.name, folder);
        let unpacking = Process::new("dpkg-deb")
            .arg("--extract")
            .arg(package)
            .arg(&root)
            .output();
        unpacking.await.map_err(build())?;
        if package
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("libc6_"))
        {
            let listing = Process::new("dpkg-deb")
                .arg("--contents")
                .arg(package)
                .output()
                .await;
            of_libc.extend(names(&listing.map_err(build())?));
        }
    }
    remove_unused(&root)?;
    link_libraries(&root, &folder.join(LIBRARIES), &of_libc)?;
    for iptables in [Iptables::Nft, Iptables::Legacy] {
        let links = folder.join(iptables.folder());
        fs::create_dir(&links).map_err(Error::file("create", &links))?;
        for name in NAMES {
            link(
                &Path::new("..")
                    .join(ROOT)
                    .join("usr/sbin")
                    .join(iptables.program()),
                &links.join(name),
            )?;
        }
    }
    if let Some(xtables) = library_folders(&root)?
        .into_iter()
        .map(|folder| folder.join("xtables"))
        .find(|path| path.is_dir())
    {
        link(
            xtables.strip_prefix(folder).unwrap_or(&xtables),
            &folder.join(XTABLES),
        )?;
    }
    Ok(())
}

/// The folders of a root that have libraries: `lib/x86_64-linux-gnu`, `usr/lib/x86_64-linux-gnu` and the like.
pub(crate) fn library_folders(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut folders = Vec::new();
    for parent in ["lib", "usr/lib"]
        .map(|parent| root.join(parent))
        .into_iter()
        .filter(|parent| parent.is_dir())
    {
        let entries = fs::read_dir(&parent).map_err(Error::file("read", &parent))?;
        let is_for_a_machine =
            |path: &PathBuf| path.to_string_lossy().contains("-linux-gnu") && path.is_dir();
        folders.extend(
            entries
                .flatten()
                .map(|entry| entry.path())
                .filter(is_for_a_machine),
        );
    }
    folders.sort();
    Ok(folders)
}

fn remove_unused(root: &Path) -> Result<(), Error> {
    let libraries = library_folders(root)?;
    let below = libraries
        .iter()
        .flat_map(|folder| UNUSED_LIBRARIES.map(|name| folder.join(name)));
    for folder in UNUSED
        .map(|name| root.join(name))
        .into_iter()
        .chain(below)
        .filter(|path| path.is_dir())
    {
        fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
    }
    Ok(())
}

fn link_libraries(root: &Path, links: &Path, without: &BTreeSet<String>) -> Result<(), Error> {
    fs::create_dir(links).map_err(Error::file("create", links))?;
    for folder in library_folders(root)? {
        for entry in fs::read_dir(&folder)
            .map_err(Error::file("read", &folder))?
            .flatten()
        {
            let name = entry.file_name().to_string_lossy().into_owned();
            let below = entry.path();
            if name.contains(".so") && below.is_file() && !without.contains(&name) {
                let below = below.strip_prefix(root).unwrap_or(&below).to_owned();
                link(&Path::new("..").join(ROOT).join(below), &links.join(&name))?;
            }
        }
    }
    Ok(())
}

fn link(target: &Path, link: &Path) -> Result<(), Error> {
    symlink(target, link).map_err(Error::file("create", link))
}

/// The names of the files that a package has, without their folders.
fn names(listing: &str) -> impl Iterator<Item = String> {
    // Such as: -rwxr-xr-x root/root 1922136 2026-04-27 20:14 ./lib/x86_64-linux-gnu/libc.so.6
    let path = |line: &str| line.split_whitespace().nth(5).map(str::to_owned);
    let paths: Vec<String> = listing.lines().filter_map(path).collect();
    paths
        .into_iter()
        .filter_map(|path| path.rsplit('/').next().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_files_are_named_without_folders_and_link_targets() {
        let listing = "drwxr-xr-x root/root         0 2026-04-27 20:14 ./lib64/\n\
             -rwxr-xr-x root/root   1922136 2026-04-27 20:14 ./lib/x86_64-linux-gnu/libc.so.6\n\
             lrwxrwxrwx root/root         0 2026-04-27 20:14 ./lib64/ld-linux.so.2 -> /lib/ld-linux.so.2\n";
        let names: Vec<String> = names(listing).filter(|name| !name.is_empty()).collect();
        assert_eq!(names, ["libc.so.6", "ld-linux.so.2"]);
    }
}
