//! Objects of the host that the guest shows.

/// Read-only copies of the host's objects.
pub(crate) mod projections;

/// PersistentVolumes of the tenant's PVCs.
pub(crate) mod persistent_volumes;

/// The host's Events about pods and PVCs.
pub(crate) mod events;
