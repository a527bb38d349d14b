//! The commands and options of the command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use harness::conformance::selection::Shard;
use harness::exit;
use harness::plan::{self, Dapr, Images, Keep, SubstrateChoice, TenantChoice, Until, VirtualCluster};
use harness::report::terminal::Verbosity;
use harness::substrate::forwarder;
use harness::vcluster;
use jiff::SignedDuration;
use provision::binaries::{Options, Verify};
use provision::pins::Kubernetes;
use sandbox::docker::{names, runtime};
use sandbox::{enter, supervisor};

/// The program of the syncer.
const SYNCER: &str = "syncer";

/// Bring up many tenants that share one Dapr, check them end to end, and remove them again
///
/// A tenant is a virtual Kubernetes cluster. All tenants run on one host cluster and share its Dapr and its Redis. In
/// this workspace, `cargo harness` runs this program, and `cargo e2e` runs its command `e2e`.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = exit::HELP, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) common: Common,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// Name of the environment, `default` if not given; several environments can exist side by side
    #[arg(long, global = true, help_heading = "Common options")]
    pub(super) name: Option<String>,
    /// Format of the results on standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, help_heading = "Common options")]
    pub(super) format: Format,
    /// Print failures only
    #[arg(
        short,
        long,
        global = true,
        help_heading = "Common options",
        conflicts_with = "verbose"
    )]
    quiet: bool,
    /// Print all events, and the log of each stage
    #[arg(short, long, global = true, help_heading = "Common options")]
    verbose: bool,
}

