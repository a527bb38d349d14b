//! Values files of tenants, as they stand.

/// The blog's values file, in the dialect of vcluster 0.15. It is a tenant's default.
pub const BLOG: &str = include_str!("../../manifests/tenants/blog-values.yaml");

/// The same with every kind of Dapr's that configures sidecars, for a tenant who may have more than Components.
pub const DAPR: &str = include_str!("../../manifests/tenants/dapr-values.yaml");

/// Values for Kubernetes' conformance tests: all nodes and classes of the host, and no bounds.
pub const CONFORMANCE: &str = include_str!("../../manifests/tenants/conformance-values.yaml");

/// The values of a tenant who shares the host's cert-manager.
pub const CERT_MANAGER: &str = include_str!("../../manifests/tenants/cert-manager-values.yaml");
