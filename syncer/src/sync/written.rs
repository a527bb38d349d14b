//! What was last written: while both sides still have it, all is as it was left, and there is nothing to do.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::key::Key;

/// The resource versions of a guest object and its host object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The guest object's.
    pub(crate) guest: Option<String>,
    /// The host object's.
    pub(crate) host: Option<String>,
}

/// The versions that the objects of one kind were left at.
#[derive(Debug, Default)]
pub(crate) struct Written(Mutex<HashMap<Key, Versions>>);

impl Written {
    /// Whether an object was left at just these versions.
    pub(crate) fn is_at(&self, key: &Key, versions: &Versions) -> bool {
        self.all().get(key) == Some(versions)
    }

    /// Takes note of what an object was left at.
    pub(crate) fn set(&self, key: &Key, versions: Versions) {
        self.all().insert(key.clone(), versions);
    }

    /// Takes note that an object is the syncer's, at whatever versions.
    pub(crate) fn note_made(&self, key: &Key) {
        self.all().entry(key.clone()).or_default();
    }

    /// Whether the syncer has written an object.
    pub(crate) fn knows(&self, key: &Key) -> bool {
        self.all().contains_key(key)
    }

    /// Forgets an object.
    pub(crate) fn forget(&self, key: &Key) {
        self.all().remove(key);
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Key, Versions>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
