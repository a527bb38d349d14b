//! The shared cache: the inputs decide the path of an entry, a lock decides which run creates it, and only complete
//! entries are ever seen.
//!
//! An entry is a folder `NAME-KEY` with a manifest. It is created in a folder beside it, which is renamed when
//! everything is on the disk. So a crash leaves at most a folder that the next run removes.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};

use super::{Error, Program, Verify};
use crate::events::Events;
use crate::wait::{self, Budget, Seen};

pub(crate) use manifest::Manifest;

/// The content of an entry, file by file.
mod manifest;

/// The time that another run may take: a cold build of everything on a slow machine, with a margin.
const OTHERS: Budget = Budget {
    at_most: Duration::from_hours(3),
    every: Duration::from_millis(200),
};

/// The length of a key: 64 bits, of which no cache has enough to see two alike.
const KEY: usize = 16;

/// A folder of entries, shared by all runs.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) folder: PathBuf,
    pub(crate) verify: Verify,
}

/// The inputs of an entry, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Inputs(String);

impl Inputs {
    pub(crate) fn with(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        // The length keeps apart what a value could otherwise imitate.
        self.0.push_str(&format!("{name} {}\n{value}\n", value.len()));
        self
    }

    /// Returns the key of a thing that is made of these inputs.
    pub(crate) fn key(&self) -> String {
        hexadecimal(&Sha256::digest(self.0.as_bytes()))[..KEY].to_owned()
    }
}

/// A whole, undamaged thing.
#[derive(Clone, Debug)]
pub(crate) struct CacheEntry {
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
}

impl CacheEntry {
    /// Returns a file of the entry, as a program.
    pub(crate) fn program(&self, path: &str) -> Option<Program> {
        let sha256 = self.manifest.sha256(path)?.to_owned();
        Some(Program {
            path: self.folder.join(path),
            sha256,
        })
    }
}

/// The result of a request for an entry.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// The entry exists.
    Found(CacheEntry),
    /// The entry does not exist. The caller has to create it.
    Missing(Reservation),
}

/// An entry to be created, held by its lock.
#[derive(Debug)]
#[must_use = "fill it, or the entry is not made"]
pub(crate) struct Reservation {
    target: PathBuf,
    making: tempfile::TempDir,
    _lock: File,
}

impl Cache {
    /// Asks for an entry, waiting for another run that is making it.
    pub(crate) async fn look_up(
        &self,
        name: &str,
        inputs: &Inputs,
        stage: &str,
        events: &Events,
    ) -> Result<Lookup, Error> {
        let target = self.folder.join(format!("{name}-{}", inputs.key()));
        if let Some(entry) = self.used(&target) {
            return Ok(Lookup::Found(entry));
        }
        fs::create_dir_all(&self.folder).map_err(Error::file("create", &self.folder))?;
        let lock = self.lock(&target, name, stage, events).await?;
        // Another run may have made it while this one waited.
        if let Some(entry) = self.used(&target) {
            return Ok(Lookup::Found(entry));
        }
        let prefix = format!(".{}.", file_name(&target));
        self.sweep(&prefix)?;
        if target.exists() {
            events.progress(
                stage,
                format!("making {name} again, because the cached one is damaged"),
            );
            let aside = self.folder.join(format!("{prefix}damaged"));
            fs::rename(&target, &aside).map_err(Error::file("move aside", &target))?;
            fs::remove_dir_all(&aside).map_err(Error::file("remove", &aside))?;
        }
        let making = tempfile::Builder::new()
            .prefix(&prefix)
            .tempdir_in(&self.folder)
            .map_err(Error::file("create a folder in", &self.folder))?;
        Ok(Lookup::Missing(Reservation {
            target,
            making,
            _lock: lock,
        }))
    }

    /// Returns the entry of this name that was used last, if it is undamaged.
    pub(crate) fn latest(&self, name: &str) -> Option<CacheEntry> {
        self.entries(name)
            .into_iter()
            .next()
            .and_then(|folder| self.whole(&folder))
    }

    /// Removes all entries of this name but the `kept` that were used last.
    pub(crate) fn prune(&self, name: &str, kept: usize) -> Result<(), Error> {
        for folder in self.entries(name).into_iter().skip(kept) {
            fs::remove_dir_all(&folder).map_err(Error::file("remove", &folder))?;
        }
        Ok(())
    }

