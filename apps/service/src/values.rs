//! The list of values in the state store.
//!
//! An append reads the list, adds the value and writes the list. Between the read and the write, another writer may
//! come. Dapr's answer is the `ETag`: the write names the one that was read, and the store refuses the write if that
//! has changed. The comments below explain the further rules that keep values from being lost.

use std::sync::Arc;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use crate::call::Call;
use crate::metrics::Metrics;
use crate::sidecar::{Error, Found, Only, Sidecar};
use crate::telemetry::chain;

/// The key, as in the tutorial.
pub const KEY: &str = "values";

/// A request survives this many calls that failed for a reason that may pass.
const FAULTS: u32 = 4;

/// A request survives this many writers that came first. A process has one writer at a time, so these are the
/// other replicas, and each time one of them got on.
const RIVALS: u32 = 32;

/// The longest rest after the first fault; it doubles with each further fault. If Redis is away, Dapr itself retries
/// for 1.5 s per write and 3 s per read before it reports that.
const FAULT_REST: Duration = Duration::from_millis(50);

/// The longest rest after the first rival, about one round of read and write; doubled up to a limit.
const RIVAL_REST: Duration = Duration::from_millis(2);

/// No single rest is longer.
const LONGEST_REST: Duration = Duration::from_secs(1);

/// The list of values. Reads go side by side, writes of one process one after another: a conflict costs a
/// round trip, a queue costs nothing.
#[derive(Debug)]
pub struct Values {
    sidecar: Arc<Sidecar>,
    turn: Mutex<()>,
    conflicts: Counter,
}

impl Values {
    /// Creates the list that `sidecar` keeps.
    #[must_use]
    pub fn new(sidecar: Arc<Sidecar>, metrics: &Metrics) -> Self {
        Self {
            sidecar,
            turn: Mutex::default(),
            conflicts: metrics.conflicts.clone(),
        }
    }

    /// Returns the values, oldest first; none if nothing was ever stored.
    pub async fn read(&self, call: &Call) -> Result<Vec<String>, Error> {
        self.look(call, &mut Patience::default()).await?.values
    }

    /// Adds `value` at the end and returns the whole list.
    ///
    /// The value is then stored: once, or twice if a connection broke in the moment of writing. After an error
    /// it may be stored nevertheless, as always when an answer gets lost.
    pub async fn append(&self, call: &Call, value: String) -> Result<Vec<String>, Error> {
        self.change(call, |stored| {
            let mut values = stored?;
            values.push(value.clone());
            Ok(values)
        })
        .await
    }

    /// Empties the list, whatever it holds.
    ///
    /// The key stays, with an empty list. If it were deleted, Redis would count its `ETags` from 1 again. It would then
    /// accept a write that is based on the list from before the deletion.
    pub async fn clear(&self, call: &Call) -> Result<(), Error> {
        self.change(call, |_| Ok(Vec::new())).await.map(drop)
    }

    /// Writes the result of `edit` on the stored list. Reads the list again whenever the write is refused.
    async fn change(
        &self,
        call: &Call,
        edit: impl Fn(Result<Vec<String>, Error>) -> Result<Vec<String>, Error>,
    ) -> Result<Vec<String>, Error> {
        let _turn = call.wait(self.turn.lock()).await?;
        let mut patience = Patience::default();
        let mut stored = self.look(call, &mut patience).await?;
        loop {
            let values = edit(stored.values)?;
            let only = patience.only(stored.etag.as_deref());
            let saved = self
                .sidecar
                .save(call, KEY, &List { values: &values }, only)
                .await;
            let Err(refusal) = saved else { return Ok(values) };
            if !(refusal.may_pass() || matches!(refusal, Error::Outdated { .. })) {
                return Err(refusal);
            }
            // A refusal says little: with an ETag, Redis calls every error a mismatch; without one, it calls a
            // mismatch an error. Only a look tells. If the ETag has changed, somebody wrote; it may have been
            // this very write, when its answer got lost, and then it is repeated: better twice than never.
            call.rest(patience.longest_rest(&refusal)).await?;
            let now = self.look(call, &mut patience).await?;
            if now.etag == stored.etag {
                patience.endure(refusal)?;
            } else {
                self.conflicts.inc();
                patience.give_way()?;
            }
            stored = now;
        }
    }

