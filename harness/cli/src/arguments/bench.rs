//! The options of `bench`.

use clap::{Args, Subcommand};
use harness::plan::{Keep, TenantChoice, VirtualCluster};

use super::{Basis, ReportDir, Wanted};

#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    subcommand_value_name = "NAME",
    subcommand_help_heading = "Benchmarks"
)]
pub(crate) struct Bench {
    #[command(subcommand)]
    pub(crate) benchmark: Benchmark,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub(crate) enum Benchmark {
    /// Measure how long a Component takes from a tenant to the host
    ///
    /// The benchmark creates 100 Components at 20 a second, then 1,000 by 8 clients, and changes and deletes as many in
    /// the same way. It uses its own namespace, and removes it. Each time is from sending the request to the guest's
    /// API until a watch on the host has reported the object. So it includes both API servers and the connections to
    /// them; for comparison, the benchmark also measures a request that does nothing.
    Sync(BenchSync),
    /// Measure the memory of the host cluster and of each tenant
    ///
    /// The figures are the kernel's, of each process. A tenant's sum is the PSS of everything that its virtual cluster
    /// adds to the host: the control plane with the syncer, the DNS, and containerd's processes for their pods. Apps
    /// and their sidecars have a separate sum.
    Memory(BenchMemory),
    /// Measure how long each stage of bringing an environment up takes
    ///
    /// The benchmark brings an environment up and removes it, as often as --runs says. It builds programs and images
    /// before the first run. The environment is called `bench` if --name is not given.
    Up(BenchUp),
}

#[derive(Debug, Args)]
pub(crate) struct BenchSync {
    /// Tenant to measure; the first one if not given
    #[arg(long)]
    pub(crate) tenant: Option<String>,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, a temporary one is used"
    )]
    pub(crate) own: Own,
}

#[derive(Debug, Args)]
pub(crate) struct BenchMemory {
    /// Number of Components that the first tenant has meanwhile, in a namespace that is removed afterwards
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(crate) components: usize,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, a temporary one is used"
    )]
    pub(crate) own: Own,
}

#[derive(Debug, Args)]
pub(crate) struct BenchUp {
    /// Number of runs
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) runs: u16,
    #[command(flatten)]
    pub(crate) own: Own,
}

/// Options of the temporary environment of a benchmark. It writes no reports and is never kept.
#[derive(Clone, Debug, Args)]
pub(crate) struct Own {
    /// Number of tenants, which are named tenant-1 and so on, or their names, such as blue,green
    #[arg(long, default_value_t = TenantChoice::default(), value_name = "N|NAMES")]
    tenants: TenantChoice,
    /// Provider of the virtual clusters
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    virtual_cluster: VirtualCluster,
    #[command(flatten)]
    basis: Basis,
}

impl Own {
    pub(crate) fn wanted(&self) -> Wanted {
        let Self {
            tenants,
            virtual_cluster,
            basis,
        } = self.clone();
        Wanted {
            tenants,
            virtual_cluster,
            basis,
            keep: Keep::Never,
            seed: None,
            report: ReportDir { report_dir: None },
        }
    }
}
