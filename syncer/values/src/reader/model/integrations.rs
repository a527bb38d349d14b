//! Programs of the host that the guest has a part in.

use serde::{Deserialize, Serialize};

/// Programs of the host that the guest has a part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Integrations {
    /// The metrics server.
    pub metrics_server: MetricsServer,
}

/// What the guest's API `metrics.k8s.io` says, which asks that of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MetricsServer {
    /// Whether there is one.
    pub enabled: bool,
    /// Whether it says what the guest's pods use.
    pub pods: bool,
    /// Whether it says what nodes use that the guest has: all that runs there.
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
    /// Returns true if pods' metrics are asked for.
    #[must_use]
    pub fn shows_pods(&self) -> bool {
        self.enabled && self.pods
    }

    /// Returns true if nodes' metrics are asked for.
    #[must_use]
    pub fn shows_nodes(&self) -> bool {
        self.enabled && self.nodes
    }
}
