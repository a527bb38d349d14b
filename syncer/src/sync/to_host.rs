//! Kubernetes' own kinds that are synced from the guest to the host, except pods.

/// The decision about a guest object and its mirror.
pub(crate) mod decide;

/// The steps that are the same for every kind.
pub(crate) mod steps;

/// Namespaces.
pub(crate) mod namespaces;

/// ConfigMaps and Secrets.
pub(crate) mod config_objects;

/// Names of ConfigMaps and Secrets in other objects.
pub(crate) mod references;

/// Services.
pub(crate) mod services;

/// EndpointSlices of Services without a selector.
pub(crate) mod endpoint_slices;

/// Kinds that differ from each other by a translation.
pub(crate) mod core_kinds;

/// Services of the guest that are replicated to the host.
pub(crate) mod replicated_services;

/// Selectors of namespaces.
pub(crate) mod selectors;
