//! Processes in namespaces of their own: a host cluster without Docker.

/// Loopback addresses that lead into the sandbox.
pub mod forward;

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {}
