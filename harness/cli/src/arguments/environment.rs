//! Options that choose an environment: its host cluster, tenants, images and binaries.

use std::path::PathBuf;

use clap::Args;
use harness::plan::{self, Dapr, Images, Keep, SubstrateChoice, TenantChoice, VirtualCluster};
use harness::vcluster;
use provision::binaries::{Options, Verify};
use provision::pins::Kubernetes;

use super::ReportDir;

/// The program of the syncer.
const SYNCER: &str = "syncer";

/// Options of an environment.
#[derive(Clone, Debug, Args)]
pub(crate) struct Wanted {
    /// Number of tenants, which are named tenant-1 and so on, or their names, such as blue,green
    #[arg(long, default_value_t = TenantChoice::default(), value_name = "N|NAMES")]
    pub(crate) tenants: TenantChoice,
    /// Provider of the virtual clusters
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    pub(crate) virtual_cluster: VirtualCluster,
    #[command(flatten)]
    pub(crate) basis: Basis,
    /// Condition for keeping the environment, at the end of `e2e` or when `up` fails
    #[arg(long, value_enum, default_value_t = Keep::Never)]
    pub(crate) keep: Keep,
    /// Number that unique names are derived from; a different one in each run if not given
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) report: ReportDir,
}

/// Options for the host cluster, the images and the values of an environment.
#[derive(Clone, Debug, Args)]
pub(crate) struct Basis {
    /// Values file of the tenants, in the dialect of vcluster 0.15, 0.20 or 0.28; if not given, the tutorial's
    /// (`conformance`: one for the tests)
    #[arg(long, value_name = "FILE")]
    pub(crate) values: Option<PathBuf>,
    /// Provider of the host cluster
    #[arg(long, value_enum, default_value_t = SubstrateChoice::Auto)]
    pub(crate) substrate: SubstrateChoice,
    #[command(flatten)]
    pub(crate) existing: Existing,
    /// Folder of the chart of vcluster 0.25.2; fetched from the chart's repository if not given
    #[arg(long, value_name = "DIR")]
    pub(crate) vcluster_chart: Option<PathBuf>,
    /// Source of the images
    #[arg(long, value_enum, default_value_t = Images::Auto)]
    pub(crate) images: Images,
    /// Allow more tenants than are estimated to fit this machine
    #[arg(long)]
    pub(crate) overcommit: bool,
    #[command(flatten)]
    pub(crate) binaries: Binaries,
}

/// Options of an existing cluster.
#[derive(Clone, Debug, Args)]
pub(crate) struct Existing {
    /// With --substrate existing: kubeconfig of the cluster; kubectl's if not given
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// With --substrate existing: context in the kubeconfig; the current context if not given
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// With --substrate existing: registry and path that images are pushed to and pulled from, such as
    /// registry.example.com/team
    #[arg(long, value_name = "PREFIX")]
    registry: Option<String>,
    /// With --substrate existing: source of the host cluster's Dapr
    #[arg(long, value_enum, default_value_t = Dapr::Install)]
    dapr: Dapr,
}

impl Existing {
    pub(crate) fn settings(&self) -> plan::Existing {
        let Self {
            kubeconfig,
            context,
            registry,
            dapr,
        } = self.clone();
        plan::Existing {
            kubeconfig,
            context,
            registry: registry.map(|prefix| prefix.trim_end_matches('/').to_owned()),
            dapr,
        }
    }
}

/// Options of `binaries`.
#[derive(Clone, Debug, Args)]
pub(crate) struct Prepare {
    /// Provider of the host cluster
    #[arg(long, value_enum, default_value_t = SubstrateChoice::Auto)]
    pub(crate) substrate: SubstrateChoice,
    /// Source of the images
    #[arg(long, value_enum, default_value_t = Images::Auto)]
    pub(crate) images: Images,
    /// With --substrate existing: registry and path that images will be pushed to, such as registry.example.com/team
    #[arg(long, value_name = "PREFIX")]
    pub(crate) registry: Option<String>,
    #[command(flatten)]
    pub(crate) binaries: Binaries,
}

/// Options for the versions and the sources of binaries.
#[derive(Clone, Debug, Args)]
pub(crate) struct Binaries {
    /// Kubernetes version of the host and of the virtual clusters
    #[arg(long, value_enum, default_value_t = Kubernetes::default(), value_name = "VERSION")]
    pub(crate) kubernetes: Kubernetes,
    /// Existing program to use instead of building it, such as kube-apiserver=/usr/local/bin/kube-apiserver; can be
    /// repeated
    #[arg(long, alias = "component", value_name = "NAME=FILE", value_parser = Options::parse_override)]
    binary: Vec<(String, PathBuf)>,
    /// Statically linked program of vcluster 0.25.2, to assemble its image from
    #[arg(long, value_name = "FILE")]
    pub(super) vcluster_binary: Option<PathBuf>,
    /// Statically linked program of another syncer, to use instead of this workspace's
    #[arg(long, value_name = "FILE")]
    syncer_binary: Option<PathBuf>,
    /// Compare each cached program with its checksum; takes a few seconds
    #[arg(long)]
    verify_cache: bool,
}

impl Binaries {
    pub(crate) fn options(&self) -> Options {
        let named = [
            (vcluster::PROGRAM, &self.vcluster_binary),
            (SYNCER, &self.syncer_binary),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, file)| Some((name.to_owned(), file.clone()?)));
        Options {
            overrides: self.binary.iter().cloned().chain(named).collect(),
            verify: if self.verify_cache {
                Verify::Content
            } else {
                Verify::Cheaply
            },
            kubernetes: self.kubernetes,
        }
    }
}
