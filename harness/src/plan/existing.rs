//! What there is to say of a cluster that is there already.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Error, Substrate};

/// Which cluster, and how it is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Existing {
    /// The kubeconfig; that of the user's kubectl unless given.
    pub kubeconfig: Option<PathBuf>,
    /// The context in it; its current one unless given.
    pub context: Option<String>,
    /// Where images are pushed to and pulled from, such as `registry.example.com/team`.
    pub registry: Option<String>,
    /// Whose Dapr is used.
    pub dapr: Dapr,
}

/// Whose Dapr is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Dapr {
    /// One is installed, and it is an error if there is one
    #[default]
    Install,
    /// The cluster's own is used, and left as it is
    Existing,
}

impl Existing {
    /// Returns true if nothing is said.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Fails if something is said and the substrate is another.
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

/// Prints what is said, after a word for the cluster.
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
