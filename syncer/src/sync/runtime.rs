//! The machinery that all reconcilers share: informers fill stores and queues, workers reconcile the keys of the queues.

/// The engine's two clients and everything that reconcilers share.
pub(crate) mod context;

/// Reconcilers and their workers.
pub(crate) mod reconciler;

/// Work queues of keys.
pub(crate) mod work_queue;

/// Stores of objects, and the watches that fill them.
pub(crate) mod informer;

/// Watches of the guest and of the host.
pub(crate) mod watches;

/// Host namespaces that are watched.
pub(crate) mod watched_namespaces;

/// Names of objects.
pub(crate) mod key;

/// Errors of one reconciliation.
pub(crate) mod error;

/// Pauses.
pub(crate) mod backoff;

/// Events for the tenant.
pub(crate) mod recorder;

/// Objects that others wait for in vain.
pub(crate) mod unmet;

/// Bytes that a tenant may keep on the host.
pub(crate) mod budget;

/// The initial sync of all reconcilers.
pub(crate) mod readiness;

/// Counters of the engine.
pub(crate) mod metrics;

/// Gauges of the engine.
pub(crate) mod gauges;