    /// Returns the entries of this name, the one that was used last first.
    fn entries(&self, name: &str) -> Vec<PathBuf> {
        let is_key = |key: &str| key.len() == KEY && key.bytes().all(|letter| letter.is_ascii_hexdigit());
        let is_entry = |path: &PathBuf| {
            let file_name = file_name(path);
            file_name
                .strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('-'))
                .is_some_and(is_key)
        };
        let folders = fs::read_dir(&self.folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path());
        let used = |path: &PathBuf| path.metadata().and_then(|metadata| metadata.modified()).ok();
        let mut entries: Vec<_> = folders.filter(is_entry).map(|path| (used(&path), path)).collect();
        entries.sort_by(|one, other| other.cmp(one));
        entries.into_iter().map(|(_, path)| path).collect()
    }

    /// Reads an entry that is there and undamaged, and notes that it is used.
    fn used(&self, target: &Path) -> Option<CacheEntry> {
        let entry = self.whole(target)?;
        // Only the order of pruning depends on it, so a cache that is not ours to write to does as well.
        let _not_noted = File::open(target).and_then(|folder| folder.set_modified(SystemTime::now()));
        Some(entry)
    }

    /// Reads an entry that is there and undamaged.
    fn whole(&self, target: &Path) -> Option<CacheEntry> {
        let manifest = Manifest::read(target)?;
        manifest.matches(target, self.verify).then(|| CacheEntry {
            folder: target.to_owned(),
            manifest,
        })
    }

    /// Removes the remains of a run that crashed. Its lock is held.
    fn sweep(&self, prefix: &str) -> Result<(), Error> {
        let read = Error::file("read", &self.folder);
        let entries = fs::read_dir(&self.folder)
            .and_then(Iterator::collect::<io::Result<Vec<_>>>)
            .map_err(read)?;
        for entry in entries {
            if entry.file_name().to_string_lossy().starts_with(prefix) && entry.path().is_dir() {
                fs::remove_dir_all(entry.path()).map_err(Error::file("remove", &entry.path()))?;
            }
        }
        Ok(())
    }

    async fn lock(&self, target: &Path, name: &str, stage: &str, events: &Events) -> Result<File, Error> {
        let path = self.folder.join(format!(".{}.lock", file_name(target)));
        lock(&path, name, stage, events).await
    }
}

/// Takes a lock file, waiting for the run that holds it, whose process id it contains.
pub(crate) async fn lock(path: &Path, name: &str, stage: &str, events: &Events) -> Result<File, Error> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::file("open", path))?;
    let mut told = false;
    let waited = wait::until("a lock of the cache", OTHERS, || {
        let seen = match file.try_lock() {
            Ok(()) => Ok(Seen::Ready(Ok(()))),
            Err(TryLockError::Error(error)) => Ok(Seen::Ready(Err(error))),
            Err(TryLockError::WouldBlock) => {
                let status = format!("process {} is making {name}", holder(path));
                if !std::mem::replace(&mut told, true) {
                    events.progress(stage, format!("waiting: {status}"));
                }
                Ok(Seen::NotYet(status))
            }
        };
        std::future::ready(seen)
    });
    let locked = waited.await.map_err(|source| Error::Held {
        name: name.to_owned(),
        source,
    })?;
    locked.map_err(Error::file("lock", path))?;
    let written = file
        .set_len(0)
        .and_then(|()| write!(file, "{}", std::process::id()));
    written.map_err(Error::file("write", path))?;
    Ok(file)
}

fn holder(path: &Path) -> String {
    fs::read_to_string(path)
        .ok()
        .filter(|pid| !pid.is_empty())
        .unwrap_or_else(|| "(unknown)".into())
}

impl Reservation {
    /// Returns the folder in which to create the entry's content.
    pub(crate) fn folder(&self) -> &Path {
        self.making.path()
    }

    /// Makes the content an entry: it is whole and on the disk before others see it.
    pub(crate) async fn fill(self, inputs: Inputs, notes: Vec<String>) -> Result<CacheEntry, Error> {
        let folder = self.making.path().to_owned();
        let made = tokio::task::spawn_blocking(move || -> Result<Manifest, Error> {
            let manifest = Manifest::of(&folder, inputs.0, notes).map_err(Error::file("read", &folder))?;
            manifest.write(&folder).map_err(Error::file("write", &folder))?;
            manifest
                .sync(&folder)
                .map_err(Error::file("write to the disk", &folder))?;
            Ok(manifest)
        });
        let manifest = made
            .await
            .map_err(|error| Error::file("read", self.making.path())(error.into()))??;
        // Temporary folders are private; the cache is readable to whoever may enter it.
        let mode = rustix::fs::Mode::from_raw_mode(0o755);
        rustix::fs::chmod(self.making.path(), mode)
            .map_err(|error| Error::file("open up", self.making.path())(error.into()))?;
        let making = self.making.keep();
        fs::rename(&making, &self.target).map_err(Error::file("rename", &making))?;
        if let Some(parent) = self.target.parent() {
            let synced = File::open(parent).and_then(|folder| folder.sync_all());
            synced.map_err(Error::file("write to the disk", parent))?;
        }
        Ok(CacheEntry {
            folder: self.target,
            manifest,
        })
    }
}

/// Reads a file that is not the cache's as a program.
pub(crate) fn program(path: &Path) -> io::Result<Program> {
    let path = executable(path)?;
    Ok(Program {
        sha256: sha256_of(&path)?,
        path,
    })
}

/// Returns the canonical path of a file that can be executed.
pub(super) fn executable(path: &Path) -> io::Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let path = path.canonicalize()?;
    let metadata = path.metadata()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(io::Error::new(
            io::ErrorKind::PermissionDenied,
            "it is not an executable file",
        ));
    }
    Ok(path)
}

/// Returns the SHA-256 of a file's content, in hexadecimal.
pub(crate) fn sha256_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hexadecimal(&hash.finalize())),
            length => hash.update(&buffer[..length]),
        }
    }
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String does not fail.
            let _infallible = write!(text, "{byte:02x}");
            text
        })
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests;
