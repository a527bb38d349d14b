//! What can be asked for.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::exit;
use crate::components::{Options, Verify};
use crate::conformance::selection::Shard;
use crate::docker::{names, runtime};
use crate::pins::Kubernetes;
use crate::plan::{self, Dapr, Images, Keep, SubstrateChoice, TenantChoice, Until, VirtualCluster};
use crate::report::terminal::Verbosity;
use crate::sandbox::{enter, supervisor};
use crate::substrate::forwarder;
use crate::tenants::vcluster;

/// The program of the syncer.
const SYNCER: &str = "syncer";

/// Brings up many tenants that share one Dapr, checks them end to end, and removes them again
///
/// A tenant is a virtual Kubernetes cluster. All of them run on one host cluster and share its Dapr and its Redis. In
/// this workspace, `cargo harness` is this program and `cargo e2e` is its command `e2e`.
#[derive(Debug, Parser)]
#[command(name = "harness", version, after_help = exit::HELP, max_term_width = 100, disable_help_subcommand = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
    #[command(flatten)]
    pub(super) common: Common,
}

/// What every command takes.
#[derive(Clone, Debug, Args)]
pub(super) struct Common {
    /// The environment's name, `default` unless given; several live side by side
    #[arg(long, global = true, help_heading = "Common options")]
    pub(super) name: Option<String>,
    /// How results are printed, on standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, help_heading = "Common options")]
    pub(super) format: Format,
    /// Say only what failed
    #[arg(
        short,
        long,
        global = true,
        help_heading = "Common options",
        conflicts_with = "verbose"
    )]
    quiet: bool,
    /// Say everything, and log what the stages do
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

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Say what this machine lacks, each with its remedy
    Doctor(Wanted),
    /// Say what `up` would make; touches nothing
    Plan(Wanted),
    /// Bring an environment up and leave it
    ///
    /// Run again, it goes on where it stopped. If it fails or is interrupted, what it made is removed, unless --keep says
    /// otherwise.
    Up(Up),
    /// Run scenarios against an environment that is up
    Test(Test),
    /// Bring an environment up, run the scenarios, report, and remove it
    E2e(E2e),
    /// Have all components and images in the cache, and bring nothing up
    ///
    /// The long part of a first `up`: on two cores and with nothing cached, some 20 minutes.
    Components(Prepare),
    /// Say which environments there are
    Status,
    /// Print logs, also of an environment that is coming up
    Logs(Logs),
    /// Print a kubeconfig that works from here, for kubectl, k9s or helm
    Kubeconfig(Kubeconfig),
    /// Remove an environment, also what a crash left of it
    Down,
    /// Run a command with a Docker daemon of its own, which ends with it
    ///
    /// For machines where the user is root and there is no Docker. The command has `DOCKER_HOST`, a `docker` on its PATH,
    /// and the daemon's network: ports that containers publish are on its 127.0.0.1, and other machines are out of its
    /// reach. Images and containers are gone afterwards, as is what the command left running. The exit code is the
    /// command's. The daemon is called `docker` unless --name says otherwise.
    Docker(Docker),
    /// Measure
    Bench(Bench),
    /// Bring up an environment of each of two kinds of virtual cluster, and compare them
    ///
    /// One after the other, with the same options and the same input: verdicts of the scenarios, what a Component takes
    /// to the host, memory, and the objects that the host has. What is meant to differ is explained; a scenario that
    /// failed or a difference that nobody can explain gives exit code 1. They are called NAME-left and NAME-right, after
    /// `compare` unless --name says otherwise.
    Compare(Compare),
    /// Run Kubernetes' conformance tests against a tenant's cluster, or against the host cluster
    ///
    /// The tenant has to show all nodes: harness/manifests/tenants/conformance-values.yaml has the values for that. The tests are upstream's, of the environment's Kubernetes and not changed. Tests that are known to
    /// fail are in harness/conformance/known.toml, each with its reason; one that passes all the same fails the run. A
    /// report folder keeps the verdicts of several runs, so that parts of the tests, and tenant and host, come to a whole:
    /// conformance.md shows the clusters side by side. Exit code 1 says that a test failed that is not known to.
    Conformance(Conformance),
    /// Render the reports again from a run's events
    Report {
        /// The report folder
        folder: PathBuf,
    },
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Is what leads into a cluster by way of its API server
    #[command(name = forwarder::COMMAND, hide = true)]
    ApiForwarder {
        /// Its folder
        folder: PathBuf,
        /// The cluster's kubeconfig
        kubeconfig: PathBuf,
    },
    /// Is the half of a sandbox that stays outside of its namespaces
    #[command(name = supervisor::COMMAND, hide = true)]
    SandboxSupervisor {
        /// The run's folder
        folder: PathBuf,
    },
    /// Is a command in a sandbox's network
    #[command(name = enter::COMMAND, hide = true)]
    SandboxEnter(Enter),
    /// Is the name server of a Docker daemon
    #[command(name = names::COMMAND, hide = true)]
    DockerNames {
        /// Where it listens
        address: IpAddr,
    },
    /// Is the runtime of a Docker daemon that may not do everything
    #[command(name = runtime::COMMAND, hide = true)]
    DockerRuntime {
        /// The runtime that may
        runc: PathBuf,
        /// Its arguments
        #[arg(last = true)]
        arguments: Vec<OsString>,
    },
    /// Is process 1 of a sandbox
    #[command(name = supervisor::INIT_COMMAND, hide = true)]
    SandboxInit {
        /// The run's folder
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(super) struct Up {
    /// The last stage that is done
    #[arg(long, value_enum, default_value_t = Until::default(), value_name = "STAGE")]
    pub(super) until: Until,
    #[command(flatten)]
    pub(super) wanted: Wanted,
}

/// What an environment is to be.
#[derive(Clone, Debug, Args)]
pub(super) struct Wanted {
    /// How many tenants, named tenant-1 and so on, or their names: blue,green
    #[arg(long, default_value_t = TenantChoice::default(), value_name = "N|NAMES")]
    pub(super) tenants: TenantChoice,
    /// What makes the virtual clusters
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    pub(super) virtual_cluster: VirtualCluster,
    #[command(flatten)]
    pub(super) basis: Basis,
    /// What remains in the end: of `e2e` in any case, of `up` if it fails
    #[arg(long, value_enum, default_value_t = Keep::Never)]
    pub(super) keep: Keep,
    /// What unique names are derived from; another one in each run unless given
    #[arg(long)]
    pub(super) seed: Option<u64>,
    #[command(flatten)]
    pub(super) report: ReportDir,
}

/// What any environment is made on and from, whatever it is for.
#[derive(Clone, Debug, Args)]
pub(super) struct Basis {
    /// The tenants' values, in the dialect of vcluster 0.15; those of the tutorial unless given
    #[arg(long, value_name = "FILE")]
    pub(super) values: Option<PathBuf>,
    /// Who provides the host cluster
    #[arg(long, value_enum, default_value_t = SubstrateChoice::Auto)]
    pub(super) substrate: SubstrateChoice,
    #[command(flatten)]
    pub(super) existing: Existing,
    /// The chart of vcluster 0.25.2; from its repository unless given
    #[arg(long, value_name = "DIR")]
    pub(super) vcluster_chart: Option<PathBuf>,
    /// Where images come from
    #[arg(long, value_enum, default_value_t = Images::Auto)]
    pub(super) images: Images,
    /// Take more tenants than are estimated to fit
    #[arg(long)]
    pub(super) overcommit: bool,
    #[command(flatten)]
    pub(super) components: Components,
}

/// What there is to say of a cluster that is there already.
#[derive(Clone, Debug, Args)]
pub(super) struct Existing {
    /// With --substrate existing: its kubeconfig; that of kubectl unless given
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// With --substrate existing: the context in it; its current one unless given
    #[arg(long, value_name = "CONTEXT")]
    context: Option<String>,
    /// With --substrate existing: where images are pushed to and pulled from, such as registry.example.com/team
    #[arg(long, value_name = "PREFIX")]
    registry: Option<String>,
    /// With --substrate existing: whose Dapr is used
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

/// What a first `up` would have to make.
#[derive(Clone, Debug, Args)]
pub(super) struct Prepare {
    /// Who is to provide the host cluster
    #[arg(long, value_enum, default_value_t = SubstrateChoice::Auto)]
    pub(super) substrate: SubstrateChoice,
    /// Where images come from
    #[arg(long, value_enum, default_value_t = Images::Auto)]
    pub(super) images: Images,
    /// With --substrate existing: where images are to be pushed to
    #[arg(long, value_name = "PREFIX")]
    pub(super) registry: Option<String>,
    #[command(flatten)]
    pub(super) components: Components,
}

/// How components are had.
#[derive(Clone, Debug, Args)]
pub(super) struct Components {
    /// Which Kubernetes, on the host and in the virtual clusters
    #[arg(long, value_enum, default_value_t = Kubernetes::default(), value_name = "VERSION")]
    pub(super) kubernetes: Kubernetes,
    /// A program that is there already, to be used in place of one that would be built; may be repeated
    #[arg(long, value_name = "NAME=FILE", value_parser = Options::parse_override)]
    component: Vec<(String, PathBuf)>,
    /// A program of vcluster 0.25.2, statically linked, of which its image is assembled
    #[arg(long, value_name = "FILE")]
    vcluster_binary: Option<PathBuf>,
    /// A program of another syncer, statically linked, in place of this workspace's
    #[arg(long, value_name = "FILE")]
    syncer_binary: Option<PathBuf>,
    /// Compare every cached program with its checksum, which takes a few seconds
    #[arg(long)]
    verify_cache: bool,
}

impl Components {
    pub(super) fn options(&self) -> Options {
        let named = [
            (vcluster::PROGRAM, &self.vcluster_binary),
            (SYNCER, &self.syncer_binary),
        ];
        let named = named
            .into_iter()
            .filter_map(|(name, file)| Some((name.to_owned(), file.clone()?)));
        Options {
            overrides: self.component.iter().cloned().chain(named).collect(),
            verify: if self.verify_cache {
                Verify::Content
            } else {
                Verify::Cheaply
            },
            kubernetes: self.kubernetes,
        }
    }
}

/// Where the reports go.
#[derive(Clone, Debug, Args)]
pub(super) struct ReportDir {
    /// The report folder, with a folder for each run and links to the latest; target/e2e unless given, or target/e2e-NAME
    /// for an environment that is not the default
    #[arg(long, value_name = "DIR")]
    pub(super) report_dir: Option<PathBuf>,
}

/// Which scenarios run, and how.
#[derive(Clone, Debug, Args)]
pub(super) struct Scenarios {
    /// A part of the scenario's path, an id such as IS-01, or a family of ids such as IS; all of them unless given
    pub(super) filter: Option<String>,
    /// How many run at a time; twice as many as there are cores unless given
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
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Enter {
    /// The run's folder
    pub(super) folder: PathBuf,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    pub(super) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(super) struct Logs {
    /// Whose: a tenant's control plane (tenant-1), a part of it (tenant-1/syncer), an app (tenant-1/write-app), its
    /// sidecar (tenant-1/write-app/daprd), or something of the host cluster (kubelet, dapr-operator); lists them unless
    /// given
    pub(super) what: Option<String>,
    /// Print so many lines from the end; 200 unless this or --since is given
    #[arg(long, short = 'n', value_name = "LINES")]
    pub(super) tail: Option<u32>,
    /// Print lines that are not older than this, such as 30s, 5m or 1h; for containers only
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
    /// Whose; the host cluster's unless given
    pub(super) tenant: Option<String>,
    /// Print where it is, and not what it says
    #[arg(long)]
    pub(super) path: bool,
}

#[derive(Debug, Args)]
#[command(
    disable_help_subcommand = true,
    subcommand_value_name = "NAME",
    subcommand_help_heading = "What to measure"
)]
pub(super) struct Bench {
    #[command(subcommand)]
    pub(super) benchmark: Benchmark,
}

/// What can be measured.
#[derive(Debug, Subcommand)]
pub(super) enum Benchmark {
    /// How long a Component made in a tenant takes to be on the host
    ///
    /// In a namespace of its own, which it removes: 100 Components at 20 a second, then 1,000 by 8 clients; and the same
    /// to change and to delete them. Times are from sending the request to the guest's API until a watch on the host has
    /// told of it, so they have in them what both API servers and the way to them take; a request that does nothing is
    /// measured beside them.
    Sync(BenchSync),
    /// What memory the host cluster and every tenant take
    ///
    /// From the kernel's account of every process. A tenant's sum is the PSS of all that its virtual cluster adds to the
    /// host: its control plane with the syncer, its DNS, and what containerd keeps for their pods. Its apps and their
    /// sidecars are summed up apart.
    Memory(BenchMemory),
    /// How long the stages of bringing an environment up take
    ///
    /// Brings one up and removes it, a few times. Programs and images are made before the first time. It is called
    /// `bench` unless --name says otherwise.
    Up(BenchUp),
}

#[derive(Debug, Args)]
pub(super) struct Conformance {
    /// The cluster to test, a tenant's name or `host`; the first tenant unless given, may be repeated
    #[arg(long = "in", value_name = "CLUSTER")]
    pub(super) cluster: Vec<String>,
    /// Run only tests whose names match this regular expression
    #[arg(long, value_name = "RE")]
    pub(super) focus: Option<String>,
    /// Leave out tests whose names match this regular expression
    #[arg(long, value_name = "RE")]
    pub(super) skip: Option<String>,
    /// Run [Serial] tests too, one at a time after the others
    #[arg(long)]
    pub(super) serial: bool,
    /// Run tests too that wait for minutes before they fail as is known
    #[arg(long)]
    pub(super) known: bool,
    /// Run one part of the selected tests: 2/8 is the second of eight
    #[arg(long, value_name = "K/N")]
    pub(super) shard: Option<Shard>,
    /// The number of tests that run side by side; twice as many as there are cores unless given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) procs: Option<u16>,
    /// List the tests that are selected and run none
    #[arg(long)]
    pub(super) list: bool,
    /// The folder of the reports; target/conformance unless given, or target/conformance-NAME for an environment that is not
    /// the default
    #[arg(long, value_name = "DIR")]
    pub(super) report_dir: Option<PathBuf>,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, one with one tenant and values for the tests is brought up and removed again"
    )]
    pub(super) basis: Basis,
}

