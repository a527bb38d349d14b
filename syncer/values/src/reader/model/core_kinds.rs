//! Kinds of Kubernetes itself. Pods, Services, endpoints and events are kept in step always. Defaults are those of
//! vcluster 0.25 (`chart/values.yaml`).

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::{Deserialize, Serialize};

/// What goes from guest to host.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ToHost {
    /// Config maps.
    pub config_maps: All,
    /// Secrets.
    pub secrets: All,
    /// Claims of volumes.
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

/// What goes from host to guest.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FromHost {
    /// Nodes as they are, instead of fake nodes.
    pub nodes: Nodes,
    /// Storage classes.
    pub storage_classes: Classes,
    /// Ingress classes.
    pub ingress_classes: Classes,
    /// Runtime classes.
    pub runtime_classes: Classes,
    /// Priority classes.
    pub priority_classes: Classes,
    /// Config maps of the host.
    pub config_maps: Mapped,
    /// Secrets of the host.
    pub secrets: Mapped,
}

/// A kind that is synced or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Switch {
    /// Whether it is.
    pub enabled: bool,
}

/// A kind of which those are synced that something else names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct All {
    /// All are, named or not.
    pub all: bool,
}

/// Nodes.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Nodes {
    /// Whether they are shown.
    pub enabled: bool,
    /// Which of them.
    pub selector: NodeSelector,
}

/// Which nodes are shown: those that run a pod of the tenant if it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct NodeSelector {
    /// All of them.
    pub all: bool,
    /// Those with these labels.
    pub labels: BTreeMap<String, String>,
}

/// A kind without namespaces of which the guest gets what there is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Classes {
    /// Whether it does.
    pub enabled: bool,
    /// Which of them; all if not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// A kind of which the guest gets those that are mapped.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Mapped {
    /// Whether it does.
    pub enabled: bool,
    /// Which of them, and where they are in the guest.
    pub mappings: ByName,
}

/// What things of one side are on the other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ByName {
    /// By name. Objects are `namespace/name` or `namespace/*`, the host's to the left; there, an empty namespace is that
    /// of the control plane.
    pub by_name: BTreeMap<String, String>,
}

/// What is reached across.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Networking {
    /// Services of one side that the other has too.
    pub replicate_services: ReplicatedServices,
}

/// Services of one side that the other has too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicatedServices {
    /// Those of the guest.
    pub to_host: Vec<Replicated>,
    /// Those of the host.
    pub from_host: Vec<Replicated>,
}

/// A Service of one side that the other has too.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Replicated {
    /// Which one, `namespace/name`; on the host, one without a namespace is beside the control plane.
    pub from: String,
    /// What it is called on the other side.
    pub to: String,
}
