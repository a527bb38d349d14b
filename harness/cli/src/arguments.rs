//! The commands and options of the command line.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use harness::exit;
use harness::plan::Until;
use harness::report::terminal::Verbosity;
use harness::substrate::forwarder;
use jiff::SignedDuration;
use sandbox::docker::{names, runtime};
use sandbox::{enter, supervisor};

pub(super) use self::bench::{Bench, BenchMemory, BenchSync, BenchUp, Benchmark, Own};
pub(super) use self::compare::Compare;
pub(super) use self::conformance::Conformance;
pub(super) use self::environment::{Basis, Prepare, Wanted};

/// Options that choose an environment.
mod environment;

/// The options of `conformance`.
mod conformance;

/// The options of `bench`.
mod bench;

/// The options of `compare`.
mod compare;

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