impl Conformance {
    /// Describes the environment of the run's own.
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
    /// The tenant to measure in; the first unless given
    #[arg(long)]
    pub(super) tenant: Option<String>,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, one is brought up and removed again"
    )]
    pub(super) own: Own,
}

#[derive(Debug, Args)]
pub(super) struct BenchMemory {
    /// While the first tenant has so many Components, in a namespace that is removed afterwards
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub(super) components: usize,
    #[command(
        flatten,
        next_help_heading = "If the environment is not up, one is brought up and removed again"
    )]
    pub(super) own: Own,
}

#[derive(Debug, Args)]
pub(super) struct BenchUp {
    /// How many times
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) runs: u16,
    #[command(flatten)]
    pub(super) own: Own,
}

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// What makes the virtual clusters on the left
    #[arg(long, value_enum, default_value_t = VirtualCluster::Embedded)]
    pub(super) left: VirtualCluster,
    /// What makes the virtual clusters on the right
    #[arg(long, value_enum, default_value_t = VirtualCluster::Vcluster)]
    pub(super) right: VirtualCluster,
    #[command(flatten)]
    pub(super) both: Both,
    /// Where the reports go, one of each side and compare.txt and compare.json; target/NAME unless given
    #[arg(long, value_name = "DIR")]
    pub(super) report_dir: Option<PathBuf>,
}

