//! What a virtual cluster is asked to be, whatever dialect it was asked in.

mod chart;

mod core_kinds;

mod generic;

mod integrations;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Problem, What};
use crate::naming::Tenant;

pub use chart::{Chart, CoreDns, Etcd, Program, Service, ServiceAccount, Storage, SyncerPod};
pub use core_kinds::{
    All, ByName, Classes, FromHost, Mapped, Networking, NodeSelector, Nodes, Replicated, ReplicatedServices,
    Switch, ToHost,
};
pub use generic::{Export, Generic, GenericSync, Import, KindName, Role, Selector};
pub use integrations::{Integrations, MetricsServer};

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
    /// Programs of the host that the guest has a part in.
    pub integrations: Integrations,
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
    /// What some are called on the host. It has to be what they are called anyway: see [`Values::check_names`].
    pub mappings: ByName,
}

/// What is kept in step by configuration.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Sync {
    /// The kinds that the syncer knows nothing of but their names.
    pub generic: GenericSync,
}

impl Values {
    /// Each namespace that is mapped to another name than it has as one of this virtual cluster.
    #[must_use]
    pub fn check_names(&self, tenant: &Tenant) -> Vec<Problem> {
        (self.namespaces.mappings.by_name.iter())
            .filter(|(guest, host)| tenant.host_namespace(guest) != **host)
            .map(|(guest, host)| Problem {
                line: 0,
                what: What::NotDone {
                    key: "sync.toHost.namespaces.mappings.byName".to_owned(),
                    why: format!(
                        "`{guest}` cannot be `{host}`; in this virtual cluster it is `{}`, by vcluster's rule",
                        tenant.host_namespace(guest)
                    ),
                },
            })
            .collect()
    }
}
