//! A private Docker daemon, for machines that have none.
//!
//! A [sandbox](crate) runs the distribution's dockerd and containerd. Images and containers are in the run's
//! folder, so they are removed with it. Containers have a network of their own. Their published ports are on the
//! sandbox's loopback, where [`Daemon::command`] runs commands.

use std::ffi::OsString;
use std::io;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use provision::binaries::Debian;
use provision::command::{self, Command, Tail};
use provision::docker::HOST;
use provision::events::Events;
use provision::wait::{self, Budget, Seen};

use crate::enter;
use crate::spec::{Process, Sign, Spec, View};

/// A name server that knows no name.
pub mod names;

/// A runtime for daemons that may not do everything.
pub mod runtime;

mod configuration;

/// The stage's name in events and reports.
pub const STAGE: &str = "docker";

/// The sandbox's address: of the range for benchmarks (RFC 2544), so neither Docker nor Kubernetes hands it out.
const ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// The sandbox's host name.
const HOST_NAME: &str = "docker";

/// The folder in the run folder with the programs that other programs look for on their `PATH`.
const PROGRAMS: &str = "programs";

/// The socket on which containerd listens.
const CONTAINERD_SOCKET: &str = "/run/containerd/containerd.sock";

/// The processes of the sandbox, which log under these names.
const PROCESSES: [&str; 3] = [NAMES, CONTAINERD, DOCKERD];
const NAMES: &str = "names";
const CONTAINERD: &str = "containerd";
const DOCKERD: &str = "dockerd";

/// A daemon without images is up within 2 s; with both cores busy it has taken 6.
const UP: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(50),
};

/// The parameters of a daemon.
#[derive(Clone, Debug)]
pub struct Request {
    /// The environment's name.
    pub name: String,
    /// The run folder.
    pub folder: PathBuf,
    /// Folders that the sandbox must go on seeing: where its programs are.
    pub keep: Vec<PathBuf>,
    /// The packages of Docker.
    pub packages: Debian,
}

/// A daemon that is up.
#[derive(Clone, Debug)]
pub struct Daemon {
    /// Its address, as in `DOCKER_HOST`.
    pub host: String,
    /// Its version.
    pub version: String,
    folder: PathBuf,
}

/// Errors of a daemon.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no sandbox.
    #[error(transparent)]
    Sandbox(#[from] crate::Error),
    /// A file of the daemon could not be written.
    #[error("{what}")]
    Io {
        /// The action that failed.
        what: &'static str,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
    /// The daemon did not answer in time, or ended.
    #[error("start the Docker daemon, whose log ends with:{said}")]
    NotUp {
        /// The end of its log.
        said: Tail,
        /// The state that did not come.
        #[source]
        source: wait::Error<Ended>,
    },
}

/// A process of the daemon's ended before the daemon answered.
#[derive(Debug, thiserror::Error)]
#[error("{process} ended")]
pub struct Ended {
    process: &'static str,
}

impl Error {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

impl Request {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the daemon's socket. It is a file that everybody sees, so it leads out of the sandbox.
    fn socket(&self) -> PathBuf {
        self.path("docker.sock")
    }

    /// Returns the sandbox that runs the daemon.
    async fn sandbox(&self) -> Spec {
        let iptables = self.packages.iptables().await;
        let environment = self.packages.environment_with(iptables);
        Spec {
            folder: self.folder.clone(),
            cgroup: crate::cgroup_name(&self.name),
            host_name: HOST_NAME.to_owned(),
            address: ADDRESS,
            view: View {
                keep: self.keep.clone(),
                // The daemon writes a key to /etc/docker, wherever its configuration is.
                layered: vec!["/etc".into()],
                sysctls: Vec::new(),
                directories: vec!["/run/lock".into(), "/run/containerd".into()],
                ..View::default()
            },
            ip: self.packages.path("ip"),
            environment: environment
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_string_lossy().into_owned()))
                .collect(),
            processes: vec![self.names(), self.containerd(), self.dockerd()],
        }
    }

    /// Returns the path of a copy of this program. The copy does not change while the daemon runs, whatever is
    /// compiled meanwhile.
    fn own_program(&self) -> PathBuf {
        self.path(PROGRAMS).join("harness")
    }

    fn names(&self) -> Process {
        Process {
            name: NAMES.to_owned(),
            program: self.own_program(),
            arguments: vec![names::COMMAND.to_owned(), ADDRESS.to_string()],
            after: vec![],
        }
    }

    fn containerd(&self) -> Process {
        Process {
            name: CONTAINERD.to_owned(),
            program: self.packages.path("containerd"),
            arguments: vec![flag("--config", &self.path(configuration::CONTAINERD))],
            after: vec![],
        }
    }

    fn dockerd(&self) -> Process {
        Process {
            name: DOCKERD.to_owned(),
            program: self.packages.path("dockerd"),
            arguments: vec![
                flag("--config-file", &self.path(configuration::DOCKERD)),
                format!("--containerd={CONTAINERD_SOCKET}"),
                format!("--host={}", address(&self.socket())),
            ],
            after: vec![Sign::Socket(CONTAINERD_SOCKET.into())],
        }
    }
}

