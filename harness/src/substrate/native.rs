//! Processes in namespaces of their own: a real host cluster without Docker.
//!
//! A [sandbox](sandbox) runs etcd, containerd and the Kubernetes processes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use provision::events::Events;
use provision::wait::{self, Budget, Seen};
use sandbox::spec::{Private, View};
use sandbox::{self, Spec, forward, supervisor};

use super::kubeconfig::Kubeconfig;
use super::{ClientError, Cluster, Reach};
use crate::answer::said;
use crate::private;

/// The addresses in the host cluster's network.
pub mod address;

mod configuration;
mod pki;
mod processes;

/// A cold API server needs 3 s on an idle machine, and was seen to need 10 with both cores busy.
const API_SERVER: Budget = Budget {
    at_most: Duration::from_mins(2),
    every: Duration::from_millis(50),
};

/// A node is ready within seconds of its API server; with both cores busy it has taken 20.
const NODE: Budget = Budget {
    at_most: Duration::from_mins(2),
    every: Duration::from_millis(50),
};

/// The sysctls that a kubelet sets when it starts and that are the machine's, not a namespace's.
const KUBELET_SYSCTLS: [&str; 6] = [
    "kernel/keys/root_maxbytes",
    "kernel/keys/root_maxkeys",
    "kernel/panic",
    "kernel/panic_on_oops",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
];

/// The programs that a host cluster runs by their names, besides those that it finds on its `PATH`.
pub const PROGRAMS: [&str; 8] = [
    "containerd",
    "etcd",
    "ip",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubelet",
];

/// The parameters of a native host cluster.
#[derive(Clone, Debug)]
pub struct Request {
    /// The environment's name.
    pub name: String,
    /// The run folder; it exists.
    pub folder: PathBuf,
    /// Folders that the sandbox must go on seeing: where its programs are.
    pub keep: Vec<PathBuf>,
    /// The path of each of [`PROGRAMS`].
    pub programs: BTreeMap<String, PathBuf>,
    /// The folder of the CNI plugins.
    pub cni_plugins: PathBuf,
    /// The environment of every process: above all a `PATH` with runc and iptables.
    pub environment: Vec<(String, String)>,
    /// The image that holds a pod's namespaces; it is in the run folder's `containerd` already.
    pub pause_image: String,
}

impl Request {
    /// Returns the path of a program.
    ///
    /// # Panics
    ///
    /// Panics if the program is not in `programs`. Callers take the names from [`PROGRAMS`].
    fn program(&self, name: &str) -> &Path {
        self.programs
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not among the host cluster's programs"))
    }

    /// Returns a directory or file of the run folder.
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Returns the file with which `up` informs the sandbox that the API server is ready.
    fn api_ready(&self) -> PathBuf {
        self.path("api-ready")
    }

    /// Returns the sandbox that runs the cluster.
    fn sandbox(&self) -> Spec {
        let private = |folder: &str, place: &str, shared| Private {
            folder: folder.to_owned(),
            place: place.into(),
            shared,
        };
        Spec {
            folder: self.folder.clone(),
            cgroup: sandbox::cgroup_name(&self.name),
            host_name: address::NODE_NAME.to_owned(),
            address: address::NODE,
            view: View {
                hidden: vec!["/var".into()],
                keep: self.keep.clone(),
                layered: Vec::new(),
                sysctls: KUBELET_SYSCTLS.map(PathBuf::from).into(),
                private: vec![
                    // Volumes that the kubelet mounts must show up in the containers that are made later.
                    private("private/kubelet", "/var/lib/kubelet", true),
                    private("private/cni", "/var/lib/cni", false),
                    private("private/log", "/var/log", false),
                ],
                directories: [
                    "/run/lock",
                    "/run/containerd",
                    "/run/etcd",
                    "/run/cni",
                    "/var/tmp",
                    "/var/run",
                ]
                .map(PathBuf::from)
                .into(),
            },
            ip: self.program("ip").to_owned(),
            environment: self.environment.clone(),
            processes: processes::all(self),
        }
    }
}

/// Errors of a native host cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no sandbox, or no way into it.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// A file of the cluster could not be written.
    #[error("{what}")]
    Io {
        /// The action that failed.
        what: &'static str,
        /// The underlying error.
        #[source]
        source: io::Error,
    },
    /// No client could be created from its kubeconfig.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cluster did not come up in time.
    #[error("start the host cluster")]
    NotUp(#[source] wait::Error<kube::Error>),
}

impl Error {
    fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }
}

/// Brings the host cluster up and waits until its node is ready.
///
/// Returns at once if it is up already. Repeated after an interruption, it goes on where it stopped.
pub async fn up(request: Request, events: &Events) -> Result<Cluster, Error> {
    let kubeconfig = request.path("kubeconfig/admin");
    let control = supervisor::control(&request.folder);
    if forward::open(&control, address::API).await.is_err() {
        start(&request, events).await?;
    }
    let cluster = Cluster {
        client: super::client(&kubeconfig).await?,
        kubeconfig,
        reach: Reach { control },
        service_cidr: address::SERVICES.to_owned(),
        registry: None,
    };
    wait_for_api(&cluster.client).await.map_err(Error::NotUp)?;
    std::fs::write(request.api_ready(), "").map_err(Error::io("tell the sandbox that its API is ready"))?;
    events.progress("substrate", "API server ready");
    super::nodes::ready(&cluster.client, NODE)
        .await
        .map_err(Error::NotUp)?;
    events.progress("substrate", "node ready");
    Ok(cluster)
}

async fn start(request: &Request, events: &Events) -> Result<(), Error> {
    let credentials = pki::write(&request.folder).map_err(Error::io("write the cluster's certificates"))?;
    configuration::write(request).map_err(Error::io("write the cluster's configuration"))?;
    sandbox::start(&request.sandbox()).await?;
    events.progress("substrate", "sandbox started");

    let reached = forward::open(&supervisor::control(&request.folder), address::API).await?;
    let kubeconfig = Kubeconfig {
        server: format!("https://{reached}"),
        credentials,
    };
    private::write(&request.path("kubeconfig/admin"), &kubeconfig.render())
        .map_err(Error::io("write the host cluster's kubeconfig"))
}

async fn wait_for_api(client: &kube::Client) -> Result<(), wait::Error<kube::Error>> {
    wait::until("the API server", API_SERVER, async || {
        let request = http_get("/readyz");
        Ok(match client.request_text(request).await {
            Ok(_) => Seen::Ready(()),
            Err(error) => Seen::not_yet(said(&error)),
        })
    })
    .await
}

fn http_get(path: &'static str) -> http::Request<Vec<u8>> {
    let mut request = http::Request::new(Vec::new());
    *request.uri_mut() = http::Uri::from_static(path);
    request
}
