//! When each Component came to the host.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use kube::api::{Api, DynamicObject, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::{Error, Made, names};
use crate::wait;

/// A syncer that is limited to 40 requests a second takes 28 s for the burst.
const ARRIVED: Duration = Duration::from_mins(3);

/// A watch on the host's mirror of a guest namespace.
#[derive(Debug)]
pub(super) struct Arrivals {
    seen: watch::Receiver<HashMap<String, Instant>>,
    _watching: AbortOnDropHandle<()>,
}

impl Arrivals {
    /// Watches from now on, through a connection of its own.
    pub(super) fn watch(components: Api<PartialObjectMeta<DynamicObject>>) -> Self {
        let (sender, seen) = watch::channel(HashMap::new());
        let watching = tokio::spawn(async move {
            let events = watcher::watcher(components, watcher::Config::default()).default_backoff();
            let mut events = std::pin::pin!(events);
            while let Some(event) = events.next().await {
                let now = Instant::now();
                match event {
                    Ok(Event::Apply(object) | Event::InitApply(object)) => {
                        if let Some(name) = object.metadata.name {
                            sender.send_modify(|seen| {
                                seen.entry(name).or_insert(now);
                            });
                        }
                    }
                    Ok(Event::Delete(_) | Event::Init | Event::InitDone) => {}
                    Err(error) => tracing::debug!(%error, "the watch on the host broke off"),
                }
            }
        });
        Self {
            seen,
            _watching: AbortOnDropHandle::new(watching),
        }
    }

    /// Waits for all that was made, and returns when each came, in their order.
    pub(super) async fn of(&mut self, made: &[Made]) -> Result<Vec<Instant>, Error> {
        let wanted = names(made);
        // Counted before compared: there are a thousand of each.
        let are_there = |seen: &HashMap<String, Instant>| {
            seen.len() >= wanted.len() && wanted.iter().all(|&name| seen.contains_key(name))
        };
        let arrived = match wait::at_most(ARRIVED, self.seen.wait_for(are_there)).await {
            Some(Ok(seen)) => Some(
                made.iter()
                    .filter_map(|made| seen.get(&made.name).copied())
                    .collect(),
            ),
            _ => None,
        };
        arrived.ok_or_else(|| {
            let seen = self.seen.borrow();
            let there = wanted.iter().filter(|&&name| seen.contains_key(name)).count();
            Error::Waiting(wait::Error::TimedOut {
                what: format!("{} Components to be on the host", wanted.len()),
                waited: ARRIVED,
                last: format!("{there} of them"),
            })
        })
    }
}