    /// Reads the stored list, and retries if that fails for a reason that may pass.
    async fn look(&self, call: &Call, patience: &mut Patience) -> Result<Stored, Error> {
        loop {
            match self.sidecar.get(call, KEY).await {
                Ok(found) => return Ok(found.into()),
                Err(error) if error.may_pass() => {
                    let rest = patience.longest_rest(&error);
                    patience.endure(error)?;
                    call.rest(rest).await?;
                }
                // Time ran out, but not for want of an answer.
                Err(Error::Slow) => return Err(patience.endured.take().unwrap_or(Error::Slow)),
                Err(error) => return Err(error),
            }
        }
    }
}

/// The result of a look at the store.
#[derive(Debug)]
struct Stored {
    etag: Option<String>,
    /// The values, or the error of reading them. A writer that replaces them need not care.
    values: Result<Vec<String>, Error>,
}

impl From<Option<Found>> for Stored {
    fn from(found: Option<Found>) -> Self {
        let Some(Found { etag, body }) = found else {
            return Self {
                etag: None,
                values: Ok(Vec::new()),
            };
        };
        let values = serde_json::from_slice(&body)
            .map_err(Error::Unreadable)
            .map(|form| match form {
                Form::List(List { values }) | Form::Bare(values) => values,
                Form::Nothing => Vec::new(),
            });
        Self { etag, values }
    }
}

/// The form in which the tutorial's apps store the list, and so do these: `{"values":["42"]}`.
#[derive(Deserialize, Serialize)]
struct List<T> {
    values: T,
}

/// The forms that are understood: also a bare list, easily written by hand, and null.
#[derive(Deserialize)]
#[serde(untagged, expecting = "neither a list of strings nor an object with one")]
enum Form {
    List(List<Vec<String>>),
    Bare(Vec<String>),
    Nothing,
}

/// The faults and rivals that one request has met.
#[derive(Debug, Default)]
struct Patience {
    faults: u32,
    rivals: u32,
    /// The last fault.
    endured: Option<Error>,
}

impl Patience {
    /// Returns the condition on which to write over the value that has this `ETag`.
    ///
    /// Redis takes any `ETag` for a key that does not exist, and so needs one that no other writer has just made
    /// true. Stores such as `PostgreSQL` take none, refuse, and are then asked in Dapr's documented way.
    fn only<'a>(&self, etag: Option<&'a str>) -> Only<'a> {
        match etag {
            Some(etag) => Only::IfStill(etag),
            None if self.faults == 0 => Only::IfNothing,
            None => Only::IfFirst,
        }
    }

    /// Goes on after `error`, or gives it back when there were too many.
    fn endure(&mut self, error: Error) -> Result<(), Error> {
        self.faults += 1;
        if self.faults >= FAULTS {
            return Err(error);
        }
        tracing::warn!(cause = chain(&error), "trying again");
        self.endured = Some(error);
        Ok(())
    }

    /// Goes on after another writer came first, unless there were too many.
    fn give_way(&mut self) -> Result<(), Error> {
        self.rivals += 1;
        if self.rivals >= RIVALS {
            Err(Error::Contended)
        } else {
            Ok(())
        }
    }

    fn longest_rest(&self, error: &Error) -> Duration {
        let rest = match error {
            Error::Outdated { .. } => RIVAL_REST * 2_u32.pow(self.rivals.min(6)),
            _ => FAULT_REST * 2_u32.pow(self.faults),
        };
        rest.min(LONGEST_REST)
    }
}
