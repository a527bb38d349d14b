//! The initial sync of all reconcilers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A handle that is ready when every reconciler has done its initial sync.
///
/// It is not ready before the engine has started, and once ready stays so.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    started: bool,
    /// The reconcilers that have not synced yet, and the reason if it is known.
    waiting: BTreeMap<String, Option<String>>,
}

impl Readiness {
    /// Creates a handle that waits for the engine to start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns true if every reconciler has done its initial sync.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.with(|state| state.started && state.waiting.is_empty())
    }

    /// Returns the reconcilers that have not synced yet, with the reason if it is known: `pods`, `export of Component of dapr.io/v1alpha1
    /// (the host does not know the kind)`.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        self.with(|state| {
            if state.started {
                let waiting = state.waiting.iter();
                waiting
                    .map(|(reconciler, why)| worded(reconciler, why.as_deref()))
                    .collect()
            } else {
                vec!["the start".to_owned()]
            }
        })
    }

    /// Adds a reconciler to wait for.
    pub(crate) fn expect(&self, reconciler: &str) {
        self.with(|state| state.waiting.insert(reconciler.to_owned(), None));
    }

    /// Records the reason why a reconciler has not synced yet.
    pub(crate) fn held_up(&self, reconciler: &str, why: String) {
        self.with(|state| {
            if let Some(waiting) = state.waiting.get_mut(reconciler) {
                *waiting = Some(why);
            }
        });
    }

    /// Records that a reconciler has synced.
    pub(crate) fn passed(&self, reconciler: &str) {
        self.with(|state| state.waiting.remove(reconciler));
    }

    /// Records that no reconciler will be added any more.
    pub(crate) fn started(&self) {
        self.with(|state| state.started = true);
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn worded(reconciler: &str, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("{reconciler} ({why})"),
        None => reconciler.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_ready_before_the_last_part_has_passed() {
        let readiness = Readiness::new();
        assert_eq!(readiness.waiting_for(), ["the start"]);
        readiness.expect("pods");
        readiness.started();
        assert!(!readiness.is_ready());
        assert_eq!(readiness.waiting_for(), ["pods"]);
        readiness.held_up("pods", "the host is away".to_owned());
        assert_eq!(readiness.waiting_for(), ["pods (the host is away)"]);
        readiness.passed("pods");
        readiness.held_up("pods", "this comes too late".to_owned());
        assert!(readiness.is_ready());
    }
}
