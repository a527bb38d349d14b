//! The syncer between two real API servers with etcd, without a kubelet: what it promises of objects.
//!
//! What needs another operator than Dapr is ignored unless asked for, as its program takes minutes to build:
//! `cargo test -p harness --test syncer_with_two_apis -- --ignored`.
//!
//! `SYNCER=/path/to/syncer cargo test -p harness --test syncer_with_two_apis` tests another syncer than this
//! workspace's.

/// Starting the programs, and asking them.
mod rig;

/// A Component in the guest is on the host, and stays like it.
mod export;

/// Values reach the host as they were written.
mod values;

/// What somebody else does to the host's copy is undone.
mod drift;

/// What is not the syncer's is left alone.
mod foreign;

/// Namespaces, and what is made in them before the host knows them.
mod namespaces;

/// What the host refuses is told, and made up for.
mod refusal;

/// What happens while the syncer is down is made up for.
mod restart;

/// Pods, and what they name.
mod pods;

/// What something on the host made in a tenant's namespaces is shown.
mod import;

/// What the host says of a tenant's pods is told.
mod events;

/// Tenants do not touch each other.
mod tenants;

/// What the syncer's account may not do on the host.
mod privilege;

/// Another operator is shared as Dapr is.
mod operator;

/// Nothing is written where nothing changes.
mod rest;
