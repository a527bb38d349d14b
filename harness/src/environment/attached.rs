//! An environment that is up, as later commands find it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use provision::pins::Kubernetes;
use provision::places::Places;
use serde::{Deserialize, Serialize};

use super::Error;
use crate::plan::Substrate;
use crate::substrate::{self, Cluster, Reach};
use crate::tenants;

/// The file in the environment's folder.
const FILE: &str = "environment.json";

/// The data that is needed to use an environment. It is written when the environment is up, and read by commands and
/// scenarios.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attached {
    /// The environment's name.
    pub name: String,
    /// The id of the run that created it.
    pub run: String,
    /// The seed that unique names are derived from.
    pub seed: u64,
    /// The time of its creation, RFC 3339.
    pub started: jiff::Timestamp,
    /// The provider of the host cluster.
    pub substrate: Substrate,
    /// The Kubernetes version.
    pub kubernetes: Kubernetes,
    /// The kind of virtual cluster.
    pub virtual_cluster: String,
    /// The host cluster's kubeconfig.
    pub kubeconfig: PathBuf,
    /// The way to reach Services and pods.
    pub reach: Reach,
    /// The range of addresses that the host cluster gives its Services.
    pub service_cidr: String,
    /// The registry of its images, if it is not the one in their names.
    pub registry: Option<String>,
    /// The tenants.
    pub tenants: Vec<AttachedTenant>,
    /// The settings that the tenants were created with, so that one more can be created.
    pub tenant_settings: tenants::Settings,
    /// The folder for the run's reports.
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

    /// Returns the host cluster.
    pub async fn cluster(&self) -> Result<Cluster, substrate::ClientError> {
        Ok(self.cluster_of(substrate::client(&self.kubeconfig).await?))
    }

    /// Returns the host cluster, with a client that exists already.
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

    /// Returns the path of the environment's description in `folder`.
    #[must_use]
    pub fn file(folder: &Path) -> PathBuf {
        folder.join(FILE)
    }

    /// Writes it as a whole or not at all. A reader may rely on the environment being up.
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
