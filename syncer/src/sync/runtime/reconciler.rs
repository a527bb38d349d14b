//! Reconcilers: one kind of object each, with a work queue of keys and the workers that reconcile them.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ObjectReference;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{Instrument, debug, debug_span, warn};

use super::context::Context;
use super::error::ReconcileError;
use super::key::Key;
use super::work_queue::WorkQueue;
use crate::retry;

/// The result of a reconciliation that did not fail.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The object is in sync; a change of either side requeues it.
    AwaitChange,
    /// The object is requeued after this time.
    RequeueAfter(Duration),
    /// The object waits for another object, which the text names. The coming of that one requeues it.
    WaitFor(&'static str),
    /// The stores do not have all objects of the namespace yet. The initial sync does not count this reconciliation.
    NotSynced,
}

/// The interval in which waiting objects are requeued in any case.
const WAITING: Duration = Duration::from_secs(5);

/// The interval in which the initial sync checks whether the host's lists have arrived.
const LISTING: Duration = Duration::from_millis(20);

/// Reconciler of the objects of one kind.
pub(crate) trait Reconciler: Debug + Send + Sync + 'static {
    /// Returns the name in logs, metrics and the readiness report.
    fn name(&self) -> String;

    /// Returns the work queue.
    fn queue(&self) -> &WorkQueue;

    /// Returns the guest object that Events about failures are attached to; `None` if it is gone.
    fn subject(&self, key: &Key) -> Option<ObjectReference>;

    /// Compares one object on both sides and converges them.
    fn reconcile(&self, key: &Key) -> impl Future<Output = Result<Action, ReconcileError>> + Send;

    /// Returns true once the host's initial list for a guest namespace has been enqueued.
    fn has_synced(&self, _namespace: &str) -> bool {
        true
    }

    /// Waits until every object of both sides has been reconciled once.
    fn initial_sync(&self, context: &Context) -> impl Future<Output = ()> + Send {
        async {
            self.queue().initial_sync().await;
            // By then the host's namespaces are made and watched, a list at a time.
            context.namespaces().initial_sync().await;
            while !(context.watched_namespaces().namespaces().iter())
                .all(|namespace| self.has_synced(namespace))
            {
                retry::pause(LISTING).await;
            }
            // What the host alone has was not in the guest's list.
            self.queue().begin_initial_sync();
            self.queue().initial_sync().await;
        }
    }

    /// Starts this many workers. After `stop`, each finishes its reconciliation and ends.
    ///
    /// Workers start when the guest's initial list is complete. Before that, an object that is not listed yet would look
    /// deleted, and the host's object would be deleted too.
    fn start(
        self: &Arc<Self>,
        workers: usize,
        context: &Context,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) where
        Self: Sized,
    {
        context.metrics().gauges().queue(self);
        for _ in 0..workers {
            let (reconciler, context, stop) = (self.clone(), context.clone(), stop.clone());
            tasks.spawn(async move {
                let name = reconciler.name();
                if stop
                    .run_until_cancelled(reconciler.queue().begun())
                    .await
                    .is_none()
                {
                    return;
                }
                while let Some(key) = stop.run_until_cancelled(reconciler.queue().next()).await {
                    let span = debug_span!("reconcile", controller = %name, %key);
                    work(&*reconciler, &context, &name, &key).instrument(span).await;
                }
            });
        }
    }
}

async fn work<P: Reconciler>(reconciler: &P, context: &Context, name: &str, key: &Key) {
    let began = Instant::now();
    let result = reconciler.reconcile(key).await;
    let outcome = match &result {
        Ok(Action::WaitFor(_) | Action::NotSynced) | Err(ReconcileError::Delayed { .. }) => "requeue",
        Ok(_) => "success",
        Err(_) => "error",
    };
    context.metrics().reconciled(name, outcome, began.elapsed());
    match result {
        Ok(next) => {
            match next {
                Action::AwaitChange => {}
                Action::RequeueAfter(pause) => reconciler.queue().add_after(key.clone(), pause),
                // Should the namespace come back, so will the keys of all that is in it.
                Action::NotSynced if context.is_without(&key.namespace) => {}
                Action::NotSynced if !context.watched_namespaces().is_refused(&key.namespace) => {
                    reconciler.queue().postpone(key, WAITING);
                    return;
                }
                Action::NotSynced => reconciler.queue().add_after(key.clone(), WAITING),
                Action::WaitFor(what) => {
                    debug!(what, "waiting");
                    reconciler.queue().add_after(key.clone(), WAITING);
                }
            }
            reconciler.queue().done(key);
        }
        Err(failure @ ReconcileError::Delayed { .. }) => {
            if let ReconcileError::Delayed { pause, .. } = failure {
                reconciler.queue().add_after(key.clone(), pause);
            }
            reconciler.queue().done(key);
            if context.budget().may_tell(Instant::now()) {
                warn!(controller = name, %key, "{}", failure.message());
                if let Some(subject) = reconciler.subject(key) {
                    context.recorder().failed(&subject, &failure, 1).await;
                }
            }
        }
        Err(failure) => {
            let tries = reconciler.queue().failed(key);
            context.metrics().failure(name, failure.reason());
            warn!(controller = name, %key, tries, "{}", failure.message());
            if failure.may_be_for_want_of_a_namespace() {
                context.recheck_namespace(&key.namespace);
            }
            if let Some(subject) = reconciler.subject(key) {
                context.recorder().failed(&subject, &failure, tries).await;
            }
        }
    }
}
