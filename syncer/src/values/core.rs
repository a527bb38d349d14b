//! The switches of Kubernetes' own kinds, as vcluster 0.15 has set them.

use serde::Deserialize;

/// Which kinds are synced.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Core {
    /// Claims on volumes, to the host.
    #[serde(rename = "persistentvolumeclaims")]
    pub persistent_volume_claims: On,
    /// Ingresses, to the host.
    pub ingresses: Off,
    /// Network policies, to the host.
    #[serde(rename = "networkpolicies")]
    pub network_policies: Off,
    /// Disruption budgets, to the host.
    #[serde(rename = "poddisruptionbudgets")]
    pub pod_disruption_budgets: Off,
    /// Ingress classes, from the host.
    #[serde(rename = "ingressclasses")]
    pub ingress_classes: Off,
    /// Storage classes, from the host.
    #[serde(rename = "hoststorageclasses")]
    pub storage_classes: Off,
    /// Nodes, from the host.
    pub nodes: HostNodes,
}

/// A switch that is off unless it is set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Off {
    /// Whether it is on.
    pub enabled: bool,
}

/// A switch that is on unless it is unset.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct On {
    /// Whether it is on.
    pub enabled: bool,
}

impl Default for On {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// Which of the host's nodes are shown as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Asked")]
pub struct HostNodes {
    /// Those with these labels, as `kubectl --selector` takes them, empty for all; `None` if none are shown.
    pub selector: Option<String>,
}

/// The switches as they are in the file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    enabled: bool,
    sync_all_nodes: bool,
    node_selector: String,
}

impl TryFrom<Asked> for HostNodes {
    type Error = &'static str;

    fn try_from(asked: Asked) -> Result<Self, Self::Error> {
        let selector = match asked {
            Asked { enabled: false, .. } => None,
            Asked {
                sync_all_nodes: true, ..
            } => Some(String::new()),
            Asked { node_selector, .. } if !node_selector.is_empty() => Some(node_selector),
            Asked { .. } => {
                return Err(
                    "`sync.nodes.enabled` needs `syncAllNodes` or a `nodeSelector`: nodes are not shown as they \
                     are just because they run a pod",
                );
            }
        };
        Ok(Self { selector })
    }
}