/// Starts the daemon and waits until it answers.
pub async fn up(request: &Request, events: &Events) -> Result<Daemon, Error> {
    let client = programs(request).map_err(Error::io("put programs into the run folder"))?;
    configuration::write(request).map_err(Error::io("write the daemon's configuration"))?;
    crate::start(&request.sandbox().await).await?;
    events.progress(STAGE, "sandbox started");

    let host = address(&request.socket());
    let ask = Command::new(&client).args(["--host", &host, "version", "--format", "{{.Server.Version}}"]);
    let version = wait::until("the Docker daemon", UP, async || {
        if let Some(process) = PROCESSES
            .into_iter()
            .find(|process| crate::has_ended(&request.folder, process))
        {
            return Err(Ended { process });
        }
        Ok(match ask.text().await {
            Ok(version) => Seen::Ready(version),
            Err(error) => Seen::not_yet(error.to_string()),
        })
    })
    .await
    .map_err(|source| not_up(&request.folder, source))?;
    events.progress(STAGE, format!("Docker {version} answers"));
    Ok(Daemon {
        host,
        version,
        folder: request.folder.clone(),
    })
}

/// Puts the programs into the run folder that others find there, and gives the client's.
fn programs(request: &Request) -> io::Result<PathBuf> {
    let programs = request.path(PROGRAMS);
    std::fs::create_dir_all(&programs)?;
    std::fs::copy(std::env::current_exe()?, request.own_program())?;
    let client = programs.join("docker");
    symlink(request.packages.path("docker"), &client)?;
    Ok(client)
}

fn not_up(folder: &Path, source: wait::Error<Ended>) -> Error {
    let process = match &source {
        wait::Error::Failed { source, .. } => source.process,
        wait::Error::TimedOut { .. } => DOCKERD,
    };
    let log = crate::logs(folder).join(format!("{process}.log"));
    let said = command::tail(&std::fs::read(log).unwrap_or_default());
    Error::NotUp { said, source }
}

impl Daemon {
    /// Returns a command that runs `words`, a program and its arguments, as a user of the daemon: with `DOCKER_HOST`,
    /// in the network where containers publish their ports, and with a `docker` on its `PATH` even if the machine has
    /// none.
    pub fn command(&self, words: &[OsString]) -> io::Result<Command> {
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        if !path.is_empty() {
            path.push(":");
        }
        path.push(self.folder.join(PROGRAMS));
        Ok(enter::command(&self.folder, words)?
            .without_cargos_variables()
            .env(HOST, &self.host)
            .env("PATH", path))
    }
}

fn address(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

fn flag(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}
