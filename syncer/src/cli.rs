//! The command line.

use std::io::{self, Read as _, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand};
use kube::Client;
use tracing_subscriber::EnvFilter;
use vcluster_values::accept;
use vcluster_values::naming::{MappedNamespaces, Tenant};
use vcluster_values::{Dialect, Values};

use crate::error_chain::error_chain;
use crate::leader::Candidate;
use crate::notice::Notices;
use crate::pki::{self, Access, Names};
use crate::uninstall::{self, Replica};
use crate::{client, host, run};

/// The exit code for a values file that cannot be used.
const CONFIGURATION: u8 = 2;

/// Sync a virtual cluster with its host cluster
#[derive(Debug, Parser)]
#[command(name = "syncer", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the certificates and kubeconfigs that the control plane starts with
    Init(Init),
    /// Run the syncer
    Run(Run),
    /// Remove a virtual cluster's objects from the host, and wait until they are gone
    ///
    /// These are its host namespaces with everything in them, and its Services in other namespaces. Remove the virtual
    /// cluster itself first: a running syncer recreates the objects.
    Uninstall(Uninstall),
    /// Check and convert values files of all schema versions of vcluster
    #[command(subcommand)]
    Values(OnValues),
}

#[derive(Debug, Subcommand)]
enum OnValues {
    /// Check a values file; no output means that the file is valid
    Check {
        /// Schema version of the file; detected from its keys if not given
        #[arg(long, value_parser = dialect())]
        dialect: Option<Dialect>,
        /// Path of the file; `-` reads standard input
        file: PathBuf,
    },
    /// Convert a values file to another schema version, on standard output
    ///
    /// The result configures the same virtual cluster. A key that the other schema cannot express is an error. Keys without an
    /// effect that are dropped are listed on standard error. Comments are not kept.
    Convert {
        /// Schema version of the output
        #[arg(long, value_parser = dialect())]
        to: Dialect,
        /// Schema version of the file; detected from its keys if not given
        #[arg(long, value_parser = dialect())]
        dialect: Option<Dialect>,
        /// Path of the file; `-` reads standard input
        file: PathBuf,
    },
}

/// Returns a parser of the names of schema versions.
fn dialect() -> impl TypedValueParser<Value = Dialect> {
    let names =
        Dialect::ALL.map(|dialect| PossibleValue::new(dialect.name()).help(format!("vcluster {dialect}")));
    PossibleValuesParser::new(names)
        .try_map(|name| Dialect::of_name(&name).ok_or_else(|| format!("no schema version {name}")))
}

/// The virtual cluster and its host.
#[derive(Clone, Debug, Args)]
struct Subject {
    /// Name of the virtual cluster, which is its Helm release
    #[arg(long, env = "VCLUSTER_NAME")]
    name: String,
    /// Host namespace of the control plane
    #[arg(long, env = "VCLUSTER_NAMESPACE")]
    namespace: String,
    /// Kubeconfig of the host; if not given, the service account of the pod that this runs in
    #[arg(long)]
    host_kubeconfig: Option<PathBuf>,
    /// Filter of the log, such as `info` or `syncer=debug`
    #[arg(long, env = "SYNCER_LOG", default_value = "info")]
    log: EnvFilter,
}

impl Subject {
    fn tenant(&self) -> Tenant {
        Tenant::new(&self.name, &self.namespace)
    }

    async fn host(&self) -> Result<Client, client::Error> {
        client::connect("host", self.host_kubeconfig.as_deref()).await
    }
}

#[derive(Clone, Debug, Args)]
struct Common {
    #[command(flatten)]
    subject: Subject,
    /// Values file of the virtual cluster
    #[arg(long, default_value = "/config/values.yaml")]
    values: PathBuf,
    /// Folder of certificates and kubeconfigs
    #[arg(long, default_value = "/pki")]
    pki: PathBuf,
    /// IP address of the pod that this runs in
    #[arg(long, env = "POD_IP")]
    pod_ip: Option<IpAddr>,
    /// Name of the pod that this runs in. Its Events say why the virtual cluster is not ready. It is also the holder of
    /// the Lease by which one of several syncers leads
    #[arg(long, env = "POD_NAME", requires = "pod_uid")]
    pod_name: Option<String>,
    /// UID of the pod that this runs in
    #[arg(long, env = "POD_UID", requires = "pod_name")]
    pod_uid: Option<String>,
}

