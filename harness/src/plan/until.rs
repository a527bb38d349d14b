//! The extent to which an environment is brought up.

use serde::{Deserialize, Serialize};

/// The last stage of `up`. Later stages do not run.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// Host cluster
    Substrate,
    /// Host cluster, Dapr and Redis
    Platform,
    /// Host cluster, Dapr, Redis and tenants
    Tenants,
    /// Everything, including the apps
    #[default]
    Workloads,
}

impl Until {
    /// Returns true if that is everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::Workloads
    }
}
