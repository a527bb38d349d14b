//! The versions of Kubernetes that an environment can have.

use serde::{Deserialize, Serialize};

/// A minor version of Kubernetes: that of the host cluster and of all virtual clusters. `pins.toml` has the rest of it.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum,
)]
pub enum Kubernetes {
    /// Newest version
    #[default]
    #[serde(rename = "1.36")]
    #[value(name = "1.36")]
    V1_36,
    /// Newest version that vcluster 0.25 supports
    #[serde(rename = "1.33")]
    #[value(name = "1.33")]
    V1_33,
}

/// Prints as the command line takes it.
impl std::fmt::Display for Kubernetes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = clap::ValueEnum::to_possible_value(self);
        formatter.write_str(value.as_ref().map_or("", clap::builder::PossibleValue::get_name))
    }
}
