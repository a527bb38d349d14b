//! The parts of real vcluster, and the host clusters that it can run on.

use std::path::PathBuf;

use provision::helm::Chart;
use serde::{Deserialize, Serialize};

use super::{Kubernetes, Substrate, Values};
use crate::vcluster::{self, Images};

/// The Kubernetes that it runs on.
const KUBERNETES: Kubernetes = Kubernetes::V1_33;

/// The parts of real vcluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vcluster {
    /// Its chart.
    pub chart: Chart,
    /// The tenants' values as its chart gets them.
    pub values: String,
}

/// Errors of real vcluster's settings. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its pods would never be ready.
    #[error(
        "use `--virtual-cluster vcluster` with Kubernetes {asked}: the guests of vcluster 0.25 have at most 1.33, and on a \
         host of 1.34 or newer their pods never become ready (loft-sh/vcluster#3578); use --kubernetes {KUBERNETES}"
    )]
    Kubernetes {
        /// The version that was asked for.
        asked: Kubernetes,
    },
    /// The host cluster cannot get its image.
    #[error(
        "use `--virtual-cluster vcluster` without its program: a {substrate} host cluster pulls no images; give a vcluster \
         0.25.2 by --vcluster-binary FILE"
    )]
    NoProgram {
        /// The provider of the host cluster.
        substrate: Substrate,
    },
    /// An option for real vcluster is given with embedded virtual clusters.
    #[error("use `{option}` with embedded virtual clusters: it is for --virtual-cluster vcluster")]
    NotForThat {
        /// The option that was given.
        option: &'static str,
    },
}

/// The request for real vcluster.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) substrate: Substrate,
    pub(super) kubernetes: Kubernetes,
    pub(super) chart: Option<PathBuf>,
    pub(super) program: Option<PathBuf>,
    pub(super) registry: Option<String>,
}

impl Wanted {
    /// Checks that no option for it is given.
    pub(super) fn not_at_all(&self) -> Result<(), Error> {
        let given = [
            ("--vcluster-chart", self.chart.is_some()),
            ("--vcluster-binary", self.program.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((option, _)) => Err(Error::NotForThat { option }),
            None => Ok(()),
        }
    }

    /// Returns the parts that it will be made from.
    pub(super) fn planned(self, values: &Values) -> Result<Vcluster, super::Error> {
        if self.kubernetes != KUBERNETES {
            return Err(Error::Kubernetes {
                asked: self.kubernetes,
            }
            .into());
        }
        match self.substrate {
            Substrate::Native if self.program.is_none() => {
                return Err(Error::NoProgram {
                    substrate: self.substrate,
                }
                .into());
            }
            // Others pull what is not given.
            Substrate::Native | Substrate::Kind | Substrate::Existing => {}
        }
        let images = Images::of(self.kubernetes, self.registry.as_deref());
        Ok(Vcluster {
            chart: self.chart.map_or_else(vcluster::chart, Chart::Folder),
            values: vcluster::translate(&values.text, &values.origin, &images)?,
        })
    }
}
