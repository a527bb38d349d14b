//! The extent to which an environment is brought up.

use serde::{Deserialize, Serialize};

/// The last stage of `up`. What comes after it is for others to make.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Until {
    /// The host cluster alone
    Substrate,
    /// Dapr and Redis too
    Platform,
    /// The tenants too
    Tenants,
    /// Everything, with the apps
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
