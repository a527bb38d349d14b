//! The identity of a guest cluster: the UID of its namespace `kube-system`. The host namespace that belongs to it carries that
//! UID.
//!
//! A guest that has lost its etcd data comes up empty, as if the tenant had deleted everything. So the syncer does not sync a
//! guest of another identity, until somebody says that this is meant.

use std::collections::BTreeMap;

use crate::naming::own::{ACCEPTED_CLUSTER, former};
use crate::naming::{self, Tenant};

/// The namespace whose UID is the identity of the cluster.
pub const SYSTEM: &str = "kube-system";

/// A guest that is not the one that the host's namespaces were made for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "sync this guest: it is not the one that the host's namespaces of {tenant} were made for. Was its store \
     lost? Nothing of the tenant is changed on the host. Restore the store; or start with an empty host: kubectl delete \
     namespace --selector {name_label}={tenant},{namespace_label}={namespace}; or have this guest take over the \
     namespaces, without what is in them: kubectl annotate --overwrite --namespace {namespace} service {tenant} \
     {ACCEPTED_CLUSTER}={guest}",
    name_label = naming::VCLUSTER_NAME,
    namespace_label = naming::VCLUSTER_NAMESPACE,
)]
pub struct Mismatch {
    /// The virtual cluster.
    pub tenant: String,
    /// The host namespace of its control plane.
    pub namespace: String,
    /// The UID of the guest that is there now.
    pub guest: String,
}

impl Mismatch {
    /// Returns the mismatch of a tenant whose guest now has this UID.
    #[must_use]
    pub fn new(tenant: &Tenant, guest: &str) -> Self {
        Self {
            tenant: tenant.name().to_owned(),
            namespace: tenant.namespace().to_owned(),
            guest: guest.to_owned(),
        }
    }
}

/// Returns true if the annotations of the virtual cluster's Service accept the guest of this UID.
#[must_use]
pub fn is_accepted(annotations: &BTreeMap<String, String>, guest: &str) -> bool {
    let accepted = annotations.get(ACCEPTED_CLUSTER);
    let accepted = accepted.or_else(|| annotations.get(former::ACCEPTED_CLUSTER));
    accepted.is_some_and(|accepted| accepted == guest)
}

/// Returns the UID of the guest namespace that a host namespace was made for, or nothing if the host namespace is not the
/// tenant's.
#[must_use]
pub fn made_for<'a>(
    tenant: &Tenant,
    labels: &BTreeMap<String, String>,
    annotations: &'a BTreeMap<String, String>,
) -> Option<&'a str> {
    let owner = labels.get(naming::MANAGED_BY)?;
    let uid = annotations.get(naming::OBJECT_UID)?;
    (*owner == tenant.managed_by()).then_some(uid)
}