impl Common {
    pub(super) fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

/// Formats of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// Text for people
    Text,
    /// JSON for programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Check what this machine needs, and print a remedy for each thing that is missing
    Doctor(Wanted),
    /// Print what `up` would create; changes nothing
    Plan(Wanted),
    /// Bring an environment up and leave it running
    ///
    /// A second `up` continues where the first one stopped. If `up` fails or is interrupted, everything that it has
    /// created is removed, unless --keep says otherwise.
    Up(Up),
    /// Run scenarios against an environment that is up
    Test(Test),
    /// Bring an environment up, run the scenarios, write the reports, and remove the environment
    E2e(E2e),
    /// Fetch and build all binaries and images into the cache, and bring nothing up
    ///
    /// This is the longest part of a first `up`: about 20 minutes on two cores with nothing cached.
    #[command(alias = "components")]
    Binaries(Prepare),
    /// List the environments
    Status,
    /// Print logs, even while the environment is coming up
    Logs(Logs),
    /// Print a kubeconfig that works on this machine, for kubectl, k9s or helm
    Kubeconfig(Kubeconfig),
    /// Remove an environment, or what a crash has left of it
    Down,
    /// Run a command with its own Docker daemon, which ends with the command
    ///
    /// This is for machines without Docker, and needs root. The command gets the variable `DOCKER_HOST`, a `docker` in
    /// its PATH, and the daemon's network: it reaches the ports that containers publish at 127.0.0.1, and no other
    /// machine. When the command ends, the images, the containers and the processes that it has left running are
    /// removed. The exit code is the command's. The name of the daemon is `docker` if --name is not given.
    Docker(Docker),
    /// Measure latency, memory or the time to bring an environment up
    Bench(Bench),
    /// Bring up one environment for each of two kinds of virtual cluster, and compare them
    ///
    /// The environments run one after the other, with the same options and the same input. The comparison has the
    /// verdicts of the scenarios, the time that a Component takes to the host, the memory, and the objects on the host.
    /// It gives the reason of each intended difference. A failed scenario or a difference without a known reason gives
    /// exit code 1. The environments are called NAME-left and NAME-right; NAME is `compare` if --name is not given.
    Compare(Compare),
    /// Run Kubernetes' conformance tests against a tenant's cluster or the host cluster
    ///
    /// The tenant has to show all nodes: harness/manifests/tenants/conformance-values.yaml has the values for this. The
    /// tests are upstream's, unchanged, of the environment's Kubernetes version. harness/conformance/known.toml lists
    /// the tests that are known to fail, each with its reason. If one of them passes, the run fails. A report folder
    /// keeps the verdicts of several runs, so the tests can be run in parts, and against tenant and host in turn:
    /// conformance.md shows the clusters side by side. Exit code 1 means that a test failed that is not known to fail.
    Conformance(Conformance),
    /// Write the reports of a run again, from its events
    Report {
        /// Report folder of the run
        folder: PathBuf,
    },
    /// Print the completion script of a shell
    Completions {
        /// Name of the shell
        shell: clap_complete::Shell,
    },
    /// Forward connections into a cluster through its API server
    #[command(name = forwarder::COMMAND, hide = true)]
    ApiForwarder {
        /// Folder of the forwarder
        folder: PathBuf,
        /// Kubeconfig of the cluster
        kubeconfig: PathBuf,
    },
    /// Supervise a sandbox from outside its namespaces
    #[command(name = supervisor::COMMAND, hide = true)]
    SandboxSupervisor {
        /// Folder of the run
        folder: PathBuf,
    },
    /// Run a command in the network of a sandbox
    #[command(name = enter::COMMAND, hide = true)]
    SandboxEnter(Enter),
    /// Serve DNS for a Docker daemon
    #[command(name = names::COMMAND, hide = true)]
    DockerNames {
        /// IP address to listen on
        address: IpAddr,
    },
    /// Run containers for a Docker daemon that lacks a capability
    #[command(name = runtime::COMMAND, hide = true)]
    DockerRuntime {
        /// Path of runc
        runc: PathBuf,
        /// Arguments of runc
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Run as process 1 of a sandbox
    #[command(name = supervisor::INIT_COMMAND, hide = true)]
    SandboxInit {
        /// Folder of the run
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct Up {
    /// Last stage to run
    #[arg(long, value_enum, default_value_t = Until::default(), value_name = "STAGE")]
    pub(super) until: Until,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

/// Options of an environment.
#[derive(Clone, Debug, Args)]
pub(super) struct Wanted {
    /// Number of tenants, which are named tenant-1 and so on, or their names, such as blue,green
    #[arg(long, default_value_t = TenantChoice::default(), value_name = "N|NAMES")]
    pub(super) tenants: TenantChoice,
    /// Provider of the virtual clusters
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    pub(super) virtual_cluster: VirtualCluster,
    #[command(flatten)]
    pub(super) basis: Basis,
    /// Condition for keeping the environment, at the end of `e2e` or when `up` fails
    #[arg(long, value_enum, default_value_t = Keep::Never)]
    pub(super) keep: Keep,
    /// Number that unique names are derived from; a different one in each run if not given
    #[arg(long)]
    pub(super) seed: Option<u64>,
    #[command(flatten)]
    pub(super) report: ReportDir,
}

/// Options for the host cluster, the images and the values of an environment.
#[derive(Clone, Debug, Args)]
pub(super) struct Basis {
    /// Values file of the tenants, in the dialect of vcluster 0.15, 0.20 or 0.28; if not given, the tutorial's
    /// (`conformance`: one for the tests)
    #[arg(long, value_name = "FILE")]
    pub(super) values: Option<PathBuf>,
    /// Provider of the host cluster
    #[arg(long, value_enum, default_value_t = SubstrateChoice::Auto)]
    pub(super) substrate: SubstrateChoice,
    #[command(flatten)]
    pub(super) existing: Existing,
    /// Folder of the chart of vcluster 0.25.2; fetched from the chart's repository if not given
    #[arg(long, value_name = "DIR")]
    pub(super) vcluster_chart: Option<PathBuf>,
    /// Source of the images
    #[arg(long, value_enum, default_value_t = Images::Auto)]
    pub(super) images: Images,
    /// Allow more tenants than are estimated to fit this machine
    #[arg(long)]
    pub(super) overcommit: bool,
    #[command(flatten)]
    pub(super) binaries: Binaries,
}

/// Options of an existing cluster.
#[derive(Clone, Debug, Args)]
pub(super) struct Existing {
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
    pub(super) fn settings(&self) -> plan::Existing {
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
pub(super) struct Prepare {
    /// Provider of the host cluster
    #[arg(long, value_enum, default_value_t = SubstrateChoice::Auto)]
    pub(super) substrate: SubstrateChoice,
    /// Source of the images
    #[arg(long, value_enum, default_value_t = Images::Auto)]
    pub(super) images: Images,
    /// With --substrate existing: registry and path that images will be pushed to, such as registry.example.com/team
    #[arg(long, value_name = "PREFIX")]
    pub(super) registry: Option<String>,
    #[command(flatten)]
    pub(super) binaries: Binaries,
}

/// Options for the versions and the sources of binaries.
#[derive(Clone, Debug, Args)]
pub(super) struct Binaries {
    /// Kubernetes version of the host and of the virtual clusters
    #[arg(long, value_enum, default_value_t = Kubernetes::default(), value_name = "VERSION")]
    pub(super) kubernetes: Kubernetes,
    /// Existing program to use instead of building it, such as kube-apiserver=/usr/local/bin/kube-apiserver; can be
    /// repeated
    #[arg(long, alias = "component", value_name = "NAME=FILE", value_parser = Options::parse_override)]
    binary: Vec<(String, PathBuf)>,
    /// Statically linked program of vcluster 0.25.2, to assemble its image from
    #[arg(long, value_name = "FILE")]
    vcluster_binary: Option<PathBuf>,
    /// Statically linked program of another syncer, to use instead of this workspace's
    #[arg(long, value_name = "FILE")]
    syncer_binary: Option<PathBuf>,
    /// Compare each cached program with its checksum; takes a few seconds
    #[arg(long)]
    verify_cache: bool,
}

impl Binaries {
    pub(super) fn options(&self) -> Options {
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

/// Options for the reports.
#[derive(Clone, Debug, Args)]
pub(super) struct ReportDir {
    /// Report folder, with a folder for each run and links to the latest; target/e2e if not given, or target/e2e-NAME
    /// for an environment that is not called `default`
    #[arg(long, value_name = "DIR")]
    pub(super) report_dir: Option<PathBuf>,
}

/// Options for the scenarios.
#[derive(Clone, Debug, Args)]
pub(super) struct Scenarios {
    /// Scenarios to run: a part of their path, an id such as IS-01, or a family of ids such as IS; all if not given
    pub(super) filter: Option<String>,
    /// Number of scenarios that run at the same time; twice the number of cores if not given
    #[arg(long, short, value_name = "N")]
    pub(super) jobs: Option<usize>,
}

#[derive(Debug, Args)]
pub(super) struct Test {
    #[command(flatten)]
    pub(super) scenarios: Scenarios,
    /// List the scenarios and run none
    #[arg(long, action = ArgAction::SetTrue)]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) report: ReportDir,
}

#[derive(Debug, Args)]
pub(super) struct E2e {
    #[command(flatten)]
    pub(super) scenarios: Scenarios,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

#[derive(Debug, Args)]
pub(super) struct Docker {
    /// Command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Enter {
    /// Folder of the run
    pub(super) folder: PathBuf,
    /// Command and its arguments
    #[arg(last = true, required = true)]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Log to print: of a tenant's control plane (tenant-1), a part of it (tenant-1/syncer), an app
    /// (tenant-1/write-app), its sidecar (tenant-1/write-app/daprd), or a program of the host cluster (kubelet,
    /// dapr-operator); the names of all logs are printed if not given
    pub(super) what: Option<String>,
    /// Number of lines to print from the end of the log; 200 if neither this nor --since is given
    #[arg(long, short = 'n', value_name = "LINES")]
    pub(super) tail: Option<u32>,
    /// Print lines that are not older than this, such as 30s, 5m or 1h; at least a second; for containers only
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub(super) since: Option<SignedDuration>,
    /// Print new lines as they are written, until interrupted
    #[arg(long, short)]
    pub(super) follow: bool,
    /// Print the log of the container before its last restart
    #[arg(long, conflicts_with = "follow")]
    pub(super) previous: bool,
}

/// Parses a duration of a second or more.
fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if duration.as_secs() >= 1 => Ok(duration),
        _ => Err("expected a second or more, such as 30s, 5m or 1h".to_owned()),
    }
}

#[derive(Debug, Args)]
pub(super) struct Kubeconfig {
    /// Name of the tenant; the kubeconfig is the host cluster's if not given
    pub(super) tenant: Option<String>,
    /// Print the path of the kubeconfig instead of its content
    #[arg(long)]
    pub(super) path: bool,
}

#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    subcommand_value_name = "NAME",
    subcommand_help_heading = "Benchmarks"
)]
pub(super) struct Bench {
    #[command(subcommand)]
    pub(super) benchmark: Benchmark,
}

/// The benchmarks.
#[derive(Debug, Subcommand)]
pub(super) enum Benchmark {
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
pub(super) struct Conformance {
    /// Cluster to test, a tenant's name or `host`; the first tenant if not given; can be repeated
    #[arg(long = "in", value_name = "CLUSTER")]
    pub(super) cluster: Vec<String>,
    /// Run only tests whose names match this regular expression
    #[arg(long, value_name = "RE")]
    pub(super) focus: Option<String>,
    /// Skip tests whose names match this regular expression
    #[arg(long, value_name = "RE")]
    pub(super) skip: Option<String>,
    /// Also run [Serial] tests, one at a time, after the others
    #[arg(long)]
    pub(super) serial: bool,
    /// Also run the tests that are known to fail and take minutes to do so
    #[arg(long)]
    pub(super) known: bool,
    /// Part of the selected tests to run, such as 2/8 for the second of eight
    #[arg(long, value_name = "K/N")]
    pub(super) shard: Option<Shard>,
    /// Number of tests that run at the same time; twice the number of cores if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) procs: Option<u16>,
    /// List the selected tests and run none; fetches and builds the programs that the tests need
    #[arg(long)]
    pub(super) list: bool,
    /// Folder of the reports; target/conformance if not given, or target/conformance-NAME for an environment that is
    /// not called `default`
    #[arg(long, value_name = "DIR")]
    pub(super) report_dir: Option<PathBuf>,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, a temporary one with one tenant and the tests' values is used"
    )]
    pub(super) basis: Basis,
}

impl Conformance {
    /// Describes the temporary environment of a run.
    pub(super) fn wanted(&self) -> Wanted {
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

#[derive(Debug, Args)]
pub(super) struct BenchSync {
    /// Tenant to measure; the first one if not given
    #[arg(long)]
    pub(super) tenant: Option<String>,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, a temporary one is used"
    )]
    pub(super) own: Own,
}

#[derive(Debug, Args)]
pub(super) struct BenchMemory {
    /// Number of Components that the first tenant has meanwhile, in a namespace that is removed afterwards
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) components: usize,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, a temporary one is used"
    )]
    pub(super) own: Own,
}

#[derive(Debug, Args)]
pub(super) struct BenchUp {
    /// Number of runs
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) runs: u16,
    #[command(flatten)]
    pub(super) own: Own,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Provider of the virtual clusters on the left
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    pub(super) left: VirtualCluster,
    /// Provider of the virtual clusters on the right
    #[arg(long, value_enum, default_value_t = VirtualCluster::Vcluster)]
    pub(super) right: VirtualCluster,
    #[command(flatten)]
    pub(super) both: Both,
    /// Folder of the reports: one for each side, compare.txt and compare.json; target/NAME if not given
    #[arg(long, value_name = "DIR")]
    pub(super) report_dir: Option<PathBuf>,
}

/// Options of both environments of a comparison.
#[derive(Clone, Debug, Args)]
pub(super) struct Both {
    /// Number of tenants, which are named tenant-1 and so on, or their names, such as blue,green
    #[arg(long, default_value_t = TenantChoice::Count(2), value_name = "N|NAMES")]
    tenants: TenantChoice,
    #[command(flatten)]
    basis: Basis,
    /// Number that unique names are derived from; a different one in each run if not given
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

impl Both {
    /// Describes the environment of one side. The options that are only for vcluster are left out for another provider.
    pub(super) fn wanted(&self, virtual_cluster: VirtualCluster, report_dir: PathBuf) -> Wanted {
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

/// Options of the temporary environment of a benchmark. It writes no reports and is never kept.
#[derive(Clone, Debug, Args)]
pub(super) struct Own {
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
    pub(super) fn wanted(&self) -> Wanted {
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
