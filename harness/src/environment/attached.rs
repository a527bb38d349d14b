//! An environment that is up, as whoever comes later finds it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;
use crate::places::Places;
use crate::plan::{Kubernetes, Substrate};
use crate::substrate::{self, Cluster, Reach};
use crate::tenants;

/// The file in the environment's folder.
const FILE: &str = "environment.json";

/// What is needed to use an environment: written when it is up, read by commands and by scenarios.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// The environment's name.
    pub name: String,
    /// The id of the run that made it.
    pub run: String,
    /// What unique names are derived from.
    pub seed: u64,
    /// When it was made, RFC 3339.
    pub started: jiff::Timestamp,
    /// The provider of the host cluster.
    pub substrate: Substrate,
    /// Which Kubernetes.
    pub kubernetes: Kubernetes,
    /// What kind of virtual cluster.
    pub virtual_cluster: String,
    /// The host cluster's kubeconfig.
    pub kubeconfig: PathBuf,
    /// How Services and pods are reached.
    pub reach: Reach,
    /// The range of addresses that the host cluster gives its Services.
    pub service_cidr: String,
    /// Where its images are, if not where their names say.
    pub registry: Option<String>,
    /// The tenants.
    pub tenants: Vec<AttachedTenant>,
    /// How they were made, so that one more can be.
    pub tenant_settings: tenants::Settings,
    /// Where the run's reports go.
    pub report_dir: PathBuf,
}

/// A tenant of an environment that is up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttachedTenant {
    /// Its name.
    pub name: String,
    /// The host namespace of its control plane.
    pub namespace: String,
    /// Its administrator's kubeconfig.
    pub kubeconfig: PathBuf,
}

impl Attached {
    /// Finds the environment `name`.
    pub fn open(places: &Places, name: &str) -> Result<Self, Error> {
        match Self::read(&Self::file(&places.environment(name))) {
            Err(Error::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Err(Error::NotUp {
                    name: name.to_owned(),
                })
            }
            other => other,
        }
    }

    /// The host cluster.
    pub async fn cluster(&self) -> Result<Cluster, substrate::ClientError> {
        Ok(self.cluster_of(substrate::client(&self.kubeconfig).await?))
    }

    /// The same for whoever has a client of it.
    #[must_use]
    pub fn cluster_of(&self, client: kube::Client) -> Cluster {
        Cluster {
            client,
            kubeconfig: self.kubeconfig.clone(),
            reach: self.reach.clone(),
            service_cidr: self.service_cidr.clone(),
            registry: self.registry.clone(),
        }
    }

    /// Reads the description that [`Attached::write`] wrote.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = fs::read(file).map_err(|source| Error::File {
            what: "read",
            path: file.to_owned(),
            source,
        })?;
        serde_json::from_slice(&text).map_err(|source| Error::File {
            what: "understand",
            path: file.to_owned(),
            source: source.into(),
        })
    }

    /// Where the description of the environment in `folder` is.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Writes it, whole or not at all: whoever finds it may rely on the environment being up.
    pub(super) fn write(&self, folder: &Path) -> Result<(), Error> {
        let (file, draft) = (Self::file(folder), folder.join("environment.draft"));
        let failed = |source| Error::File {
            what: "write",
            path: file.clone(),
            source,
        };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(&draft, text)
            .and_then(|()| fs::rename(&draft, &file))
            .map_err(failed)
    }
}
