//! The times when each Component's change was seen on the host.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use provision::wait;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Change, Error, Made, names};

/// A syncer that is limited to 40 requests a second takes 28 s for the burst.
const ARRIVED: Duration = Duration::from_mins(3);

/// The times when the changes of Components were seen, by their names.
#[derive(Debug, Default)]
struct Seen {
    created: HashMap<String, Instant>,
    updated: HashMap<String, Instant>,
    deleted: HashMap<String, Instant>,
}

impl Seen {
    fn of(&self, change: Change) -> &HashMap<String, Instant> {
        match change {
            Change::Create => &self.created,
            Change::Update => &self.updated,
            Change::Delete => &self.deleted,
        }
    }

    fn note(&mut self, event: Event<PartialObjectMeta<DynamicObject>>, now: Instant) {
        let (object, is_gone) = match event {
            Event::Apply(object) | Event::InitApply(object) => (object, false),
            Event::Delete(object) => (object, true),
            Event::Init | Event::InitDone => return,
        };
        let Some(name) = object.metadata.name else { return };
        let times = match object.metadata.generation {
            _ if is_gone => &mut self.deleted,
            Some(2..) => &mut self.updated,
            _ => &mut self.created,
        };
        times.entry(name).or_insert(now);
    }
}

/// A watch on the host's mirror of a guest namespace.
#[derive(Debug)]
pub(super) struct Observer {
    seen: watch::Receiver<Seen>,
    _watching: AbortOnDropHandle<()>,
}

impl Observer {
    /// Watches from now on, through a connection of its own.
    pub(super) fn watch(components: Api<PartialObjectMeta<DynamicObject>>) -> Self {
        let (sender, seen) = watch::channel(Seen::default());
        let watching = tokio::spawn(async move {
            let events = watcher::watcher(components, watcher::Config::default()).default_backoff();
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                let now = Instant::now();
                match event {
                    Ok(event) => sender.send_modify(|seen| seen.note(event, now)),
                    Err(error) => tracing::debug!(%error, "the watch on the host broke off"),
                }
            }
        });
        Self {
            seen,
            _watching: AbortOnDropHandle::new(watching),
        }
    }

    /// Waits for the same to be done on the host with all of these, and returns when each was, in their order.
    pub(super) async fn of(&mut self, change: Change, made: &[Made]) -> Result<Vec<Instant>, Error> {
        let wanted = names(made);
        // Counted before compared: there are a thousand of each.
        let are_there = |seen: &Seen| {
            let seen = seen.of(change);
            seen.len() >= wanted.len() && wanted.iter().all(|&name| seen.contains_key(name))
        };
        let arrived = match wait::at_most(ARRIVED, self.seen.wait_for(are_there)).await {
            Some(Ok(seen)) => Some(
                made.iter()
                    .filter_map(|made| seen.of(change).get(&made.name).copied())
                    .collect(),
            ),
            _ => None,
        };
        arrived.ok_or_else(|| {
            let seen = self.seen.borrow();
            let seen = seen.of(change);
            let there = wanted.iter().filter(|&&name| seen.contains_key(name)).count();
            Error::Waiting(wait::Error::TimedOut {
                what: format!("{} Components to be {} on the host", wanted.len(), change.done()),
                waited: ARRIVED,
                last: format!("{there} of them"),
            })
        })
    }
}
