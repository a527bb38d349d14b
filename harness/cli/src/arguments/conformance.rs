//! The options of `conformance`.

use std::path::PathBuf;

use clap::Args;
use harness::conformance::selection::Shard;
use harness::plan::{Keep, TenantChoice, VirtualCluster};

use super::{Basis, ReportDir, Wanted};

#[derive(Debug, Args)]
pub(crate) struct Conformance {
    /// Cluster to test, a tenant's name or `host`; the first tenant if not given; can be repeated
    #[arg(long = "in", value_name = "CLUSTER")]
    pub(crate) cluster: Vec<String>,
    /// Run only tests whose names match this regular expression
    #[arg(long, value_name = "RE")]
    pub(crate) focus: Option<String>,
    /// Skip tests whose names match this regular expression
    #[arg(long, value_name = "RE")]
    pub(crate) skip: Option<String>,
    /// Also run [Serial] tests, one at a time, after the others
    #[arg(long)]
    pub(crate) serial: bool,
    /// Also run the tests that are known to fail and take minutes to do so
    #[arg(long)]
    pub(crate) known: bool,
    /// Part of the selected tests to run, such as 2/8 for the second of eight
    #[arg(long, value_name = "K/N")]
    pub(crate) shard: Option<Shard>,
    /// Number of tests that run at the same time; twice the number of cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) procs: Option<u16>,
    /// List the selected tests and run none; fetches and builds the programs that the tests need
    #[arg(long)]
    pub(crate) list: bool,
    /// Folder of the reports; target/conformance if not given, or target/conformance-NAME for an environment that is
    /// not called `default`
    #[arg(long, value_name = "DIR")]
    pub(crate) report_dir: Option<PathBuf>,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, a temporary one with one tenant and the tests' values is used"
    )]
    pub(crate) basis: Basis,
}

impl Conformance {
    /// Describes the temporary environment of a run.
    pub(crate) fn wanted(&self) -> Wanted {
        Wanted {
            tenants: TenantChoice::Count(1),
            virtual_cluster: VirtualCluster::Embedded,
            basis: self.basis.clone(),
            keep: Keep::Never,
            seed: None,
            report: ReportDir { report_dir: None },
        }
    }
}
