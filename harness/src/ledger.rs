//! The ledger of a run: everything that it created, recorded before it was created.
//!
//! Each environment has one folder, below the user's state folder. A process that brings an environment up, tests it
//! or takes it down holds the folder's lock; the lock ends with the process. `down` removes everything that the
//! ledger records, at whatever instant the run was cut off.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use provision::docker::Docker;
use serde::{Deserialize, Serialize};

/// The ledger's file in the environment's folder.
const FILE: &str = "ledger.jsonl";

/// The file that identifies the process that holds the environment.
const HOLDER: &str = "holder.json";

/// An object that a run creates and has to remove.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "made", rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// A sandbox: its processes, its cgroups and its run folder.
    Sandbox {
        /// The environment's name, from which the cgroup's is derived.
        environment: String,
        /// The run folder.
        folder: PathBuf,
    },
    /// A kind cluster: its containers and their image.
    Kind {
        /// The environment's name, from which the cluster's is derived.
        environment: String,
        /// The daemon that they are in.
        docker: Docker,
    },
    /// A forwarder: a process in the background.
    Forwarder {
        /// Its folder.
        folder: PathBuf,
    },
    /// Objects that a run added to a cluster that is not its own.
    Added {
        /// The cluster's kubeconfig.
        kubeconfig: PathBuf,
        /// The run's id, which is the label of all objects.
        run: String,
    },
}

/// Errors of an environment's ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process holds the environment.
    #[error("take environment {environment}: {holder} holds it")]
    Held {
        /// The environment's name.
        environment: String,
        /// The process, and its activity.
        holder: String,
    },
    /// A file could not be read or written.
    #[error("{what} {}", path.display())]
    Io {
        /// The action that failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
}

impl Error {
    /// Returns the remedy for the user.
    #[must_use]
    pub fn remedy(&self) -> String {
        match self {
            Self::Held { .. } => "wait until it is done, or give another --name".to_owned(),
            Self::Io { .. } => {
                "make the state folder writable, or set XDG_STATE_HOME to another folder".to_owned()
            }
        }
    }
}

/// An environment's ledger, held by this process.
#[derive(Debug)]
#[must_use = "while it lives, nobody else can change the environment"]
pub struct Ledger {
    folder: PathBuf,
    /// The folders that `take` created, the innermost first. They are removed with the ledger if nothing was written to them.
    made: Vec<PathBuf>,
    /// The lock is on the folder itself, so that removing the folder removes the lock too.
    lock: File,
}

/// The information of the process that holds an environment about itself.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    doing: String,
}

