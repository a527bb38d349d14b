//! The generic syncer of a virtual cluster. It keeps a tenant's Kubernetes API (the guest) and the cluster that runs its pods
//! (the host) in sync.

/// Certificates of a virtual cluster's programs: its certificate authority and the certificates that it issues.
pub mod pki;

/// A client for the API of one side.
pub mod client;

/// Objects on the host for the syncer's own control plane.
pub mod host;

/// Election of one syncer.
pub mod leader;

/// The check that the guest is the one that the host's objects come from.
pub mod store;

/// Prerequisites of a guest: its API's own Service, and DNS.
pub mod guest;

/// Discovery of the kinds that a cluster serves.
mod discovery;

/// Lists of metadata, a page at a time.
mod pages;

/// The engine that keeps guest and host in sync.
pub mod sync;

/// The kubelet API for the guest's API server.
pub mod kubelet;

/// The syncer's life cycle: the order of its steps.
pub mod run;

/// Removal of the objects that remain when the release is gone.
pub mod uninstall;

/// Probes and metrics over HTTP.
pub mod status;

/// Events on the host about the virtual cluster as a whole.
mod notice;

/// The command line.
pub mod cli;

/// Retries, and pauses in between.
mod retry;

/// Errors with their causes, on one line.
mod error_chain;

/// Files of the repository that tests make.
#[cfg(test)]
mod generated;
