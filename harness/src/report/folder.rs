//! The report folder: a folder for each run in it, and links to the latest.
//!
//! `runs/TIME-COMMAND` is created for one run, and no other run writes to it. `latest` is a symbolic link to the run
//! that began last. `report.txt` and the other reports are links below that, so a script finds the same names in the
//! same place after each run. Existing files are neither removed nor overwritten: if a name is taken by something
//! else, the run fails before it does anything.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use provision::events::EVIDENCE;
use rustix::fs::Access;

use super::{EVENTS, Error, HTML, JSON, JUNIT, TEXT};

/// The folder of all runs.
const RUNS: &str = "runs";

/// The link to the run that began last.
const LATEST: &str = "latest";

/// The names in the folder of a run.
pub const CONTENT: [&str; 6] = [TEXT, JSON, JUNIT, HTML, EVENTS, EVIDENCE];

/// Fails if no run can have a folder in `base`. Creates nothing, so that some reasons are only found by [`make`].
pub fn check(base: &Path, content: &[&str]) -> Result<(), Error> {
    links_are_free(base, content)?;
    let unusable = |source| Error::Folder {
        path: base.to_owned(),
        source,
    };
    let there = base.ancestors().find(|ancestor| ancestor.exists());
    let there = there.unwrap_or(base);
    if !there.is_dir() {
        return Err(unusable(io::ErrorKind::NotADirectory.into()));
    }
    rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| unusable(error.into()))
}

/// Makes the folder of a run of `command` in the report folder `base`, with links in `base` to each of `content`.
pub fn make(base: &Path, command: &str, content: &[&str]) -> Result<PathBuf, Error> {
    let unusable = |source| Error::Folder {
        path: base.to_owned(),
        source,
    };
    let links = links_are_free(base, content)?;
    let latest = base.join(LATEST);
    let runs = base.join(RUNS);
    fs::create_dir_all(&runs).map_err(unusable)?;
    let (name, folder) = named(&runs, command).map_err(unusable)?;
    // The link is replaced in one step: whoever follows it meanwhile finds the former run or this one.
    let draft = base.join(format!(".{LATEST}-{name}"));
    symlink(Path::new(RUNS).join(&name), &draft).map_err(unusable)?;
    fs::rename(&draft, &latest).map_err(unusable)?;
    for (link, target) in &links {
        match symlink(target, link) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(unusable)?,
        }
    }
    Ok(folder)
}

/// Returns the folder of the run that `folder` is about: the latest of a report folder, or the folder itself.
#[must_use]
pub fn run_in(folder: &Path) -> PathBuf {
    let latest = folder.join(LATEST);
    if latest.is_dir() {
        latest
    } else {
        folder.to_owned()
    }
}

/// Returns the links that a report has besides `latest`, with their targets. Fails if a stranger's file has such a name.
fn links_are_free(base: &Path, content: &[&str]) -> Result<Vec<(PathBuf, PathBuf)>, Error> {
    let is_free = |path: &Path, is_ours: &dyn Fn(&Path) -> bool| is_free(base, path, is_ours);
    is_free(&base.join(LATEST), &|target| target.starts_with(RUNS))?;
    let links = content.iter().map(|name| {
        let (link, target) = (base.join(name), Path::new(LATEST).join(name));
        is_free(&link, &|found| found == target)?;
        Ok((link, target))
    });
    links.collect()
}

/// Refuses a name that is taken by anything but a link of ours.
fn is_free(base: &Path, path: &Path, is_ours: &dyn Fn(&Path) -> bool) -> Result<(), Error> {
    let found = match path.symlink_metadata() {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(Error::Folder {
                path: base.to_owned(),
                source,
            });
        }
    };
    if found.is_symlink() && fs::read_link(path).is_ok_and(|target| is_ours(&target)) {
        Ok(())
    } else {
        Err(Error::Taken {
            path: path.to_owned(),
        })
    }
}

/// Creates a folder that is named after the time and the command. Another one within the same second gets a number.
fn named(runs: &Path, command: &str) -> io::Result<(String, PathBuf)> {
    // Without colons, which some file systems and CI servers do not take.
    let time = Timestamp::now().strftime("%Y-%m-%dT%H-%M-%SZ");
    let first = format!("{time}-{command}");
    let others = (2..).map(|number| format!("{first}-{number}"));
    for name in std::iter::once(first.clone()).chain(others) {
        let folder = runs.join(&name);
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            made => return made.map(|()| (name, folder)),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_never_touches_what_an_earlier_one_or_a_stranger_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().join("e2e");
        fs::create_dir_all(&base).unwrap();
        fs::write(base.join("precious"), "a stranger's").unwrap();
        let first = make(&base, "e2e", &CONTENT).unwrap();
        fs::write(first.join(TEXT), "first").unwrap();
        assert_eq!(fs::read_to_string(base.join(TEXT)).unwrap(), "first");

        let second = make(&base, "e2e", &CONTENT).unwrap();
        assert_ne!(first, second);
        assert!(!base.join(TEXT).exists(), "the latest has no report yet");
        fs::write(second.join(TEXT), "second").unwrap();

        assert_eq!(fs::read_to_string(first.join(TEXT)).unwrap(), "first");
        assert_eq!(fs::read_to_string(base.join(TEXT)).unwrap(), "second");
        assert_eq!(
            fs::read_to_string(base.join("latest").join(TEXT)).unwrap(),
            "second"
        );
        assert_eq!(fs::read_to_string(base.join("precious")).unwrap(), "a stranger's");
    }

    #[test]
    fn a_name_that_is_taken_is_refused_and_left_as_it_is() {
        for name in [TEXT, HTML, EVIDENCE, LATEST] {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("precious"), "a stranger's").unwrap();
            let error = make(folder.path(), "test", &CONTENT).unwrap_err();
            assert!(matches!(error, Error::Taken { .. }), "{error}");
            let kept = fs::read_to_string(folder.path().join(name).join("precious")).unwrap();
            assert_eq!(kept, "a stranger's");
            assert!(!folder.path().join(RUNS).exists(), "{name}");
        }
    }

    #[test]
    fn a_link_to_somewhere_else_is_a_strangers() {
        let folder = tempfile::tempdir().unwrap();
        symlink("/etc/passwd", folder.path().join(TEXT)).unwrap();
        let error = make(folder.path(), "test", &CONTENT).unwrap_err();
        assert!(matches!(error, Error::Taken { .. }), "{error}");
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_refused() {
        let error = make(Path::new("/proc/reports"), "up", &CONTENT).unwrap_err();
        assert!(matches!(error, Error::Folder { .. }), "{error}");
    }
}
