//! A part of the engine: one kind of object, its queue, and the workers that look at its keys.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span, warn};

use super::context::Engine;
use super::error::Failure;
use super::fault_injection::{self, Mutation};
use super::key::Key;
use super::work_queue::Queue;
use crate::patience;

/// What a look at an object left to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing, until something changes.
    Idle,
    /// Another look after a while.
    After(Duration),
    /// The object waits for another, whose coming brings its key back; the text says for what.
    Waiting(&'static str),
    /// The host's twin of its namespace is not watched yet; this look does not count as one.
    Uncovered,
}

/// What waits is looked at this often in any case.
const WAITING: Duration = Duration::from_secs(5);

/// Whether the host's lists are there is asked this often.
const LISTING: Duration = Duration::from_millis(20);

/// Brings the objects of one kind in step.
pub(crate) trait Part: Debug + Send + Sync + 'static {
    /// What it is called in logs, metrics and the readiness report.
    fn name(&self) -> String;

    /// Its keys.
    fn queue(&self) -> &Queue;

    /// The guest object that failures are reported on; `None` if there is none by now.
    fn subject(&self, key: &Key) -> Option<ObjectReference>;

    /// Looks at one object on both sides and does what it takes to bring it in step.
    fn look(&self, key: &Key) -> impl Future<Output = Result<Next, Failure>> + Send;

    /// Whether all of the host that concerns it in a guest namespace has come to the queue.
    fn has_queued(&self, _namespace: &str) -> bool {
        true
    }

    /// Waits until it has looked once at everything, on both sides.
    fn first_pass(&self, engine: &Engine) -> impl Future<Output = ()> + Send {
        async {
            self.queue().first_pass().await;
            // By then the host's namespaces are made and watched, a list at a time.
            engine.namespaces().first_pass().await;
            while !(engine.mirror().namespaces().iter()).all(|namespace| self.has_queued(namespace)) {
                patience::pause(LISTING).await;
            }
            // What the host alone has was not in the guest's list.
            self.queue().begin_first_pass();
            self.queue().first_pass().await;
        }
    }

    /// Starts this many workers; they end after `stop`, each with its look finished.
    ///
    /// They wait for the first full pass to begin, which is when the guest has listed all it has: before that, what
    /// is still to be listed would be taken for deleted, and its twin with it.
    fn start(self: &Arc<Self>, workers: usize, engine: &Engine, tasks: &TaskTracker, stop: &CancellationToken)
    where
        Self: Sized,
    {
        engine.metrics().gauges().queue(self);
        for _ in 0..workers {
            let (part, engine, stop) = (self.clone(), engine.clone(), stop.clone());
            tasks.spawn(async move {
                let name = part.name();
                if stop.run_until_cancelled(part.queue().begun()).await.is_none() {
                    return;
                }
                while let Some(key) = stop.run_until_cancelled(part.queue().next()).await {
                    let span = debug_span!("look", part = %name, %key);
                    work(&*part, &engine, &name, &key).instrument(span).await;
                }
            });
        }
    }
}

async fn work<P: Part>(part: &P, engine: &Engine, name: &str, key: &Key) {
    let began = Instant::now();
    let result = part.look(key).await;
    let outcome = match &result {
        Ok(Next::Waiting(_) | Next::Uncovered) | Err(Failure::Delayed { .. }) => "waiting",
        Ok(_) => "done",
        Err(_) => "failed",
    };
    engine.metrics().pass(name, outcome, began.elapsed());
    match result {
        Ok(next) => {
            match next {
                Next::Idle => {}
                Next::After(pause) => part.queue().add_after(key.clone(), pause),
                // Should the namespace come back, so will the keys of all that is in it.
                Next::Uncovered if engine.is_without(&key.namespace) => {}
                Next::Uncovered if !engine.mirror().is_refused(&key.namespace) => {
                    part.queue().postpone(key, WAITING);
                    return;
                }
                Next::Uncovered => part.queue().add_after(key.clone(), WAITING),
                Next::Waiting(what) => {
                    debug!(what, "waiting");
                    part.queue().add_after(key.clone(), WAITING);
                }
            }
            part.queue().done(key);
        }
        Err(failure @ Failure::Delayed { .. }) => {
            if let Failure::Delayed { pause, .. } = failure {
                part.queue().add_after(key.clone(), pause);
            }
            part.queue().done(key);
            if engine.budget().may_tell(Instant::now()) {
                warn!(part = name, %key, "{}", failure.words());
                if let Some(subject) = part.subject(key) {
                    engine.reporter().failed(&subject, &failure, 1).await;
                }
            }
        }
        Err(_) if fault_injection::is(Mutation::SwallowErrors) => part.queue().done(key),
        Err(failure) => {
            let tries = part.queue().failed(key);
            engine.metrics().failure(name, failure.reason());
            warn!(part = name, %key, tries, "{}", failure.words());
            if failure.may_be_for_want_of_a_namespace() {
                engine.recheck_namespace(&key.namespace);
            }
            if let Some(subject) = part.subject(key) {
                engine.reporter().failed(&subject, &failure, tries).await;
            }
        }
    }
}
