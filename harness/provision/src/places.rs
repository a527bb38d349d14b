//! The folders of state and caches.
//!
//! State (the ledgers of runs) is kept apart from `target/`, so that `cargo clean` cannot lose it. It is kept apart
//! from the cache too, which may be deleted at any time while nothing runs.

use std::path::PathBuf;

/// The folder's name below the user's state and cache folders.
const PROJECT: &str = "shared-dapr";

/// The two folders that the harness writes to, besides the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// The ledgers of runs, one folder for each environment.
    pub state: PathBuf,
    /// Binaries, images and image stores, all of which can be rebuilt.
    pub cache: PathBuf,
}

/// An error in finding the folders.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither the environment's variables nor the list of users name a folder.
    #[error("find the state and cache folders: this user has no home directory")]
    NoHome,
}

impl Places {
    /// Finds them by the XDG base directory rules: `XDG_STATE_HOME` and `XDG_CACHE_HOME`, else below the user's home.
    /// The home is `HOME`, else the one in the system's list of users.
    pub fn from_environment() -> Result<Self, Error> {
        let absolute = |path: &PathBuf| path.is_absolute();
        let named = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(absolute);
        let below = |variable: &str, fallback: &str| {
            let home = || std::env::home_dir().filter(absolute);
            let folder = named(variable).or_else(|| Some(home()?.join(fallback)));
            Ok(folder.ok_or(Error::NoHome)?.join(PROJECT))
        };
        Ok(Self {
            state: below("XDG_STATE_HOME", ".local/state")?,
            cache: below("XDG_CACHE_HOME", ".cache")?,
        })
    }

    /// Returns the folder of one environment.
    #[must_use]
    pub fn environment(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }
}