impl Common {
    fn candidate(&self) -> Option<Candidate> {
        let (name, uid) = self.pod_name.clone().zip(self.pod_uid.clone())?;
        Some(Candidate { name, uid })
    }
}

#[derive(Debug, Args)]
struct Init {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Run {
    #[command(flatten)]
    common: Common,
    /// Kubeconfig of the guest; if not given, the one that `syncer init` has written
    #[arg(long)]
    guest_kubeconfig: Option<PathBuf>,
    /// Address of the probes /healthz and /readyz, which answer "ok" or "not ready" and no more
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)))]
    status: SocketAddr,
    /// Address of /metrics, and of a /readyz that says what the syncer waits for. Anybody who can connect to it learns
    /// names of the tenant's objects
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 8081)))]
    metrics: SocketAddr,
    /// Address of the kubelet API that the guest's API server calls: a loopback address; port 0 is any free port
    #[arg(long, default_value_t = SocketAddr::from((Ipv4Addr::LOCALHOST, 10250)))]
    kubelet: SocketAddr,
    /// File with the host's DNS configuration
    #[arg(long, default_value = "/etc/resolv.conf")]
    resolv_conf: PathBuf,
}

#[derive(Debug, Args)]
struct Uninstall {
    #[command(flatten)]
    subject: Subject,

    /// Service in another namespace that the virtual cluster may have created; can be repeated
    ///
    /// A Service that it has not created stays.
    #[arg(long = "replica", value_name = "NAMESPACE/NAME")]
    replicas: Vec<Replica>,

    /// Host namespaces with a chosen name, as in the value `sync.toHost.namespaces.mappings.byName`
    #[arg(long, value_name = "GUEST=HOST,...", default_value = "")]
    namespaces: MappedNamespaces,
}