impl Ledger {
    /// Takes the environment whose folder is `folder`, and creates the folder if it does not exist. Other processes
    /// get `doing` in their messages in that time.
    pub fn take(folder: &Path, doing: &str) -> Result<Self, Error> {
        loop {
            let missing = folder.ancestors().take_while(|ancestor| !ancestor.exists());
            let made = missing.map(Path::to_owned).collect();
            fs::create_dir_all(folder).map_err(failed("make the folder", folder))?;
            let lock = File::open(folder).map_err(failed("open the folder", folder))?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(held(folder)),
                Err(TryLockError::Error(source)) => return Err(failed("lock the folder", folder)(source)),
            }
            // A `down` that ended between the two lines above has removed what was opened.
            if is_same(&lock, folder) {
                let holder = Holder {
                    pid: std::process::id(),
                    doing: doing.to_owned(),
                };
                let text =
                    serde_json::to_vec(&holder).map_err(|error| failed("describe", folder)(error.into()))?;
                let path = folder.join(HOLDER);
                fs::write(&path, text).map_err(failed("write", &path))?;
                return Ok(Self {
                    folder: folder.to_owned(),
                    made,
                    lock,
                });
            }
        }
    }

    /// Records an object that is about to be created, and returns once the record is on the disk.
    pub fn record(&self, entry: &Entry) -> Result<(), Error> {
        if self.entries()?.contains(entry) {
            return Ok(());
        }
        let path = self.folder.join(FILE);
        let mut line = serde_json::to_vec(entry).map_err(|error| failed("describe", &path)(error.into()))?;
        line.push(b'\n');
        let write = || {
            let mut file = OpenOptions::new().create(true).append(true).open(&path)?;
            file.write_all(&line)?;
            file.sync_all()?;
            File::open(&self.folder)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// Returns the recorded entries, in their order.
    ///
    /// A last line that was cut off in the middle is skipped: the entry that it was going to name was not created
    /// yet.
    pub fn entries(&self) -> Result<Vec<Entry>, Error> {
        let path = self.folder.join(FILE);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &path)(error)),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole
            .lines()
            .map(|line| serde_json::from_str(line).map_err(|error| failed("understand", &path)(error.into())))
            .collect()
    }

    /// Removes the environment's folder, and with it the ledger and the lock: nothing is owed any more.
    pub fn close(self) -> Result<(), Error> {
        match fs::remove_dir_all(&self.folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove the folder", &self.folder)(error))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Ledger {
    /// Unlocks explicitly: to close the folder is not enough while a child of this process that is about to become another
    /// program has it open as well.
    ///
    /// A folder that `take` created and that is still empty is removed, so that a refused command leaves no environment.
    fn drop(&mut self) {
        if !self.made.is_empty() && is_empty_but_for_holder(&self.folder) && is_same(&self.lock, &self.folder)
        {
            // What cannot be removed here is removed by `down`.
            let _removed = fs::remove_file(self.folder.join(HOLDER))
                .and_then(|()| self.made.iter().try_for_each(fs::remove_dir));
        }
        // One that is not locked any more has nothing to let go of.
        let _unlocked = self.lock.unlock();
    }
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Io { what, path, source }
}

fn held(folder: &Path) -> Error {
    let environment = folder
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let holder = fs::read(folder.join(HOLDER))
        .ok()
        .and_then(|text| serde_json::from_slice::<Holder>(&text).ok())
        .map_or_else(
            || "another process".to_owned(),
            |it| format!("process {} (`harness {}`)", it.pid, it.doing),
        );
    Error::Held { environment, holder }
}

fn is_empty_but_for_holder(folder: &Path) -> bool {
    fs::read_dir(folder).is_ok_and(|entries| {
        entries
            .flatten()
            .all(|entry| entry.file_name().to_str() == Some(HOLDER))
    })
}

fn is_same(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(opened), Ok(there)) => opened.ino() == there.ino() && opened.dev() == there.dev(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sandbox(name: &str) -> Entry {
        Entry::Sandbox {
            environment: name.into(),
            folder: format!("/state/{name}").into(),
        }
    }

    #[test]
    fn what_was_recorded_is_found_again_in_order() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("default");
        let ledger = Ledger::take(&folder, "up").unwrap();
        ledger.record(&sandbox("a")).unwrap();
        ledger.record(&sandbox("b")).unwrap();
        ledger.record(&sandbox("a")).unwrap();
        drop(ledger);
        let entries = Ledger::take(&folder, "down").unwrap().entries().unwrap();
        assert_eq!(entries, [sandbox("a"), sandbox("b")]);
    }

    #[test]
    fn a_line_that_was_cut_off_is_passed_over() {
        let state = tempfile::tempdir().unwrap();
        let ledger = Ledger::take(state.path(), "up").unwrap();
        ledger.record(&sandbox("a")).unwrap();
        let mut file = OpenOptions::new()
            .append(true)
            .open(state.path().join(FILE))
            .unwrap();
        file.write_all(br#"{"made":"sand"#).unwrap();
        assert_eq!(ledger.entries().unwrap(), [sandbox("a")]);
    }

    #[test]
    fn a_held_environment_says_who_holds_it() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("default");
        let _held = Ledger::take(&folder, "up").unwrap();
        let error = Ledger::take(&folder, "down").unwrap_err().to_string();
        let expected = format!(
            "take environment default: process {} (`harness up`) holds it",
            std::process::id()
        );
        assert_eq!(error, expected);
    }

    #[test]
    fn a_closed_environment_can_be_taken_again() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("default");
        Ledger::take(&folder, "up").unwrap().close().unwrap();
        assert!(!folder.exists());
        assert_eq!(Ledger::take(&folder, "up").unwrap().entries().unwrap(), []);
    }

    #[test]
    fn one_that_was_taken_for_nothing_leaves_nothing() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("shared-dapr/default");
        drop(Ledger::take(&folder, "up").unwrap());
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);

        Ledger::take(&folder, "up")
            .unwrap()
            .record(&sandbox("a"))
            .unwrap();
        drop(Ledger::take(&folder, "up").unwrap());
        assert!(folder.exists(), "it has a ledger");
    }

    #[test]
    fn one_that_is_let_go_of_is_free_though_a_child_still_has_its_folder_open() {
        let state = tempfile::tempdir().unwrap();
        let folder = state.path().join("default");
        let ledger = Ledger::take(&folder, "up").unwrap();
        // What a child has between its fork and the start of its program.
        let _inherited = ledger.lock.try_clone().unwrap();
        drop(ledger);
        Ledger::take(&folder, "down").unwrap().close().unwrap();
    }
}
