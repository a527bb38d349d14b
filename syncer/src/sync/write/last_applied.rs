//! The versions that were last written. While both sides still have them, nothing has changed and nothing has to be done.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::sync::runtime::budget::{Budget, Charge, Ledger, Over};
use crate::sync::runtime::key::Key;

/// The resource versions of a guest object and its host object.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    /// The guest object's.
    pub(crate) guest: Option<String>,
    /// The host object's.
    pub(crate) host: Option<String>,
}

/// Record of the last writes of the objects of one kind.
#[derive(Debug, Default)]
pub(crate) struct LastApplied {
    ours: Mutex<HashMap<Key, Ours>>,
    /// The UIDs of objects that turned out to be foreign.
    given_back: Mutex<HashMap<Key, String>>,
    /// The sizes of the objects, if they count for the tenant's budget.
    ledger: Option<Ledger>,
}

#[derive(Debug, Default)]
struct Ours {
    /// The versions after the last write.
    left_at: Versions,
    /// Its UID, if the syncer created it.
    made: Option<String>,
}

impl LastApplied {
    /// Creates a record of objects on the host, which count for the tenant's budget.
    pub(crate) fn on_host(budget: &Budget) -> Self {
        Self {
            ledger: Some(budget.ledger()),
            ..Self::default()
        }
    }

    /// Charges the budget for an object's new size, before it is written.
    pub(crate) fn charge(&self, key: &Key, bytes: u64, is_there: bool) -> Result<Option<Charge>, Over> {
        let ledger = self.ledger.as_ref();
        ledger
            .map(|ledger| ledger.charge(key, bytes, is_there))
            .transpose()
    }

    /// Returns true if the last write of an object left it at these versions.
    pub(crate) fn is_at(&self, key: &Key, versions: &Versions) -> bool {
        lock(&self.ours)
            .get(key)
            .is_some_and(|ours| ours.left_at == *versions)
    }

    /// Records the versions after a write.
    pub(crate) fn set(&self, key: &Key, versions: Versions) {
        lock(&self.ours).entry(key.clone()).or_default().left_at = versions;
    }

    /// Records that the syncer created an object.
    pub(crate) fn note_made(&self, key: &Key, made: &ObjectMeta) {
        let mut ours = lock(&self.ours);
        ours.entry(key.clone()).or_default().made.clone_from(&made.uid);
        drop(ours);
        lock(&self.given_back).remove(key);
    }

    /// Returns true if the syncer has created this object.
    pub(crate) fn has_made(&self, key: &Key, object: &ObjectMeta) -> bool {
        let ours = lock(&self.ours);
        let made = ours.get(key).and_then(|ours| ours.made.as_ref());
        made.is_some() && made == object.uid.as_ref()
    }

    /// Records that the object of that name is foreign, whatever it looks like.
    pub(crate) fn note_given_back(&self, key: &Key, theirs: &ObjectMeta) {
        if let Some(uid) = theirs.uid.clone() {
            lock(&self.given_back).insert(key.clone(), uid);
        }
    }

    /// Returns true if this object is foreign, whatever it looks like.
    pub(crate) fn was_given_back(&self, key: &Key, seen: &ObjectMeta) -> bool {
        let given_back = lock(&self.given_back);
        seen.uid.is_some() && given_back.get(key) == seen.uid.as_ref()
    }

    /// Forgets an object.
    pub(crate) fn forget(&self, key: &Key) {
        lock(&self.ours).remove(key);
        if let Some(ledger) = &self.ledger {
            ledger.forget(key);
        }
    }
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
