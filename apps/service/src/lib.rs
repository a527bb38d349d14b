//! The code that the write app and the read app share: everything but their routes.
//!
//! ```text
//! Settings -> Sidecar (one HTTP call to Dapr) -> Values (the list, without losing an update) -> routes -> serve
//! ```

/// The settings from environment variables: ports, names, limits.
pub mod settings;

/// JSON logs on standard output.
pub mod telemetry;

/// The metrics of `/metrics`.
pub mod metrics;

/// The caller's place in a distributed trace, which is passed on to Dapr.
pub mod trace;

/// The time limit of a request, and everything that waits.
pub mod call;

/// One call to Dapr's HTTP API at a time.
pub mod sidecar;

/// The list of values in the state store.
pub mod values;

/// The answer to a request that has failed.
pub mod problem;

/// Probes, metrics and JSON answers that all apps have in common.
pub mod shell;

/// Serving until a signal, then letting requests finish.
pub mod serve;

#[cfg(feature = "fake-sidecar")]
/// A sidecar for tests that fails on demand.
pub mod fake_sidecar;
