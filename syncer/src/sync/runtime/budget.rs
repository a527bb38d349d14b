//! Budget of bytes for one virtual cluster: how many the syncer keeps on the host for it, and how fast it writes there.
//!
//! All tenants share the host's etcd, which turns read-only for everybody once it is full. Both the objects there and all writes
//! until the next compaction fill it, as etcd keeps each version of an object until then
//! (<https://etcd.io/docs/v3.6/op-guide/maintenance/>). Bytes are those of the JSON that is sent; bytes of objects that were
//! there before the syncer started are counted at the first reconciliation.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::key::Key;
use crate::sync::config::Limits;

/// Objects up to this size are never delayed, so that ordinary work goes on during large writes.
const SMALL: u64 = 4 << 10;

/// Minimum interval of Events about delays.
const TELL_AFTER: Duration = Duration::from_mins(1);

/// A virtual cluster's budget; cheap to copy.
#[derive(Clone)]
pub(crate) struct Budget(Arc<Inner>);

struct Inner {
    limits: Limits,
    ledgers: AtomicU32,
    state: Mutex<State>,
}

struct State {
    /// The bytes of all objects on the host, and those of each object by its ledger.
    total: u64,
    objects: HashMap<(u32, Key), u64>,
    /// Bytes that may be written now. If negative, they are promised to objects that wait for their turn.
    tokens: f64,
    refilled_at: Instant,
    /// The time from which each delayed object may be written; its bytes are already charged.
    turns: HashMap<(u32, Key), Instant>,
    told_at: Option<Instant>,
}

/// A refusal to write an object now.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Over {
    /// The tenant would keep too much on the host.
    #[error(
        "it has {}, and this virtual cluster keeps {} on the host, of at most {}: delete some of it or make it smaller, \
         or ask the host's administrator for a higher limit",
        Size(*bytes), Size(*total), Size(*limit)
    )]
    Total {
        /// The size of the object.
        bytes: u64,
        /// The size of everything that is there.
        total: u64,
        /// The limit for everything.
        limit: u64,
    },
    /// The tenant writes too fast.
    #[error(
        "it has {}, and waits {} s for its turn: this virtual cluster has written much to the host in a short time, and may \
         write {} per second from now on",
        Size(*bytes), pause.as_secs(), Size(*per_second)
    )]
    Rate {
        /// The size of the object.
        bytes: u64,
        /// The time after which it may be written.
        pause: Duration,
        /// The limit.
        per_second: u64,
    },
}

impl Budget {
    /// Creates a budget of which nothing is used.
    pub(crate) fn new(limits: Limits) -> Self {
        Self(Arc::new(Inner {
            limits,
            ledgers: AtomicU32::new(0),
            state: Mutex::new(State {
                total: 0,
                objects: HashMap::new(),
                tokens: as_tokens(limits.burst),
                refilled_at: Instant::now(),
                turns: HashMap::new(),
                told_at: None,
            }),
        }))
    }

    /// Returns a ledger for the objects of one reconciler.
    pub(crate) fn ledger(&self) -> Ledger {
        Ledger {
            budget: self.clone(),
            id: self.0.ledgers.fetch_add(1, Ordering::Relaxed),
        }
    }

    /// Returns the bytes of all objects on the host.
    pub(crate) fn total(&self) -> u64 {
        self.state().total
    }

    /// Frees the bytes of a guest namespace that is gone on both sides.
    pub(crate) fn forget_namespace(&self, namespace: &str) {
        let mut state = self.state();
        let mut freed = 0;
        state.objects.retain(|(_, key), bytes| {
            let stays = key.namespace != namespace;
            freed += if stays { 0 } else { *bytes };
            stays
        });
        state.total -= freed;
        state.turns.retain(|(_, key), _| key.namespace != namespace);
    }

    /// Returns true if another Event about delays is due.
    pub(crate) fn may_tell(&self, now: Instant) -> bool {
        let mut state = self.state();
        let due = state
            .told_at
            .is_none_or(|at| now.duration_since(at) >= TELL_AFTER);
        if due {
            state.told_at = Some(now);
        }
        due
    }

