//! The choices of a user, as the command line takes and prints them.

use serde::{Deserialize, Serialize};

use super::{DEFAULT_TENANTS, Dapr, Until};

/// The number or the names of the tenants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TenantChoice {
    /// So many, named `tenant-1` and so on.
    Count(usize),
    /// These.
    Names(Vec<String>),
}

impl Default for TenantChoice {
    fn default() -> Self {
        Self::Count(DEFAULT_TENANTS)
    }
}

/// Prints as the command line takes it.
impl std::fmt::Display for TenantChoice {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Count(count) => write!(formatter, "{count}"),
            Self::Names(names) => formatter.write_str(&names.join(",")),
        }
    }
}

/// Reads `3` as a count and `blue,green` as names.
impl std::str::FromStr for TenantChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            let count = text.parse().map(Self::Count);
            return count.map_err(|_| "the number is too large".to_owned());
        }
        Ok(Self::Names(
            text.split(',').map(|name| name.trim().to_owned()).collect(),
        ))
    }
}

/// The requested provider of the host cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum SubstrateChoice {
    /// kind if a Docker daemon answers, otherwise native
    Auto,
    /// Processes in their own namespaces; needs root, but no Docker
    Native,
    /// A cluster of containers, created by kind in Docker
    Kind,
    /// An existing cluster, selected by --kubeconfig and --context
    Existing,
}

/// The provider of the host cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Substrate {
    /// Processes in namespaces of their own.
    Native,
    /// Containers, made by kind.
    Kind,
    /// A cluster that is there already.
    Existing,
}

impl SubstrateChoice {
    /// Returns the provider of the host cluster. `docker` is true if a Docker daemon answers.
    #[must_use]
    pub fn decide(self, docker: bool) -> Substrate {
        match self {
            Self::Kind => Substrate::Kind,
            Self::Auto if docker => Substrate::Kind,
            Self::Auto | Self::Native => Substrate::Native,
            Self::Existing => Substrate::Existing,
        }
    }
}

/// Providers of the virtual clusters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum VirtualCluster {
    /// This project's chart and syncer
    Embedded,
    /// loft-sh's vcluster 0.25.2; only with Kubernetes 1.33
    Vcluster,
}

/// Sources of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Images {
    /// Like pull if registries answer and the host cluster can pull, otherwise like build
    Auto,
    /// The host cluster pulls images from the registries that they are published in
    Pull,
    /// The harness assembles images from binaries
    Build,
}

/// Conditions for keeping an environment after a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Remove the environment
    Never,
    /// Keep the environment if something failed, other than by an interruption
    OnFailure,
    /// Keep the environment
    Always,
}

macro_rules! printed_as_given {
    ($($choice:ty),*) => {$(
        /// Prints as the command line takes it.
        impl std::fmt::Display for $choice {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let value = clap::ValueEnum::to_possible_value(self);
                formatter.write_str(value.as_ref().map_or("", clap::builder::PossibleValue::get_name))
            }
        }
    )*};
}
printed_as_given!(Until, SubstrateChoice, VirtualCluster, Images, Keep, Dapr);

/// Prints as the command line takes it.
impl std::fmt::Display for Substrate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Native => "native",
            Self::Kind => "kind",
            Self::Existing => "existing",
        })
    }
}
