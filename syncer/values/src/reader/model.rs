//! What a virtual cluster is asked to be, whatever dialect it was asked in.

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

/// A virtual cluster's settings, with the chart's defaults where they are in the file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Values {
    /// Names that the guest does not know are asked for at the host's DNS.
    pub fallback_host_dns: bool,
    /// The host namespaces of the guest's.
    pub namespaces: Namespaces,
    /// What is kept in step by configuration, and how.
    pub sync: Sync,
    /// Which kinds of Kubernetes itself go from guest to host.
    pub to_host: ToHost,
    /// Which kinds of Kubernetes itself go from host to guest.
    pub from_host: FromHost,
    /// What is reached across.
    pub networking: Networking,
    /// What bounds the virtual cluster on the host.
    pub policies: Policies,
    /// Programs of the host that the guest has a part in.
    pub integrations: Integrations,
    /// How the guest's API is reached by those outside.
    pub access: Access,
    /// The guest's DNS server.
    pub coredns: CoreDns,
    /// What every image name of the control plane is prefixed with.
    pub default_image_registry: Option<String>,
    /// What only the chart acts on.
    #[serde(flatten)]
    pub chart: Chart,
}

/// The host namespaces of the guest's.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Namespaces {
    /// Labels that all of them get.
    pub labels: BTreeMap<String, String>,
    /// What some are called on the host.
    pub mappings: NamesOfNamespaces,
}

/// Host namespaces that are called by choice.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NamesOfNamespaces {
    /// By the guest's.
    pub by_name: MappedNamespaces,
}

/// How the guest's API is reached by those outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Access {
    /// Names and addresses that the API's certificate is for, besides those that it is for anyway.
    #[serde(rename = "extraSANs")]
    pub extra_sans: Vec<String>,
    /// Where the published kubeconfig says that the API is; without one, at the end of a port-forward.
    pub server: Option<String>,
    /// What the published kubeconfig calls its context; without one, as the virtual cluster.
    pub context: Option<String>,
}

/// What is kept in step by configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sync {
    /// The kinds that the syncer knows nothing of but their names.
    pub generic: GenericSync,
}
