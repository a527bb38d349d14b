//! What one virtual cluster's engine keeps in step, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::naming::Tenant;

/// Everything the engine has to know besides its two clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// Kinds whose guest objects are kept on the host.
    pub exports: Vec<Export>,
    /// Kinds whose host objects, made by others in the tenant's host namespaces, are shown in the guest.
    pub imports: Vec<Import>,
    /// Kubernetes' own kinds whose guest objects are kept on the host, besides those that always are.
    pub core: BTreeSet<CoreKind>,
    /// The guest's DNS domain, such as `cluster.local`.
    pub cluster_domain: String,
    /// The address that pods reach the guest's API at, port 443: the cluster IP of its Service on the host.
    pub api_server_service_ip: IpAddr,
    /// The `ClusterRole` that the syncer binds itself to in each of its host namespaces.
    pub tenant_role: String,
    /// Labels that every host namespace gets besides the guest's and the syncer's own.
    pub namespace_labels: BTreeMap<String, String>,
}

/// One of Kubernetes' own kinds that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CoreKind {
    /// Claims on volumes, with a stand-in in the guest for each volume.
    PersistentVolumeClaim,
    /// Ingresses.
    Ingress,
    /// Network policies.
    NetworkPolicy,
    /// Disruption budgets.
    PodDisruptionBudget,
}

/// A kind whose guest objects are kept on the host under their own names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Export {
    /// Group and version, `dapr.io/v1alpha1`; a core kind's is `v1`.
    pub api_version: String,
    /// The kind, `Component`.
    pub kind: String,
    /// A host that does not know the kind is no failure; should it come later, it is picked up.
    pub optional: bool,
    /// Deletes and makes anew a host object that can't be changed into what the guest wants.
    pub replace_on_conflict: bool,
    /// Only objects with these labels; empty for all.
    pub selector: BTreeMap<String, String>,
}

/// A kind whose host objects are shown in the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// Group and version, as in [`Export::api_version`].
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// A host that does not know the kind is no failure.
    pub optional: bool,
    /// Deletes and makes anew a guest copy that can't be changed into what the host has.
    pub replace_on_conflict: bool,
}

impl Import {
    /// Whether the kind is that of pods, which are kept in step in any case.
    pub(crate) fn is_of_pods(&self) -> bool {
        self.api_version == "v1" && self.kind == "Pod"
    }
}
