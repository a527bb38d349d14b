//! Processes in namespaces of their own: a real host cluster without Docker.
//!
//! A supervisor outside starts the sandbox, whose init starts etcd, containerd and the Kubernetes processes in
//! private mount, network, pid, ipc and uts namespaces. Nothing of the machine is touched but one subtree of its
//! cgroups and the run's folder, so ending the subtree's processes and removing both removes everything.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::Node;
use kube::Api;
use kube::config::KubeConfigOptions;

use super::kubeconfig::Kubeconfig;
use super::{Cluster, Reach};
use crate::events::Events;
use crate::wait::{self, Budget, Seen};

/// Loopback addresses that lead into the sandbox.
pub mod forward;

/// Everything that a sandbox's processes need to know.
pub mod spec;

/// The half of a sandbox that stays outside.
pub mod supervisor;

/// Ending a sandbox, and looking for what is left of one.
pub mod teardown;

mod cgroup;
mod configuration;
mod init;
mod mounts;
mod network;
mod pki;
mod processes;

use spec::{Spec, address};

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

/// What a native host cluster is made from.
#[derive(Clone, Debug)]
pub struct Request {
    /// The environment's name.
    pub name: String,
    /// The run folder; it exists.
    pub folder: PathBuf,
    /// Folders that the sandbox must go on seeing: where its programs are.
    pub keep: Vec<PathBuf>,
    /// Where each of [`spec::PROGRAMS`], and `ip`, is.
    pub programs: BTreeMap<String, PathBuf>,
    /// Where the CNI plugins are.
    pub cni_plugins: PathBuf,
    /// The environment of every process: above all a `PATH` with runc and iptables.
    pub environment: Vec<(String, String)>,
    /// The image that holds a pod's namespaces; it is in the run folder's `containerd` already.
    pub pause_image: String,
}

/// Why there is no native host cluster.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file, directory or process of the sandbox could not be made.
    #[error("{what}")]
    Io {
        /// What was attempted.
        what: String,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The supervisor gave no address.
    #[error("open a way to {target} through {}", control.display())]
    Forward {
        /// Where to.
        target: SocketAddr,
        /// The supervisor's socket.
        control: PathBuf,
        /// Why it failed.
        #[source]
        source: io::Error,
    },
    /// The API server's kubeconfig was refused.
    #[error("use the host cluster's kubeconfig")]
    Kubeconfig(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The cluster did not come up in time.
    #[error("start the host cluster (logs: {})", logs.display())]
    NotUp {
        /// Where its processes log.
        logs: PathBuf,
        /// What was waited for.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}

/// The name of a run's cgroup subtree.
#[must_use]
pub fn cgroup_name(environment: &str) -> String {
    format!("shared-dapr-{environment}")
}

/// Every process of an environment, and its cgroup as a path below the environment's own: `system` for the host
/// cluster's processes, `kubepods/…/pod<UID>/<container>` for those of pods.
pub fn members(environment: &str) -> Result<BTreeMap<i32, PathBuf>, Error> {
    let name = cgroup_name(environment);
    cgroup::members(&name).map_err(Error::io(format!("list the processes of the cgroup {name}")))
}

/// Brings the host cluster up and waits until its node is ready.
///
/// Returns at once what is up already: asked again after an interruption, it goes on where it stopped.
pub async fn up(request: Request, events: &Events) -> Result<Cluster, Error> {
    let folder = request.folder.clone();
    let kubeconfig = folder.join("kubeconfig/admin");
    let control = supervisor::control(&folder);
    let api = SocketAddr::new(parse(address::NODE), address::API_PORT);
    if forward::open(&control, api).await.is_err() {
        start(request, events).await?;
    }
    let cluster = Cluster {
        client: client(&kubeconfig).await?,
        kubeconfig,
        reach: Reach::Sandbox { control },
    };
    let not_up = |source| Error::NotUp {
        logs: folder.join("logs"),
        source,
    };
    wait_for_api(&cluster.client)
        .await
        .map_err(|error| not_up(error.into()))?;
    std::fs::write(spec::api_ready(&folder), "")
        .map_err(Error::io("tell the sandbox that its API is ready"))?;
    events.progress("substrate", "API server ready");
    wait_for_node(&cluster.client)
        .await
        .map_err(|error| not_up(error.into()))?;
    events.progress("substrate", "node ready");
    Ok(cluster)
}

async fn start(request: Request, events: &Events) -> Result<(), Error> {
    let folder = request.folder.clone();
    let spec = Spec {
        folder: request.folder,
        cgroup: cgroup_name(&request.name),
        keep: request.keep,
        programs: request.programs,
        cni_plugins: request.cni_plugins,
        environment: request.environment,
        pause_image: request.pause_image,
    };
    let credentials = pki::write(&folder).map_err(Error::io("write the cluster's certificates"))?;
    init::folders(&spec).map_err(Error::io("make the sandbox's folders"))?;
    configuration::write(&spec).map_err(Error::io("write the cluster's configuration"))?;
    spec.write()
        .map_err(Error::io("write the sandbox's description"))?;
    cgroup::create(&spec.cgroup).map_err(Error::io(format!("make the cgroup {}", spec.cgroup)))?;
    supervisor::spawn(&spec).map_err(Error::io("start the sandbox's supervisor"))?;
    events.progress("substrate", "sandbox started");

    let control = supervisor::control(&folder);
    let api = SocketAddr::new(parse(address::NODE), address::API_PORT);
    let reached = wait::until("the sandbox's supervisor", API_SERVER, async || {
        Ok::<_, std::convert::Infallible>(match forward::open(&control, api).await {
            Ok(outside) => Seen::Ready(outside),
            Err(error) => Seen::not_yet(
                std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string),
            ),
        })
    })
    .await
    .map_err(|error| Error::NotUp {
        logs: folder.join("logs"),
        source: error.into(),
    })?;
    let kubeconfig = Kubeconfig {
        server: format!("https://{reached}"),
        credentials,
    };
    pki::write_private(&folder.join("kubeconfig/admin"), &kubeconfig.render())
        .map_err(Error::io("write the host cluster's kubeconfig"))
}

fn parse(address: &str) -> std::net::IpAddr {
    address
        .parse()
        .unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST))
}

