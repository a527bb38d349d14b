//! Kubernetes' own kinds. Pods, Services, endpoints and Events are always synced. Defaults are those of vcluster 0.25
//! (`chart/values.yaml`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};

/// Kinds that are synced from guest to host.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ToHost {
    /// ConfigMaps.
    pub config_maps: All,
    /// Secrets.
    pub secrets: All,
    /// PVCs.
    pub persistent_volume_claims: Switch,
    /// Ingresses.
    pub ingresses: Switch,
    /// Network policies.
    pub network_policies: Switch,
    /// Disruption budgets of pods.
    pub pod_disruption_budgets: Switch,
    /// Priority classes.
    pub priority_classes: Switch,
    /// Service accounts.
    pub service_accounts: Switch,
}

impl Default for ToHost {
    fn default() -> Self {
        Self {
            config_maps: All::default(),
            secrets: All::default(),
            persistent_volume_claims: Switch { enabled: true },
            ingresses: Switch::default(),
            network_policies: Switch::default(),
            pod_disruption_budgets: Switch::default(),
            priority_classes: Switch::default(),
            service_accounts: Switch::default(),
        }
    }
}

/// Kinds that are synced from host to guest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FromHost {
    /// Copies of nodes, instead of fake nodes.
    pub nodes: Nodes,
    /// Storage classes.
    pub storage_classes: Classes,
    /// Ingress classes.
    pub ingress_classes: Classes,
    /// Runtime classes.
    pub runtime_classes: Classes,
    /// Priority classes.
    pub priority_classes: Classes,
    /// ConfigMaps of the host.
    pub config_maps: Mapped,
    /// Secrets of the host.
    pub secrets: Mapped,
}

/// A kind that can be switched on and off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Switch {
    /// True if the kind is synced.
    pub enabled: bool,
}

/// A kind of which objects are synced if something else names them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct All {
    /// True if all objects are synced, named or not.
    pub all: bool,
}

/// Nodes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Nodes {
    /// True if copies of the nodes are shown.
    pub enabled: bool,
    /// The nodes that are shown.
    pub selector: NodeSelector,
}

/// The nodes that are shown; by default those that run a pod of the tenant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// True if all nodes are shown.
    pub all: bool,
    /// Labels of the nodes that are shown.
    pub labels: BTreeMap<String, String>,
}

/// A cluster-scoped kind whose host objects are shown in the guest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Classes {
    /// True if they are shown.
    pub enabled: bool,
    /// The objects that are shown; by default all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// A kind whose host objects are shown in the guest if they are mapped.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mapped {
    /// True if they are shown.
    pub enabled: bool,
    /// The mappings of the objects.
    pub mappings: ByName,
}

/// Mappings of objects of one side to the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ByName {
    /// Mappings by name. Objects are `namespace/name` or `namespace/*`, the host's to the left; there, an empty namespace is that
    /// of the control plane.
    pub by_name: BTreeMap<String, String>,
}

/// Settings of Services that are replicated to the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Networking {
    /// Replicated Services.
    pub replicate_services: ReplicatedServices,
}

/// Services that are replicated to the other side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicatedServices {
    /// Services of the guest.
    pub to_host: Vec<Replicated>,
    /// Services of the host.
    pub from_host: Vec<Replicated>,
}

/// A replicated Service.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Replicated {
    /// The original, `namespace/name`; on the host, a name without a namespace is in that of the control plane.
    pub from: String,
    /// The name on the other side.
    pub to: String,
}
