//! The settings for an existing cluster.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Error, Substrate};

/// The existing cluster, and its use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existing {
    /// The kubeconfig; that of the user's kubectl unless given.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; its current one unless given.
    pub context: Option<String>,
    /// The registry that images are pushed to and pulled from, such as `registry.example.com/team`.
    pub registry: Option<String>,
    /// The owner of the Dapr that is used.
    pub dapr: Dapr,
}

/// Sources of the host cluster's Dapr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Dapr {
    /// Install Dapr; an error if the cluster already has one
    #[default]
    Install,
    /// Use the cluster's own Dapr, and leave it as it is
    Existing,
}

impl Existing {
    /// Returns true if no option is given.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Fails if an option is given and the substrate is another one.
    pub(super) fn fits(&self, substrate: Substrate) -> Result<(), Error> {
        let Self {
            kubeconfig,
            context,
            registry,
            dapr,
        } = self;
        let given = [
            ("--kubeconfig", kubeconfig.is_some()),
            ("--context", context.is_some()),
            ("--registry", registry.is_some()),
            ("--dapr existing", *dapr == Dapr::Existing),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) if substrate != Substrate::Existing => {
                Err(Error::NotExisting { option, substrate })
            }
            _ => Ok(()),
        }
    }
}

/// Prints the given options, after a word for the cluster.
impl std::fmt::Display for Existing {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(context) = &self.context {
            write!(formatter, ", context {context}")?;
        }
        if let Some(kubeconfig) = &self.kubeconfig {
            write!(formatter, ", kubeconfig {}", kubeconfig.display())?;
        }
        if let Some(registry) = &self.registry {
            write!(formatter, ", images in {registry}")?;
        }
        match self.dapr {
            Dapr::Install => Ok(()),
            Dapr::Existing => formatter.write_str(", with the Dapr that it has"),
        }
    }
}
