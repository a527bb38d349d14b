//! Objects of one kind that could not be written to the host, for the objects that depend on them.
//!
//! The Event about a failure is on the object that failed. An object that waits for it gets an Event with the same reason from
//! here, so that its owner does not have to search.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::error::ReconcileError;
use super::key::Key;

/// The reasons why objects of one kind are not on the host, by key.
#[derive(Debug, Default)]
pub(crate) struct Unmet(Mutex<HashMap<Key, Why>>);

#[derive(Clone, Debug)]
struct Why {
    words: String,
    is_lasting: bool,
}

impl Unmet {
    /// Records the result of a reconciliation.
    pub(crate) fn note<T>(&self, key: &Key, look: &Result<T, ReconcileError>) {
        let mut noted = self.lock();
        match look {
            Ok(_) => {
                noted.remove(key);
            }
            // It comes by itself.
            Err(ReconcileError::Delayed { .. }) => {}
            Err(failure) => {
                let why = Why {
                    words: failure.message(),
                    is_lasting: failure.is_lasting(),
                };
                noted.insert(key.clone(), why);
            }
        }
    }

    /// Returns an error if the object could not be written to the host; `kind` is its kind in the message.
    pub(crate) fn check(&self, kind: &str, key: &Key) -> Result<(), ReconcileError> {
        let why = self.lock().get(key).cloned();
        why.map_or(Ok(()), |Why { words, is_lasting }| {
            Err(ReconcileError::Unmet {
                why: format!(
                    "this needs {kind} {key}, which is not on the host: {words}. Change {kind} {key}, or name another"
                ),
                is_lasting,
            })
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Why>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_look_counts() {
        let unmet = Unmet::default();
        let key = Key::new("default", "values");
        let refused: Result<(), _> = Err(ReconcileError::Refused("it is too long".to_owned()));
        unmet.note(&key, &refused);
        let told = unmet.check("ConfigMap", &key).unwrap_err();
        assert_eq!(
            (told.message(), told.is_lasting()),
            (
                "this needs ConfigMap default/values, which is not on the host: it is too long. Change ConfigMap \
                 default/values, or name another"
                    .to_owned(),
                true
            )
        );
        unmet.note(&key, &Ok(()));
        assert!(unmet.check("ConfigMap", &key).is_ok());
    }
}