    fn charge(&self, id: &(u32, Key), bytes: u64, is_there: bool, now: Instant) -> Result<Option<u64>, Over> {
        let limits = &self.0.limits;
        let mut state = self.state();
        let before = state.objects.get(id).copied();
        let known = before.unwrap_or_default();
        let others = state.total - known;
        // What was there before the syncer started is kept anyway.
        let is_counted_first = is_there && before.is_none();
        if bytes > known && others + bytes > limits.bytes && !is_counted_first {
            return Err(Over::Total {
                bytes,
                total: state.total,
                limit: limits.bytes,
            });
        }
        let rate = |pause| Over::Rate {
            bytes,
            pause,
            per_second: limits.bytes_per_second,
        };
        match state.turns.get(id) {
            Some(turn) if *turn > now => return Err(rate(*turn - now)),
            Some(_) => {
                state.turns.remove(id);
            }
            None => {
                state.refill(limits, now);
                let cost = as_tokens(bytes.min(limits.burst));
                if bytes <= SMALL {
                    let least = state.tokens.min(-as_tokens(limits.burst));
                    state.tokens = (state.tokens - cost).max(least);
                } else {
                    state.tokens -= cost;
                    if state.tokens < 0.0 {
                        let pause = -state.tokens / as_tokens(limits.bytes_per_second.max(1));
                        let pause = Duration::from_secs_f64(pause);
                        state.turns.insert(id.clone(), now + pause);
                        return Err(rate(pause));
                    }
                }
            }
        }
        state.total = others + bytes;
        state.objects.insert(id.clone(), bytes);
        Ok(before)
    }

    /// Restores the size of an object from before a charge.
    fn restore(&self, id: &(u32, Key), before: Option<u64>) {
        let mut state = self.state();
        let now = match before {
            Some(bytes) => state.objects.insert(id.clone(), bytes),
            None => state.objects.remove(id),
        };
        state.total = state.total - now.unwrap_or_default() + before.unwrap_or_default();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refill(&mut self, limits: &Limits, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled_at);
        let added = passed.as_secs_f64() * as_tokens(limits.bytes_per_second);
        self.tokens = (self.tokens + added).min(as_tokens(limits.burst));
        self.refilled_at = now;
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Budget({} bytes)", self.total())
    }
}

/// The sizes of the objects of one reconciler that count for the budget.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    budget: Budget,
    id: u32,
}

impl Ledger {
    /// Charges the new size of an object, before it is written. `is_there` is true if the host has it already.
    pub(crate) fn charge(&self, key: &Key, bytes: u64, is_there: bool) -> Result<Charge, Over> {
        let id = (self.id, key.clone());
        let before = self.budget.charge(&id, bytes, is_there, Instant::now())?;
        Ok(Charge {
            budget: self.budget.clone(),
            undone: Some((id, before)),
        })
    }

    /// Returns the size of an object in the budget.
    pub(crate) fn bytes(&self, key: &Key) -> Option<u64> {
        self.budget.state().objects.get(&(self.id, key.clone())).copied()
    }

    /// Records the size of an object that exists.
    pub(crate) fn note(&self, key: &Key, bytes: u64) {
        self.budget.restore(&(self.id, key.clone()), Some(bytes));
    }

    /// Frees the bytes of an object that is gone.
    pub(crate) fn forget(&self, key: &Key) {
        let id = (self.id, key.clone());
        self.budget.restore(&id, None);
        self.budget.state().turns.remove(&id);
    }
}

/// A charge for an object that is being written. It is undone unless it is kept.
#[derive(Debug)]
#[must_use]
pub(crate) struct Charge {
    budget: Budget,
    undone: Option<((u32, Key), Option<u64>)>,
}

impl Charge {
    /// Keeps the charge, as the object was written.
    pub(crate) fn keep(mut self) {
        self.undone = None;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if let Some((id, before)) = self.undone.take() {
            self.budget.restore(&id, before);
        }
    }
}