/// What both environments of a comparison are to be.
#[derive(Clone, Debug, Args)]
pub(super) struct Both {
    /// How many tenants, named tenant-1 and so on, or their names: blue,green
    #[arg(long, default_value_t = TenantChoice::Count(2), value_name = "N|NAMES")]
    tenants: TenantChoice,
    #[command(flatten)]
    basis: Basis,
    /// What unique names are derived from; another one in each run unless given
    #[arg(long)]
    pub(super) seed: Option<u64>,
}

impl Both {
    /// What the environment of one side is to be; what is for vcluster only is left out of that of another.
    pub(super) fn wanted(&self, virtual_cluster: VirtualCluster, report_dir: PathBuf) -> Wanted {
        let Self {
            tenants,
            mut basis,
            seed,
        } = self.clone();
        if virtual_cluster != VirtualCluster::Vcluster {
            basis.vcluster_chart = None;
            basis.components.vcluster_binary = None;
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

/// What an environment of a benchmark's own is to be. It writes no reports and is never kept.
#[derive(Clone, Debug, Args)]
pub(super) struct Own {
    /// How many tenants, named tenant-1 and so on, or their names: blue,green
    #[arg(long, default_value_t = TenantChoice::default(), value_name = "N|NAMES")]
    tenants: TenantChoice,
    /// What makes the virtual clusters
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
