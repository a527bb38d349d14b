//! The time until a Component that is created, changed or deleted in a tenant is so on the host.
//!
//! The benchmark works in a guest namespace of its own. First, it creates [`PACED`] Components at an even pace, as
//! people and controllers do. Then [`CLIENTS`] clients create a burst of [`BURST`]. Then it repeats both to change
//! all Components, and again to delete them. A watch on the host's mirror of the namespace reports when each is
//! there, changed or gone.
//!
//! **Counting.** A Component's time begins right before its request is sent to the guest's API. It ends when the
//! host's watch reports it here. So it includes parts that a user waits for and the syncer does not decide: the
//! guest's API and its etcd, the host's API and its etcd, and the way here from both, which leads through the
//! substrate's forwarder. [`Figures::floor_ms`] is the cost of a request that does nothing at all, on either side,
//! and of one that creates a Component directly on the host. [`Figures::accept_ms`] is the time that the guest's API
//! took. The rest is the syncer's and the watches'.
//!
//! **On a busy machine** this process reads an answer late, sometimes together with the host's watch: that lengthens
//! the tail of [`Figures::accept_ms`] and [`Burst::guest_seconds`], and brings them close to what the host took. On two
//! cores with compilers on both, 3 to 50 of 100 answers were read within 0.2 ms of the watch's event, as many with the
//! substrate's forwarder as without it, and none of 300 when this process had real-time priority. The median of
//! [`Figures::create_ms`] was about the same. So compare tails only of an idle machine.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use provision::events::Events;
use serde::Serialize;

use super::latency::Latency;
use super::subject::{self, Source};
use super::{Error, Measured, Setting};
use crate::environment::Attached;

mod bench_namespace;
mod floor;
mod load;
mod observer;

use bench_namespace::BenchNamespace;
pub use floor::Floor;
use load::{Change, Made};
use observer::Observer;

/// The number of Components that are created at an even pace.
pub const PACED: usize = 100;

/// The number of these Components per second.
pub const PER_SECOND: u32 = 20;

/// The number of Components that are created in the burst.
pub const BURST: usize = 1000;

/// The number of clients that create them. Each has a connection of its own, and sends its next request as soon as
/// the last is answered.
pub const CLIENTS: usize = 8;

/// The times from a tenant to the host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Figures {
    /// From sending the request that creates a Component in the guest until the host's watch reports it.
    pub create_ms: Latency,
    /// From sending that request until the guest's API has answered it.
    pub accept_ms: Latency,
    /// The times of requests without the syncer.
    pub floor_ms: Floor,
    /// The delay of requests after the time that they were due: the time that this process waited for a processor, at
    /// one of its turns. A timer alone is a millisecond or two late. A longer delay means that the machine is too
    /// busy for the other figures. A shorter one does not mean that it is not, because this process competes most
    /// when an answer comes, not when it sends.
    pub late_ms: Latency,
    /// Many at once.
    pub burst: Burst,
    /// The same of changes.
    pub update: Alike,
    /// The same of deletions.
    pub delete: Alike,
}

/// The times until a change in a tenant is made on the host.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alike {
    /// From sending the request to the guest until the host's watch reports it.
    pub host_ms: Latency,
    /// From sending it until the guest's API has answered it.
    pub accept_ms: Latency,
    /// Many at once.
    pub burst: Burst,
}

/// The times of a burst.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Burst {
    /// The number of Components.
    pub objects: usize,
    /// From its beginning until the guest's API has accepted all of them.
    pub guest_seconds: f64,
    /// From its beginning until the host has all of them.
    pub host_seconds: f64,
}

/// Measures in the tenant called `tenant`, and removes the objects that it created.
pub async fn measure(
    source: &Source,
    tenant: &str,
    setting: &Setting<'_>,
) -> Result<Measured<Figures>, Error> {
    subject::with(source, setting, async |attached| {
        let namespace = BenchNamespace::choose(attached, tenant).await?;
        on(&namespace, setting, figures(&namespace, setting.events)).await
    })
    .await
}

/// Does `work` while the tenant has so many Components, which are on the host, too.
pub(super) async fn beside_components<T>(
    attached: &Attached,
    tenant: &str,
    count: usize,
    setting: &Setting<'_>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<Measured<T>, Error> {
    let namespace = BenchNamespace::choose(attached, tenant).await?;
    let work = async {
        let mut observer = setting
            .events
            .stage("sync/namespace", namespace.prepare())
            .await?;
        let made = async {
            let clients = namespace.clients(CLIENTS).await?;
            let made = load::burst(&namespace, Change::Create, clients, count).await?;
            observer.of(Change::Create, &made).await
        };
        setting.events.stage("sync/components", made).await?;
        work.await
    };
    on(&namespace, setting, work).await
}

