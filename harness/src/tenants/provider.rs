//! The providers of virtual clusters.

use provision::helm::Chart;
use serde::{Deserialize, Serialize};

use crate::vcluster;

/// A provider of virtual clusters: a chart, and the values that it takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// This project's chart, which takes the values file as it stands.
    Embedded {
        /// The chart.
        chart: Chart,
        /// The values that the environment decides, as `key=value`.
        set: Vec<String>,
    },
    /// loft-sh's chart, which takes a translation of it.
    Vcluster {
        /// The chart.
        chart: Chart,
        /// The images, which the environment decides.
        images: vcluster::Images,
    },
}

/// The input of a chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Input<'a> {
    pub(super) chart: &'a Chart,
    pub(super) values: String,
    pub(super) set: &'a [String],
}

impl Provider {
    /// Returns the input of its chart for a tenant with this values file.
    pub(super) fn input(&self, values: &str) -> Result<Input<'_>, vcluster_values::Error> {
        Ok(match self {
            Self::Embedded { chart, set } => Input {
                chart,
                values: values.to_owned(),
                set,
            },
            Self::Vcluster { chart, images } => Input {
                chart,
                values: vcluster::translate(values, "the tenant's values", images)?,
                set: &[],
            },
        })
    }

    /// Returns true if the kubeconfig exists before the syncer works, so that only a canary shows that it does.
    pub(super) fn is_early(&self) -> bool {
        match self {
            Self::Embedded { .. } => false,
            Self::Vcluster { .. } => true,
        }
    }
}
