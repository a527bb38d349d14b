//! The rig: starts the programs, and sends requests to them.
//!
//! A test process has one host: etcd, an API server and a controller manager, with Dapr's CRDs. Each tenant has a guest of its
//! own on it: an API server and a controller manager, and the syncer, which has only the permissions on the host that the chart
//! gives to its account. Tests that do not disturb others share a tenant, each in a namespace of its own.

pub(crate) use background::unique;
pub(crate) use cert_manager::CertManager;
pub(crate) use configured::{ALL, HOUSE, ONE};
pub(crate) use extension::{VERSION, extension};
pub(crate) use host::Host;
pub(crate) use host_kubelet::{HostKubelet, NO_FORMER};
pub(crate) use limited::Limited;
pub(crate) use namespace_pair::NamespacePair;
pub(crate) use objects::{VALUE, component, namespace};
pub(crate) use proxy::Link;
pub(crate) use side::{Refusal, Side};
pub(crate) use syncer::Syncer;
pub(crate) use tenant::Tenant;
pub(crate) use uninstalled::Uninstalled;
pub(crate) use webhook::Webhook;

/// State that lives as long as the test process, and the clean-up after it.
mod background;

/// Processes that end with the process that started them.
mod process;

/// An API server and its controller manager.
mod control_plane;

/// The host.
mod host;

/// A server that the host trusts.
mod https;

/// An API server of a tenant's own, for another API.
mod extension;

/// A kubelet of the host's.
mod host_kubelet;

/// A webhook of the host's.
mod webhook;

/// A running syncer.
mod syncer;

/// A tenant: its guest and its syncer.
mod tenant;

/// A tenant whose release is gone, and the objects of its chart's hook.
mod uninstalled;

/// cert-manager on the host.
mod cert_manager;

/// A tenant whose engine runs in this process.
mod configured;

/// A tenant whose engine runs in this process, with limits.
mod limited;

/// A guest namespace and its mirror.
mod namespace_pair;

/// Requests to an API.
mod side;

/// A proxy to an API that can be closed and opened.
mod proxy;

/// Objects of tests.
mod objects;

use std::time::Duration;

use provision::wait::Budget;

/// Time until an object is in the expected state. That takes milliseconds, and seconds for a namespace that is deleted; the rest
/// is for a slow or busy machine.
pub(crate) const SOON: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(50),
};

/// Time until a program that was started can be used.
const STARTED: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(20),
};
