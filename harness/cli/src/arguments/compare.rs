//! The options of `compare`.

use std::path::PathBuf;

use clap::Args;
use harness::plan::{Keep, TenantChoice, VirtualCluster};

use super::{Basis, ReportDir, Wanted};

#[derive(Debug, Args)]
pub(crate) struct Compare {
    /// Provider of the virtual clusters on the left
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    pub(crate) left: VirtualCluster,
    /// Provider of the virtual clusters on the right
    #[arg(long, value_enum, default_value_t = VirtualCluster::Vcluster)]
    pub(crate) right: VirtualCluster,
    #[command(flatten)]
    pub(crate) both: Both,
    /// Folder of the reports: one for each side, compare.txt and compare.json; target/NAME if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) report_dir: Option<PathBuf>,
}

/// Options of both environments of a comparison.
#[derive(Clone, Debug, Args)]
pub(crate) struct Both {
    /// Number of tenants, which are named tenant-1 and so on, or their names, such as blue,green
    #[arg(long, default_value_t = TenantChoice::Count(2), value_name = "N|NAMES")]
    tenants: TenantChoice,
    #[command(flatten)]
    basis: Basis,
    /// Number that unique names are derived from; a different one in each run if not given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
}

impl Both {
    /// Describes the environment of one side. The options that are only for vcluster are left out for another provider.
    pub(crate) fn wanted(&self, virtual_cluster: VirtualCluster, report_dir: PathBuf) -> Wanted {
        let Self {
            tenants,
            mut basis,
            seed,
        } = self.clone();
        if virtual_cluster != VirtualCluster::Vcluster {
            basis.vcluster_chart = None;
            basis.binaries.vcluster_binary = None;
        }
        Wanted {
            tenants,
            virtual_cluster,
            basis,
            keep: Keep::Never,
            seed,
            report: ReportDir {
                report_dir: Some(report_dir),
            },
        }
    }
}
