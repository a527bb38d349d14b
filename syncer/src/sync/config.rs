//! Configuration of one virtual cluster's engine, as plain data.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde_json::Value;
use vcluster_values::admission::Admission;
use vcluster_values::from_host::FromHost;
use vcluster_values::kinds::{Context, CoreKind, Entry, List};
use vcluster_values::mapping::Mapping;
use vcluster_values::naming::Tenant;
use vcluster_values::patches::Patch;

/// Everything that the engine needs besides its two clients.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// Kinds whose guest objects have mirrors on the host.
    pub exports: Vec<Export>,
    /// Kinds whose foreign objects in the tenant's host namespaces are shown in the guest.
    pub imports: Vec<Import>,
    /// Kubernetes' own kinds whose guest objects have mirrors on the host, besides those that always have.
    pub core: BTreeSet<CoreKind>,
    /// The kinds whose objects all have mirrors, although by default only those have them that another object names.
    pub unnamed: Unnamed,
    /// The objects of the host that are shown in the guest.
    pub from_host: FromHost,
    /// Services of the guest that are replicated to the host, each by its name: `networking.replicateServices.toHost`.
    pub services_to_host: Vec<Mapping>,
    /// The host's policies for the tenant's objects.
    pub admission: Admission,
    /// The guest's DNS domain, such as `cluster.local`.
    pub cluster_domain: String,
    /// The address at which pods reach the guest's API, port 443: the cluster IP of its Service on the host.
    pub api_server_service_ip: IpAddr,
    /// The `ClusterRole` that the syncer binds itself to in each of its host namespaces.
    pub tenant_role: String,
    /// Labels that every host namespace gets besides the guest's and the syncer's own.
    pub namespace_labels: BTreeMap<String, String>,
    /// Maximum number of namespaces on the host.
    pub namespaces: usize,
    /// Objects that limit the tenant in each of its host namespaces.
    pub bounds: Bounds,
    /// Limits of the bytes that the syncer keeps on the host for the virtual cluster, and writes there.
    pub limits: Limits,
    /// The port of `localhost` at which the guest's API server reaches the kubelet API, for all nodes.
    pub kubelet_port: u16,
}

impl Config {
    /// Returns the context that decides about entries of exports and imports.
    pub(crate) fn context(&self) -> Context {
        Context {
            core: self.core.clone(),
            shown: self.from_host.kinds.keys().copied().collect(),
            cluster_scoped: self.from_host.cluster_scoped.clone(),
        }
    }
}

/// Objects that each host namespace has besides the tenant's.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds {
    /// The objects, complete but for the namespace.
    pub wanted: Vec<Value>,
    /// Objects that are deleted.
    pub unwanted: Vec<Value>,
}

/// Limits of the objects that the syncer keeps on the host for one virtual cluster, in bytes of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Total size of the objects.
    pub bytes: u64,
    /// Number of bytes that may be written at once, after a time without writes.
    pub burst: u64,
    /// Number of bytes that may be written per second, once the burst is used up. Small objects are never delayed.
    pub bytes_per_second: u64,
}

impl Default for Limits {
    /// Returns the default limits: 64 MiB in total, 64 MiB at once, and 512 KiB per second after that. Until the next compaction,
    /// five minutes later, that is at most a tenth of the 2 GiB that etcd takes by default.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            burst: 64 << 20,
            bytes_per_second: 512 << 10,
        }
    }
}

/// ConfigMaps and Secrets that no pod and no exported object names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unnamed {
    /// True if such ConfigMaps have mirrors too.
    pub config_maps: bool,
    /// True if such Secrets have mirrors too.
    pub secrets: bool,
}

/// A kind whose guest objects have mirrors on the host, under their own names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    /// Group and version, `dapr.io/v1alpha1`; that of a core kind is `v1`.
    pub api_version: String,
    /// The kind, `Component`.
    pub kind: String,
    /// True if the kind may be missing on the host. If it appears later, the export starts then.
    pub optional: bool,
    /// True if a mirror that cannot be updated is deleted and recreated.
    pub replace_on_conflict: bool,
    /// Labels that objects need to be exported; empty for all objects.
    pub selector: BTreeMap<String, String>,
    /// Patches of the mirror.
    pub patches: Vec<Patch>,
    /// Patches of the guest object, by values of the mirror. The changes are not exported.
    pub reverse_patches: Vec<Patch>,
}

impl Export {
    /// Returns its entry in the list of exports.
    pub(crate) fn entry(&self) -> Entry {
        Entry::new(List::Export, &self.api_version, &self.kind)
    }
}

/// A kind whose foreign host objects are shown in the guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Import {
    /// Group and version, as in [`Export::api_version`].
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// True if the kind may be missing on the host.
    pub optional: bool,
    /// Mappings of the objects that are shown; without any, all foreign objects in the virtual cluster's own host namespaces are.
    pub mappings: Vec<Mapping>,
    /// True if a copy that cannot be updated is deleted and recreated.
    pub replace_on_conflict: bool,
    /// Patches of the copy.
    pub patches: Vec<Patch>,
    /// Patches of the host object, by values of the copy. The changes are not imported.
    pub reverse_patches: Vec<Patch>,
}

impl Import {
    /// Returns its entry in the list of imports.
    pub(crate) fn entry(&self) -> Entry {
        let entry = Entry::new(List::Import, &self.api_version, &self.kind);
        entry.with(!self.mappings.is_empty(), !self.reverse_patches.is_empty())
    }

    /// Returns true if the kind is that of pods, which are synced in any case.
    pub(crate) fn is_of_pods(&self) -> bool {
        self.api_version == "v1" && self.kind == "Pod"
    }
}
