//! What one virtual cluster's engine keeps in step, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use vcluster_values::admission::Admission;
use vcluster_values::from_host::FromHost;
use vcluster_values::kinds::{Context, CoreKind, Entry, List};
use vcluster_values::mapping::Mapping;
use vcluster_values::naming::Tenant;
use vcluster_values::patches::Patch;

/// Everything the engine has to know besides its two clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// Kinds whose guest objects are kept on the host.
    pub exports: Vec<Export>,
    /// Kinds whose host objects, made by others in the tenant's host namespaces, are shown in the guest.
    pub imports: Vec<Import>,
    /// Kubernetes' own kinds whose guest objects are kept on the host, besides those that always are.
    pub core: BTreeSet<CoreKind>,
    /// Of which kinds that something has to name, all are kept on the host.
    pub unnamed: Unnamed,
    /// What the host shows to the guest.
    pub from_host: FromHost,
    /// Services of the guest that the host has too, each by its name: `networking.replicateServices.toHost`.
    pub services_to_host: Vec<Mapping>,
    /// What the tenant's objects may ask of the host.
    pub admission: Admission,
    /// The guest's DNS domain, such as `cluster.local`.
    pub cluster_domain: String,
    /// The address that pods reach the guest's API at, port 443: the cluster IP of its Service on the host.
    pub api_server_service_ip: IpAddr,
    /// The `ClusterRole` that the syncer binds itself to in each of its host namespaces.
    pub tenant_role: String,
    /// Labels that every host namespace gets besides the guest's and the syncer's own.
    pub namespace_labels: BTreeMap<String, String>,
    /// How many namespaces it may have on the host.
    pub namespaces: usize,
    /// What bounds the tenant in each of its host namespaces.
    pub bounds: Bounds,
    /// How much the syncer keeps on the host for the virtual cluster, and writes there.
    pub limits: Limits,
    /// The port of `localhost` that the guest's API server asks at for a kubelet, whatever the node.
    pub kubelet_port: u16,
}

impl Config {
    /// Returns what decides about entries of exports and imports.
    pub(crate) fn context(&self) -> Context {
        Context {
            core: self.core.clone(),
            shown: self.from_host.kinds.keys().copied().collect(),
            cluster_scoped: self.from_host.cluster_scoped.clone(),
        }
    }
}

/// Objects that each host namespace has beside the tenant's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// The objects, whole but for the namespace.
    pub wanted: Vec<Value>,
    /// Objects of which there are to be none.
    pub unwanted: Vec<Value>,
}

/// Limits for the objects that the syncer keeps on the host for one virtual cluster, in bytes of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The size of all of them together.
    pub bytes: u64,
    /// The size of what may be written at once, after a time without writes.
    pub burst: u64,
    /// The size of what may be written per second, once the burst is used up. Small objects are never delayed.
    pub bytes_per_second: u64,
}

impl Default for Limits {
    /// 64 MiB together, 64 MiB at once, and 512 KiB per second then. Until the next compaction, five minutes later, that
    /// is at most a tenth of the 2 GiB that etcd takes by default.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            burst: 64 << 20,
            bytes_per_second: 512 << 10,
        }
    }
}

/// Config maps and Secrets that no pod and no exported object names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unnamed {
    /// Config maps are kept on the host all the same.
    pub config_maps: bool,
    /// Secrets are.
    pub secrets: bool,
}

/// A kind whose guest objects are kept on the host under their own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// Group and version, `dapr.io/v1alpha1`; a core kind's is `v1`.
    pub api_version: String,
    /// The kind, `Component`.
    pub kind: String,
    /// A host that does not know the kind is no failure; should it come later, it is picked up.
    pub optional: bool,
    /// Deletes and recreates a host object that can't be changed into what the guest wants.
    pub replace_on_conflict: bool,
    /// Only objects with these labels; empty for all.
    pub selector: BTreeMap<String, String>,
    /// What is changed on the way to the host.
    pub patches: Vec<Patch>,
    /// What is changed in the guest's object, by what the host's has; it is not exported.
    pub reverse_patches: Vec<Patch>,
}

impl Export {
    /// Returns its entry in the list of exports.
    pub(crate) fn entry(&self) -> Entry {
        Entry::new(List::Export, &self.api_version, &self.kind)
    }
}

/// A kind whose host objects are shown in the guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Group and version, as in [`Export::api_version`].
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// A host that does not know the kind is no failure.
    pub optional: bool,
    /// Which of them are shown, and where; if none, all that others make in the virtual cluster's own host namespaces.
    pub mappings: Vec<Mapping>,
    /// Deletes and recreates a guest copy that can't be changed into what the host has.
    pub replace_on_conflict: bool,
    /// What is changed on the way to the guest.
    pub patches: Vec<Patch>,
    /// What is changed in the host's object, by what the copy has; it is not imported.
    pub reverse_patches: Vec<Patch>,
}

impl Import {
    /// Returns its entry in the list of imports.
    pub(crate) fn entry(&self) -> Entry {
        let entry = Entry::new(List::Import, &self.api_version, &self.kind);
        entry.with(!self.mappings.is_empty(), !self.reverse_patches.is_empty())
    }

    /// Returns true if the kind is that of pods, which are kept in step in any case.
    pub(crate) fn is_of_pods(&self) -> bool {
        self.api_version == "v1" && self.kind == "Pod"
    }
}
