//! The generic syncer of a virtual cluster: keeps a tenant's Kubernetes API (the guest) and the cluster that
//! runs its pods (the host) in step.

/// Who a virtual cluster's programs are to each other: its certificate authority and what that issues.
pub mod pki;

/// A client for the API of one side.
pub mod client;

/// What the syncer needs of the host for its own control plane.
pub mod host;

/// One syncer at a time.
pub mod leader;

/// Whether the guest is the one that the host's objects come from.
pub mod store;

/// What a guest has to have before it is a cluster: its API's own Service, and DNS.
pub mod guest;

/// Kinds as a cluster serves them.
mod discovery;

/// The engine that keeps guest and host in step.
pub mod sync;

/// A kubelet's part for the guest's API server.
pub mod kubelet;

/// The syncer's life: what comes after what.
pub mod run;

/// What is left to remove when the release is gone.
pub mod uninstall;

/// What the syncer tells about itself over HTTP.
pub mod status;

/// Events on the host about the virtual cluster as a whole.
mod notice;

/// The command line.
pub mod cli;

/// Trying again, and resting in between.
mod patience;

/// Files of the repository that tests make.
#[cfg(test)]
mod generated;
