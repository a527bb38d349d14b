//! The values of a virtual cluster, which no dialect changes.

mod chart;

mod core_kinds;

mod generic;

mod integrations;

mod policies;

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::naming::MappedNamespaces;

pub use chart::{Chart, CoreDns, Etcd, Program, Service, ServiceAccount, Storage, SyncerPod};
pub use core_kinds::{
    All, ByName, Classes, FromHost, Mapped, Networking, NodeSelector, Nodes, Replicated, ReplicatedServices,
    Switch, ToHost,
};
pub use generic::{Export, Generic, GenericSync, Import, KindName, Role, Selector};
pub use integrations::{Integrations, MetricsServer};
pub use policies::{IpBlock, LimitRange, NetworkPolicy, OutgoingConnections, Policies, ResourceQuota};

/// A virtual cluster's settings, with the chart's defaults if they are in the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Values {
    /// True if the host's DNS is asked for names that the guest does not know.
    pub fallback_host_dns: bool,
    /// The host namespaces of the guest namespaces.
    pub namespaces: Namespaces,
    /// Kinds that are synced by configuration.
    pub sync: Sync,
    /// Kubernetes' own kinds that are synced from guest to host.
    pub to_host: ToHost,
    /// Kubernetes' own kinds that are synced from host to guest.
    pub from_host: FromHost,
    /// Services that are replicated to the other side.
    pub networking: Networking,
    /// The limits of the virtual cluster on the host.
    pub policies: Policies,
    /// Programs of the host that the guest uses.
    pub integrations: Integrations,
    /// Access to the guest's API from outside.
    pub access: Access,
    /// The guest's DNS server.
    pub coredns: CoreDns,
    /// The prefix of every image name of the control plane.
    pub default_image_registry: Option<String>,
    /// Settings that only the chart uses.
    #[serde(flatten)]
    pub chart: Chart,
}

/// The host namespaces of the guest namespaces.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespaces {
    /// Labels that all of them get.
    pub labels: BTreeMap<String, String>,
    /// Configured names of some host namespaces.
    pub mappings: NamesOfNamespaces,
}

/// Configured names of host namespaces.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamesOfNamespaces {
    /// The names by guest namespace.
    pub by_name: MappedNamespaces,
}

/// Access to the guest's API from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    /// Names and addresses in the API's certificate, besides those that it has anyway.
    #[serde(rename = "extraSANs")]
    pub extra_sans: Vec<String>,
    /// The server of the published kubeconfig; by default, the local end of a port-forward.
    pub server: Option<String>,
    /// The context of the published kubeconfig; by default, the name of the virtual cluster.
    pub context: Option<String>,
}

/// Kinds that are synced by configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sync {
    /// Kinds of which the syncer knows only the names.
    pub generic: GenericSync,
}