/// A client for the cluster that a kubeconfig file names.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client, Error> {
    let read =
        kube::config::Kubeconfig::read_from(kubeconfig).map_err(|error| Error::Kubeconfig(error.into()))?;
    let config = kube::Config::from_custom_kubeconfig(read, &KubeConfigOptions::default())
        .await
        .map_err(|error| Error::Kubeconfig(error.into()))?;
    kube::Client::try_from(config).map_err(|error| Error::Kubeconfig(error.into()))
}

async fn wait_for_api(client: &kube::Client) -> Result<(), wait::Error<kube::Error>> {
    wait::until("the API server", API_SERVER, async || {
        let request = http_get("/readyz");
        Ok(match client.request_text(request).await {
            Ok(_) => Seen::Ready(()),
            Err(error) => Seen::not_yet(error.to_string()),
        })
    })
    .await
}

fn http_get(path: &'static str) -> http::Request<Vec<u8>> {
    let mut request = http::Request::new(Vec::new());
    *request.uri_mut() = http::Uri::from_static(path);
    request
}

async fn wait_for_node(client: &kube::Client) -> Result<(), wait::Error<kube::Error>> {
    let nodes: Api<Node> = Api::all(client.clone());
    wait::until(
        format!("node {} to be ready", address::NODE_NAME),
        NODE,
        async || {
            let Some(node) = nodes.get_opt(address::NODE_NAME).await? else {
                return Ok(Seen::not_yet("the kubelet has not registered it"));
            };
            let ready = node
                .status
                .and_then(|status| status.conditions)
                .and_then(|conditions| {
                    conditions
                        .into_iter()
                        .find(|condition| condition.type_ == "Ready")
                });
            Ok(match ready {
                Some(condition) if condition.status == "True" => Seen::Ready(()),
                Some(condition) => Seen::not_yet(condition.message.unwrap_or_default()),
                None => Seen::not_yet("the kubelet has not said"),
            })
        },
    )
    .await
}
