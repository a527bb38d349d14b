//! Programs of the host that the guest uses.

use serde::{Deserialize, Serialize};

/// Programs of the host that the guest uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Integrations {
    /// The metrics server.
    pub metrics_server: MetricsServer,
}

/// The guest's API `metrics.k8s.io`, which takes its figures from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsServer {
    /// True if the guest has the API.
    pub enabled: bool,
    /// True if it has the usage of the guest's pods.
    pub pods: bool,
    /// True if it has the usage of the guest's nodes, which includes everything that runs there.
    pub nodes: bool,
}

impl Default for MetricsServer {
    fn default() -> Self {
        Self {
            enabled: false,
            pods: true,
            nodes: true,
        }
    }
}

impl MetricsServer {
    /// Returns true if the metrics of pods are enabled.
    #[must_use]
    pub fn shows_pods(&self) -> bool {
        self.enabled && self.pods
    }

    /// Returns true if the metrics of nodes are enabled.
    #[must_use]
    pub fn shows_nodes(&self) -> bool {
        self.enabled && self.nodes
    }
}