/// Does the work until it is interrupted, and removes its namespace.
async fn on<T>(
    namespace: &BenchNamespace,
    setting: &Setting<'_>,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<Measured<T>, Error> {
    let figures = setting.cancel.run_until_cancelled(Box::pin(work)).await;
    let removed = setting.events.stage("sync/clean-up", namespace.remove()).await;
    let left_behind = match removed {
        Ok(()) => Vec::new(),
        Err(error) => vec![format!(
            "namespace {} of {}: {error}",
            namespace.guest_namespace, namespace.tenant
        )],
    };
    setting.events.tell_left(&left_behind);
    Ok(Measured {
        figures: figures.unwrap_or(Err(Error::Interrupted))?,
        left_behind,
    })
}

async fn figures(namespace: &BenchNamespace, events: &Events) -> Result<Figures, Error> {
    let mut observer = events.stage("sync/namespace", namespace.prepare()).await?;
    let floor_ms = events.stage("sync/floor", floor::measure(namespace)).await?;
    let paced = events
        .stage("sync/paced", paced(namespace, Change::Create, &mut observer))
        .await?;
    let burst = events
        .stage("sync/burst", burst(namespace, Change::Create, &mut observer))
        .await?;
    let update = alike(namespace, Change::Update, &mut observer);
    let update = events.stage("sync/update", update).await?;
    let delete = alike(namespace, Change::Delete, &mut observer);
    let delete = events.stage("sync/delete", delete).await?;
    Ok(Figures {
        create_ms: paced.host,
        accept_ms: paced.accept,
        floor_ms,
        late_ms: paced.late,
        burst,
        update,
        delete,
    })
}

async fn alike(namespace: &BenchNamespace, change: Change, observer: &mut Observer) -> Result<Alike, Error> {
    let paced = paced(namespace, change, observer).await?;
    Ok(Alike {
        host_ms: paced.host,
        accept_ms: paced.accept,
        burst: burst(namespace, change, observer).await?,
    })
}

struct Paced {
    host: Latency,
    accept: Latency,
    late: Latency,
}

async fn paced(namespace: &BenchNamespace, change: Change, observer: &mut Observer) -> Result<Paced, Error> {
    let made = load::paced(namespace, change, PACED, Duration::from_secs(1) / PER_SECOND).await?;
    let took = observer.of(change, &made).await?;
    tell(&made, &took);
    let host = made
        .iter()
        .zip(&took)
        .map(|(made, arrived)| arrived.saturating_duration_since(made.sent));
    let accept = made
        .iter()
        .map(|made| made.accepted.saturating_duration_since(made.sent));
    let late = made
        .iter()
        .map(|made| made.sent.saturating_duration_since(made.due));
    Ok(Paced {
        host: Latency::of(host),
        accept: Latency::of(accept),
        late: Latency::of(late),
    })
}

async fn burst(namespace: &BenchNamespace, change: Change, observer: &mut Observer) -> Result<Burst, Error> {
    let clients = namespace.clients(CLIENTS).await?;
    let began = Instant::now();
    let made = load::burst(namespace, change, clients, BURST).await?;
    let arrived = observer.of(change, &made).await?;
    tell(&made, &arrived);
    Ok(Burst {
        objects: made.len(),
        guest_seconds: last(began, made.iter().map(|made| made.accepted)),
        host_seconds: last(began, arrived),
    })
}

/// Logs the times of each Component, to verify the sums. It does so only after all of them, so that it does not slow
/// any of them.
fn tell(made: &[Made], arrived: &[Instant]) {
    let Some(first) = made.iter().map(|made| made.sent).min() else {
        return;
    };
    let since = |instant: Instant| instant.saturating_duration_since(first).as_micros();
    for (made, arrived) in made.iter().zip(arrived) {
        tracing::trace!(
            component = made.name,
            sent_us = since(made.sent),
            accepted_us = since(made.accepted),
            arrived_us = since(*arrived),
            late_us = made.sent.saturating_duration_since(made.due).as_micros(),
            "timed"
        );
    }
}

/// Returns the seconds from `began` to the last of `instants`.
fn last(began: Instant, instants: impl IntoIterator<Item = Instant>) -> f64 {
    let last = instants.into_iter().max().unwrap_or(began);
    provision::events::seconds(last.saturating_duration_since(began))
}

/// Returns the names of the created Components, each once.
fn names(made: &[Made]) -> BTreeSet<&str> {
    made.iter().map(|made| made.name.as_str()).collect()
}