/// Returns the size of an object as JSON.
pub(crate) fn size_of(object: &impl Serialize) -> u64 {
    struct Count(u64);

    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    // What can't be written as JSON fails where it is sent.
    let _unwritable = serde_json::to_writer(&mut count, object);
    count.0
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 8 PiB")]
fn as_tokens(bytes: u64) -> f64 {
    bytes as f64
}

/// A number of bytes in human-readable form.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = if self.0 >= 1 << 20 {
            (1 << 20, "MiB")
        } else {
            (1 << 10, "KiB")
        };
        write!(formatter, "{:.1} {name}", as_tokens(self.0) / as_tokens(unit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    fn budget(bytes: u64, burst: u64, bytes_per_second: u64) -> Budget {
        Budget::new(Limits {
            bytes,
            burst,
            bytes_per_second,
        })
    }

    fn id(name: &str) -> (u32, Key) {
        (0, Key::new("default", name))
    }

    #[test]
    fn what_is_over_the_limit_is_refused_until_something_is_freed() {
        let budget = budget(100 * KIB, 1000 * KIB, KIB);
        let now = Instant::now();
        let charge = |name, bytes, is_there| budget.charge(&id(name), bytes, is_there, now);
        assert_eq!(charge("a", 60 * KIB, false), Ok(None));
        let over = charge("b", 50 * KIB, false).unwrap_err();
        assert_eq!(
            over.to_string(),
            "it has 50.0 KiB, and this virtual cluster keeps 60.0 KiB on the host, of at most 100.0 KiB: delete some of it or \
             make it smaller, or ask the host's administrator for a higher limit"
        );
        assert!(charge("a", 101 * KIB, true).is_err());
        assert_eq!(charge("a", 50 * KIB, true), Ok(Some(60 * KIB)));
        assert_eq!(charge("b", 50 * KIB, false), Ok(None));
        assert_eq!(budget.total(), 100 * KIB);
        budget.restore(&id("a"), None);
        assert_eq!(charge("c", 50 * KIB, false), Ok(None));
        budget.forget_namespace("default");
        assert_eq!(budget.total(), 0);
    }

    #[test]
    fn what_was_there_before_the_syncer_started_is_counted_whatever_its_size() {
        let budget = budget(100 * KIB, 1000 * KIB, KIB);
        let now = Instant::now();
        assert_eq!(budget.charge(&id("a"), 150 * KIB, true, now), Ok(None));
        assert!(matches!(
            budget.charge(&id("b"), KIB, false, now),
            Err(Over::Total { .. })
        ));
        // It may only shrink.
        assert!(budget.charge(&id("a"), 151 * KIB, true, now).is_err());
        assert_eq!(budget.charge(&id("a"), 140 * KIB, true, now), Ok(Some(150 * KIB)));
    }

    #[test]
    fn what_is_written_too_fast_gets_its_turn_in_order_and_what_is_small_at_once() {
        let budget = budget(1000 * KIB, 100 * KIB, 10 * KIB);
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let pause = |result: Result<Option<u64>, Over>| match result {
            Err(Over::Rate { pause, .. }) => pause.as_secs(),
            other => panic!("{other:?}"),
        };
        assert_eq!(budget.charge(&id("a"), 100 * KIB, false, now), Ok(None));
        assert_eq!(pause(budget.charge(&id("b"), 50 * KIB, false, now)), 5);
        assert_eq!(pause(budget.charge(&id("c"), 50 * KIB, false, now)), 10);
        assert_eq!(budget.charge(&id("d"), KIB, false, now), Ok(None));
        // To ask again costs nothing.
        assert_eq!(pause(budget.charge(&id("b"), 50 * KIB, false, after(4))), 1);
        assert_eq!(budget.charge(&id("b"), 50 * KIB, false, after(5)), Ok(None));
        assert_eq!(pause(budget.charge(&id("c"), 50 * KIB, false, after(6))), 4);
        assert_eq!(budget.charge(&id("c"), 50 * KIB, false, after(10)), Ok(None));
        // Each write of the same object costs.
        assert_eq!(
            budget.charge(&id("c"), 50 * KIB, true, after(100)),
            Ok(Some(50 * KIB))
        );
        assert_eq!(
            budget.charge(&id("c"), 50 * KIB, true, after(100)),
            Ok(Some(50 * KIB))
        );
        assert_eq!(pause(budget.charge(&id("c"), 50 * KIB, true, after(100))), 5);
    }

    #[test]
    fn a_charge_for_what_was_not_written_is_undone() {
        let budget = budget(100 * KIB, 1000 * KIB, KIB);
        let ledger = budget.ledger();
        let key = Key::new("default", "a");
        ledger.charge(&key, 10 * KIB, false).unwrap().keep();
        drop(ledger.charge(&key, 20 * KIB, true).unwrap());
        assert_eq!((budget.total(), ledger.bytes(&key)), (10 * KIB, Some(10 * KIB)));
        // Objects of other parts have the same names.
        budget.ledger().charge(&key, 5 * KIB, false).unwrap().keep();
        assert_eq!(budget.total(), 15 * KIB);
        ledger.forget(&key);
        assert_eq!(budget.total(), 5 * KIB);
    }

    #[test]
    fn the_tenant_gets_an_event_once_a_minute() {
        let budget = budget(1, 1, 1);
        let now = Instant::now();
        assert!(budget.may_tell(now));
        assert!(!budget.may_tell(now + Duration::from_secs(59)));
        assert!(budget.may_tell(now + Duration::from_mins(1)));
    }

    #[test]
    fn the_size_of_an_object_is_that_of_its_json() {
        assert_eq!(size_of(&serde_json::json!({"a": "b"})), 9);
    }
}
