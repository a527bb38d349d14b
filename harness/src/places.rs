//! Where state and caches are kept.
//!
//! State (what a run owes) is kept apart from `target/`, so that `cargo clean` cannot lose it, and apart from the
//! cache, which may be deleted at any time while nothing runs.

use std::path::{Path, PathBuf};

/// The folder's name below the user's state and cache folders.
const PROJECT: &str = "shared-dapr";

/// The two folders that the harness writes to, besides the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Places {
    /// What runs owe, a folder an environment.
    pub state: PathBuf,
    /// Components, images and image stores, all of which can be made again.
    pub cache: PathBuf,
}

impl Places {
    /// Finds them by the XDG base directory rules: `XDG_STATE_HOME` and `XDG_CACHE_HOME`, else below `HOME`.
    #[must_use]
    pub fn from_environment() -> Self {
        let below = |variable: &str, fallback: &str| {
            std::env::var_os(variable)
                .filter(|value| Path::new(value).is_absolute())
                .map_or_else(
                    || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/".into())).join(fallback),
                    PathBuf::from,
                )
                .join(PROJECT)
        };
        Self {
            state: below("XDG_STATE_HOME", ".local/state"),
            cache: below("XDG_CACHE_HOME", ".cache"),
        }
    }

    /// The folder of one environment.
    #[must_use]
    pub fn environment(&self, name: &str) -> PathBuf {
        self.state.join(name)
    }
}
