//! Work queues of keys, each reconciled by one worker at a time.
//!
//! A key that is added while a worker reconciles it is reconciled again afterwards. A key that is added twice waits once.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::backoff;
use super::informer::Change;
use super::key::Key;

/// A work queue of keys.
#[derive(Debug, Default)]
pub(crate) struct WorkQueue {
    state: Mutex<State>,
    added: Notify,
    initial_sync: Notify,
}

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<Key>,
    /// The keys in `ready`.
    queued: HashSet<Key>,
    /// The keys that workers reconcile, and whether they were added again meanwhile.
    running: HashMap<Key, bool>,
    /// The keys that are requeued later, by time.
    later: BTreeSet<(Instant, Key)>,
    /// The same by key, the earliest only.
    due: HashMap<Key, Instant>,
    /// Failures in a row.
    failures: HashMap<Key, u32>,
    /// The keys that the initial sync still has to reconcile; `None` before it began.
    first: Option<HashSet<Key>>,
}

/// The effect of a reconciliation on the initial sync.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Counts {
    Yes,
    No,
}

impl WorkQueue {
    /// Adds a key for the next free worker.
    pub(crate) fn add(&self, key: Key) {
        self.state().add(key);
        self.added.notify_one();
    }

    /// Handles a change in the guest: adds the key, or begins the initial sync when the guest's list is complete.
    pub(crate) fn guest_changed(&self, change: Change) {
        match change {
            Change::Object(key) => self.add(key),
            Change::Complete => self.begin_initial_sync(),
        }
    }

    /// Adds a key after a pause, unless it is due sooner.
    pub(crate) fn add_after(&self, key: Key, pause: Duration) {
        self.state().add_at(key, Instant::now() + pause);
        self.added.notify_one();
    }

    /// Waits for a key and takes it; [`WorkQueue::done`] gives it back.
    pub(crate) async fn next(&self) -> Key {
        loop {
            let deadline = {
                let mut state = self.state();
                state.move_due(Instant::now());
                if let Some(key) = state.take() {
                    if !state.ready.is_empty() {
                        self.added.notify_one();
                    }
                    return key;
                }
                state.later.first().map(|(at, _)| *at)
            };
            tokio::select! {
                () = self.added.notified() => {}
                () = backoff::until(deadline) => {}
            }
        }
    }

    /// Ends a successful reconciliation.
    pub(crate) fn done(&self, key: &Key) {
        let mut state = self.state();
        state.failures.remove(key);
        self.give_back(state, key, Counts::Yes);
    }

    /// Ends a reconciliation that came too early: the initial sync does not count it.
    pub(crate) fn postpone(&self, key: &Key, pause: Duration) {
        let mut state = self.state();
        state.add_at(key.clone(), Instant::now() + pause);
        self.give_back(state, key, Counts::No);
    }

    /// Ends a failed reconciliation and requeues the key with backoff; returns the number of failures in a row.
    pub(crate) fn failed(&self, key: &Key) -> u32 {
        let mut state = self.state();
        let failures = state.failures.entry(key.clone()).or_default();
        *failures += 1;
        let failures = *failures;
        state.add_at(key.clone(), Instant::now() + backoff::pause_after(failures));
        self.give_back(state, key, Counts::Yes);
        failures
    }

    /// Returns the number of keys that wait for a worker, without those that are requeued later.
    pub(crate) fn len(&self) -> usize {
        self.state().ready.len()
    }

    /// Begins the initial sync of the keys that are queued by now.
    pub(crate) fn begin_initial_sync(&self) {
        let mut state = self.state();
        let keys = state.queued.iter().chain(state.running.keys()).cloned().collect();
        state.first = Some(keys);
        drop(state);
        self.initial_sync.notify_waiters();
    }

    /// Waits for the beginning of the initial sync.
    pub(crate) async fn begun(&self) {
        loop {
            let begun = self.initial_sync.notified();
            if self.state().first.is_some() {
                return;
            }
            begun.await;
        }
    }

