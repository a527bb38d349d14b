//! The parts of a tenant of real vcluster: loft-sh's chart and images, at the last version that syncs freely
//! configured kinds between many namespaces without a licence.

use provision::helm::Chart;
use provision::images::registry;
use provision::pins::Kubernetes;
use provision::pins::pins;
use serde::{Deserialize, Serialize};

pub use values::translate;

/// The values file in the dialect of its chart.
mod values;

/// The program, as `--binary` names it. If it is given, the images are assembled.
pub const PROGRAM: &str = "vcluster";

/// The repository of its chart.
const REPOSITORY: &str = "https://charts.loft.sh";

/// The images of its control plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Images {
    /// vcluster itself.
    pub vcluster: String,
    /// The Kubernetes programs, which its control plane copies out of the image.
    pub kubernetes: String,
    /// Its store.
    pub etcd: String,
    /// The guest's DNS server.
    pub coredns: String,
}

impl Images {
    /// Returns the images for guests of this Kubernetes version, by their names in a registry that all images are
    /// pushed to, if there is one.
    #[must_use]
    pub fn of(kubernetes: Kubernetes, registry: Option<&str>) -> Self {
        let image = |short| registry::name_in(registry, &pins().image(short, kubernetes));
        Self {
            vcluster: image("vcluster"),
            kubernetes: image("vcluster-kubernetes"),
            etcd: image("etcd"),
            coredns: image("coredns"),
        }
    }
}

/// Returns the chart in its repository.
#[must_use]
pub fn chart() -> Chart {
    Chart::InRepository {
        repository: REPOSITORY.to_owned(),
        name: PROGRAM.to_owned(),
        version: pins().given.version.clone(),
    }
}
