//! The labels by which a run's objects on the host are found.

/// Label: the run that created the object.
pub const RUN: &str = "shared-dapr/run";

/// Label on a host namespace: the name of the virtual cluster that it mirrors a namespace of.
pub const OF_TENANT: &str = "vcluster.loft.sh/vcluster-name";

/// Label on a host namespace: the namespace of that virtual cluster's control plane.
pub const OF_NAMESPACE: &str = "vcluster.loft.sh/vcluster-namespace";
