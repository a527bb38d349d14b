//! Whether everything was looked at once, and what was not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// A handle that says when every part of the engine has done its first full pass.
///
/// It is not ready before the engine has started, and once ready stays so.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    started: bool,
    waiting: BTreeSet<String>,
}

impl Readiness {
    /// Makes a handle that waits for the engine to start.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether every part has done its first full pass.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.with(|state| state.started && state.waiting.is_empty())
    }

    /// The parts that have not, in the words of a person: `pods`, `export of Component.dapr.io`.
    #[must_use]
    pub fn waiting_for(&self) -> Vec<String> {
        self.with(|state| {
            if state.started {
                state.waiting.iter().cloned().collect()
            } else {
                vec!["the start".to_owned()]
            }
        })
    }

    /// Adds a part to wait for.
    pub(crate) fn expect(&self, part: &str) {
        self.with(|state| state.waiting.insert(part.to_owned()));
    }

    /// Takes a part off the list.
    pub(crate) fn passed(&self, part: &str) {
        self.with(|state| state.waiting.remove(part));
    }

    /// Says that no part will be added any more.
    pub(crate) fn started(&self) {
        self.with(|state| state.started = true);
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
        readiness.passed("pods");
        assert!(readiness.is_ready());
    }
}
