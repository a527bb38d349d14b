//! Starting the programs, and asking them.
//!
//! A test process has one host: etcd, an API server and a controller manager, with Dapr's definitions. Each tenant
//! has a guest of its own on it: an API server and a controller manager, and the syncer, which acts on the host with
//! nothing but what the chart gives to its account. Tests that disturb no one share a tenant, each in a namespace of
//! its own.

pub(crate) use background::unique;
pub(crate) use cert_manager::CertManager;
pub(crate) use configured::{ALL, HOUSE, ONE};
pub(crate) use extension::{VERSION, extension};
pub(crate) use host::Host;
pub(crate) use host_kubelet::{HostKubelet, NO_FORMER};
pub(crate) use limited::Limited;
pub(crate) use objects::{VALUE, component, namespace};
pub(crate) use side::{Refusal, Side};
pub(crate) use space::Space;
pub(crate) use syncer::Syncer;
pub(crate) use tenant::Tenant;
pub(crate) use uninstalled::Uninstalled;
pub(crate) use way::Passage;
pub(crate) use webhook::Webhook;

/// What lives as long as the test process, and what ends with it.
mod background;

/// Processes that end with whoever started them.
mod process;

/// An API server and its controller manager.
mod control_plane;

/// The host.
mod host;

/// A server that the host trusts.
mod https;

/// An API server of a tenant's own.
mod extension;

/// A kubelet of the host's.
mod host_kubelet;

/// A webhook of the host's.
mod webhook;

/// A syncer while it runs.
mod syncer;

/// A tenant: its guest and its syncer.
mod tenant;

/// A tenant whose release is gone, and what its chart has Helm run then.
mod uninstalled;

/// cert-manager on the host.
mod cert_manager;

/// A tenant with an engine of this process.
mod configured;

/// The same with limits.
mod limited;

/// A guest namespace and its mirror.
mod space;

/// Asking an API.
mod side;

/// A way to an API that can be closed and opened.
mod way;

/// Objects as tests make them.
mod objects;

use std::time::Duration;

use harness::wait::Budget;

/// Until an object is as it has to be. It takes milliseconds, and a namespace that goes takes seconds; a machine that is slow or
/// busy elsewhere gets its time.
pub(crate) const SOON: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(50),
};

/// Until a program that was started can be used.
const STARTED: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(20),
};