/// Failure of a command.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Values(#[from] vcluster_values::Error),
    #[error("read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("write the output")]
    Write(#[source] io::Error),
    #[error("start")]
    Start(#[source] io::Error),
    #[error(transparent)]
    Client(#[from] client::Error),
    #[error(transparent)]
    Host(#[from] host::Error),
    #[error(transparent)]
    Pki(#[from] pki::Error),
    #[error(transparent)]
    Run(#[from] run::Error),
    #[error(transparent)]
    Uninstall(#[from] uninstall::Error),
}

impl Error {
    fn code(&self) -> ExitCode {
        match self {
            Self::Values(_) | Self::Read { .. } => ExitCode::from(CONFIGURATION),
            Self::Write(_)
            | Self::Start(_)
            | Self::Client(_)
            | Self::Host(_)
            | Self::Pki(_)
            | Self::Run(_)
            | Self::Uninstall(_) => ExitCode::FAILURE,
        }
    }
}

/// Does what the command line says. 0 is a clean end, 2 a values file that cannot be used, 1 anything else.
#[must_use]
pub fn main() -> ExitCode {
    end_with_a_panic();
    let outcome = match Cli::parse().command {
        Command::Init(init) => {
            let Init { common } = init;
            block_on(common.subject.log.clone(), told(&common, initialize(&common)))
        }
        Command::Run(command) => {
            let common = command.common.clone();
            block_on(common.subject.log.clone(), told(&common, start(command)))
        }
        Command::Uninstall(command) => block_on(command.subject.log.clone(), uninstall(command)),
        Command::Values(OnValues::Check { dialect, file }) => check(&file, dialect),
        Command::Values(OnValues::Convert { to, dialect, file }) => convert(&file, dialect, to),
    };
    let Err(error) = outcome else {
        return ExitCode::SUCCESS;
    };
    // Whoever does not read it has the exit code.
    let _ = writeln!(io::stderr(), "failed to {}", error_chain(&error));
    error.code()
}

/// Has a panic end the process, to be started again: a worker that is gone would leave its part out of step for good.
fn end_with_a_panic() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

fn block_on(log: EnvFilter, command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_env_filter(log)
        .with_writer(io::stderr)
        .init();
    // Two threads are enough for one tenant, whatever the host has.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Error::Start)?;
    runtime.block_on(command)
}

/// Writes an Event about the pod if a command of the control plane failed.
async fn told(common: &Common, command: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    let outcome = command.await;
    if let (Err(error), Some(pod)) = (&outcome, common.candidate())
        && let Ok(host) = common.subject.host().await
    {
        Notices::new(host, common.subject.tenant(), pod)
            .ended(error)
            .await;
    }
    outcome
}

async fn initialize(common: &Common) -> Result<(), Error> {
    let (values, tenant) = read_values(&common.values, &common.subject)?;
    let host = common.subject.host().await?;
    let service = host::api_service(&host, &tenant).await?;
    let owner = host::owner(&host, &tenant).await?;
    let authority = pki::keep(&host, &tenant, Some(owner)).await?;
    let said = |said: &Option<String>| said.clone().filter(|said| !said.is_empty());
    let context = said(&values.access.context).unwrap_or_else(|| tenant.name().to_owned());
    let server = said(&values.access.server).unwrap_or_else(|| pki::OUTSIDE.to_owned());
    let names = Names {
        tenant,
        service: service.addresses,
        pod: common.pod_ip,
        outside: [values.access.extra_sans, service.balancer].concat(),
    };
    let access = Access {
        server: &server,
        context: &context,
    };
    pki::write(&authority, &names, access, &common.pki).await?;
    Ok(())
}

async fn start(command: Run) -> Result<(), Error> {
    let Run {
        common,
        guest_kubeconfig,
        status,
        metrics,
        kubelet,
        resolv_conf,
    } = command;
    let candidate = common.candidate();
    let Common {
        subject,
        values,
        pki,
        pod_ip,
        ..
    } = common;
    let (values, tenant) = read_values(&values, &subject)?;
    let settings = run::Settings {
        values,
        tenant,
        pki,
        host_kubeconfig: subject.host_kubeconfig,
        guest_kubeconfig,
        status,
        metrics,
        kubelet,
        pod: pod_ip,
        candidate,
        resolv_conf,
    };
    Ok(Box::pin(run::run(settings)).await?)
}

async fn uninstall(command: Uninstall) -> Result<(), Error> {
    let Uninstall {
        subject,
        replicas,
        namespaces,
    } = command;
    let tenant = subject.tenant().with_namespaces(&namespaces);
    Ok(uninstall::run(&subject.host().await?, &tenant, &replicas).await?)
}

/// The values of a virtual cluster, and what it and its namespaces are called by them.
fn read_values(path: &Path, subject: &Subject) -> Result<(Values, Tenant), Error> {
    let (text, origin) = read(path)?;
    Ok(accept::accept(&text, &origin, None, &subject.tenant())?)
}

fn check(path: &Path, dialect: Option<Dialect>) -> Result<(), Error> {
    let (text, origin) = read(path)?;
    accept::accept_of_any(&text, &origin, dialect)?;
    Ok(())
}

fn convert(path: &Path, from: Option<Dialect>, to: Dialect) -> Result<(), Error> {
    let (text, origin) = read(path)?;
    let converted = vcluster_values::convert(&text, &origin, from, to)?;
    let mut told = io::stderr().lock();
    for lost in &converted.not_carried {
        writeln!(
            told,
            "{origin}:{}: not carried: `{}`, which has no effect and no key in the dialect of vcluster {to}",
            lost.line, lost.key
        )
        .map_err(Error::Write)?;
    }
    io::stdout()
        .write_all(converted.text().as_bytes())
        .map_err(Error::Write)
}

/// A text, and what messages call it.
fn read(path: &Path) -> Result<(String, String), Error> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let (bytes, origin) = if path == Path::new("-") {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map_err(failed)?;
        (bytes, "standard input".to_owned())
    } else {
        (std::fs::read(path).map_err(failed)?, path.display().to_string())
    };
    Ok((vcluster_values::text(bytes, &origin)?, origin))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
