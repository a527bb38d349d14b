//! Room for a run: folders, disk, memory, and the environment's name.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;

use provision::places::Places;
use rustix::fs::Access;
use serde::Deserialize;

use super::{Check, machine};

/// Free disk that a run needs, in MB: Go's build cache takes 3 GB, binaries and images 2 GB, cargo's target folder
/// 4 GB, the run itself less than one.
pub(super) const DISK: u64 = 12_000;

/// Free memory that a run needs, in MB: three tenants take 2.5 GB, linking the largest binary 2 GB.
pub(super) const MEMORY: u64 = 6_000;

pub(super) fn inspect(places: &Places) -> Vec<Check> {
    let mut checks = vec![
        writable("cache", &places.cache),
        writable("state", &places.state),
        disk("cache", &places.cache, machine::free_on_disk(&places.cache)),
    ];
    if !machine::same_disk(&places.cache, &places.state) {
        checks.push(disk("state", &places.state, machine::free_on_disk(&places.state)));
    }
    checks.push(memory(machine::here().free_megabytes));
    checks
}

fn disk(of: &str, path: &Path, free: Option<u64>) -> Check {
    let need = format!(
        "{} GB of disk for the {of} folder, {}",
        DISK / 1000,
        path.display()
    );
    let remedy = format!("free some, or name a folder on a larger disk in {}", variable(of));
    match free {
        Some(free) if free >= DISK => Check::met(need, gigabytes(free)),
        Some(free) => Check::lacking(need, gigabytes(free), remedy),
        None => Check::lacking(need, "the file system does not say", remedy),
    }
}

/// Checks that a folder can be written to, or be created if it does not exist. Creates nothing.
fn writable(of: &str, path: &Path) -> Check {
    let need = format!("a {of} folder that can be written to");
    let there = path.ancestors().find(|ancestor| ancestor.exists());
    let there = there.unwrap_or(path);
    let access = rustix::fs::access(there, Access::WRITE_OK | Access::EXEC_OK);
    let why = match access {
        Ok(()) if there.is_dir() => return Check::met(need, path.display().to_string()),
        Ok(()) => "it is not a folder".to_owned(),
        Err(error) => io::Error::from(error).to_string(),
    };
    Check::lacking(
        need,
        format!("{}: {why}", there.display()),
        format!("set {} to another folder", variable(of)),
    )
}

/// Returns the environment variable that sets the folder's parent.
fn variable(of: &str) -> &'static str {
    if of == "cache" {
        "XDG_CACHE_HOME"
    } else {
        "XDG_STATE_HOME"
    }
}

fn memory(free: u64) -> Check {
    let need = format!("{} GB of memory", MEMORY / 1000);
    if free >= MEMORY {
        Check::met(need, gigabytes(free))
    } else {
        Check::lacking(
            need,
            gigabytes(free),
            "end what takes it; `harness status` lists environments that are up",
        )
    }
}

/// Checks that no process holds the environment just now.
///
/// `up`, `test` and `down` hold the folder's lock. The file beside it names the holder.
pub(super) fn name_is_free(name: &str, folder: &Path) -> Check {
    #[derive(Deserialize)]
    struct Holder {
        pid: u32,
        doing: String,
    }
    let need = format!("environment {name} held by no other process");
    let held = File::open(folder)
        .is_ok_and(|folder| matches!(folder.try_lock_shared(), Err(TryLockError::WouldBlock)));
    if !held {
        return Check::met(need, "no process holds it");
    }
    let holder = fs::read(folder.join("holder.json"))
        .ok()
        .and_then(|text| serde_json::from_slice::<Holder>(&text).ok());
    let found = holder.map_or_else(
        || "another process holds it".to_owned(),
        |Holder { pid, doing }| format!("process {pid} (`harness {doing}`) holds it"),
    );
    Check::lacking(need, found, "wait for it to end, or give another --name")
}

fn gigabytes(megabytes: u64) -> String {
    format!("{}.{} GB free", megabytes / 1000, megabytes % 1000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_disk_or_memory_than_needed_is_lacking() {
        assert!(disk("cache", Path::new("/c"), Some(DISK)).met);
        let lacking = disk("cache", Path::new("/c"), Some(DISK - 1));
        assert_eq!(
            (lacking.met, &*lacking.found, lacking.remedy.as_deref()),
            (
                false,
                "11.9 GB free",
                Some("free some, or name a folder on a larger disk in XDG_CACHE_HOME")
            )
        );
        assert!(!memory(MEMORY - 1).met);
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_lacking() {
        let folder = tempfile::tempdir().unwrap();
        assert!(writable("state", &folder.path().join("not/yet")).met);
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let lacking = writable("state", &file.join("shared-dapr"));
        assert!(!lacking.met, "{lacking:?}");
        assert_eq!(
            lacking.remedy.as_deref(),
            Some("set XDG_STATE_HOME to another folder")
        );
    }

    #[test]
    fn a_name_that_is_held_says_by_whom() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("default");
        assert!(name_is_free("default", &folder).met);

        let ledger = crate::ledger::Ledger::take(&folder, "up").unwrap();
        let held = name_is_free("default", &folder);
        assert_eq!(
            held.found,
            format!("process {} (`harness up`) holds it", std::process::id())
        );
        drop(ledger);
        assert!(name_is_free("default", &folder).met);
    }
}