    /// Waits for the end of the initial sync.
    pub(crate) async fn initial_sync(&self) {
        loop {
            let passed = self.initial_sync.notified();
            if self.state().first.as_ref().is_some_and(HashSet::is_empty) {
                return;
            }
            passed.await;
        }
    }

    fn give_back(&self, mut state: MutexGuard<'_, State>, key: &Key, counts: Counts) {
        if state.running.remove(key) == Some(true) {
            state.add(key.clone());
            self.added.notify_one();
        }
        if counts == Counts::Yes
            && let Some(first) = &mut state.first
            && first.remove(key)
            && first.is_empty()
        {
            self.initial_sync.notify_waiters();
        }
        if !state.later.is_empty() {
            self.added.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn add(&mut self, key: Key) {
        if let Some(again) = self.running.get_mut(&key) {
            *again = true;
        } else if self.queued.insert(key.clone()) {
            self.ready.push_back(key);
        }
    }

    fn add_at(&mut self, key: Key, at: Instant) {
        match self.due.get(&key) {
            Some(due) if *due <= at => return,
            Some(due) => {
                self.later.remove(&(*due, key.clone()));
            }
            None => {}
        }
        self.due.insert(key.clone(), at);
        self.later.insert((at, key));
    }

    fn move_due(&mut self, now: Instant) {
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, key)) = self.later.pop_first() {
                self.due.remove(&key);
                self.add(key);
            }
        }
    }

    fn take(&mut self) -> Option<Key> {
        let key = self.ready.pop_front()?;
        self.queued.remove(&key);
        self.running.insert(key.clone(), false);
        Some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new("default", name)
    }

    #[tokio::test]
    async fn a_key_added_twice_is_taken_once() {
        let queue = WorkQueue::default();
        queue.add(key("a"));
        queue.add(key("a"));
        queue.add(key("b"));
        assert_eq!(queue.next().await, key("a"));
        assert_eq!(queue.next().await, key("b"));
    }

    #[tokio::test]
    async fn a_key_added_while_looked_at_comes_again_and_not_before_the_end() {
        let queue = WorkQueue::default();
        queue.add(key("a"));
        let taken = queue.next().await;
        queue.add(key("a"));
        queue.add(key("b"));
        assert_eq!(queue.next().await, key("b"));
        queue.done(&taken);
        assert_eq!(queue.next().await, key("a"));
    }

    #[tokio::test]
    async fn a_failed_key_comes_back_by_itself_and_counts() {
        let queue = WorkQueue::default();
        queue.add(key("a"));
        let taken = queue.next().await;
        assert_eq!(queue.failed(&taken), 1);
        let taken = queue.next().await;
        assert_eq!(queue.failed(&taken), 2);
        let taken = queue.next().await;
        queue.done(&taken);
        queue.add(key("a"));
        let taken = queue.next().await;
        assert_eq!(queue.failed(&taken), 1);
    }

    #[tokio::test]
    async fn the_first_pass_ends_with_the_last_key_that_was_there_when_it_began() {
        let queue = WorkQueue::default();
        queue.add(key("a"));
        queue.begin_initial_sync();
        queue.add(key("b"));
        let taken = queue.next().await;
        queue.done(&taken);
        queue.initial_sync().await;
    }

    #[tokio::test]
    async fn a_postponed_key_has_still_to_come() {
        let queue = WorkQueue::default();
        queue.add(key("a"));
        queue.begin_initial_sync();
        let taken = queue.next().await;
        queue.postpone(&taken, Duration::ZERO);
        assert!(!queue.state().first.as_ref().is_some_and(HashSet::is_empty));
        let taken = queue.next().await;
        queue.done(&taken);
        queue.initial_sync().await;
    }

    #[tokio::test]
    async fn an_empty_first_pass_has_passed() {
        let queue = WorkQueue::default();
        queue.begin_initial_sync();
        queue.initial_sync().await;
    }
}
