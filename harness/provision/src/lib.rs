//! The programs, images and commands that environments and tests are made of.
//!
//! This crate knows no cluster: it depends on no Kubernetes client, and on no other crate of the workspace.

/// The versions of everything that is not ours.
pub mod pins;

/// The programs that are run and were not written here.
pub mod binaries;

/// Container images, assembled from binaries and from our own programs.
pub mod images;

/// The folders of state and caches.
pub mod places;

/// The events of a run, as they happen.
pub mod events;

/// External commands. Their errors include their output.
pub mod command;

/// The Helm program.
pub mod helm;

/// The Docker program.
pub mod docker;

/// Waiting for a state, with a deadline and the last state that was seen.
pub mod wait;

/// The names of a tenant's objects on the host.
pub mod naming;

/// Values files of tenants.
pub mod values;

/// The nearest known name to one that is not known.
pub mod nearest;
