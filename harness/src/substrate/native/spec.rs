//! What one sandbox is made of: written by `up`, read by the supervisor and by the sandbox's init.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file's name in the run folder.
const FILE: &str = "sandbox.json";

/// Everything that the sandbox's processes need to know, and nothing that has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The run folder: sockets, logs, keys, and the private directories of the sandbox.
    pub folder: PathBuf,
    /// The name of the run's subtree in every cgroup hierarchy.
    pub cgroup: String,
    /// Folders outside of the run folder that must stay visible in the sandbox, though they lie below a
    /// directory that it hides.
    pub keep: Vec<PathBuf>,
    /// Where each program is, by its name.
    pub programs: BTreeMap<String, PathBuf>,
    /// Where the CNI plugins are.
    pub cni_plugins: PathBuf,
    /// The environment of every process.
    pub environment: Vec<(String, String)>,
    /// The image that holds a pod's namespaces.
    pub pause_image: String,
}

impl Spec {
    /// Reads the spec of the sandbox whose run folder is `folder`.
    pub fn read(folder: &Path) -> io::Result<Self> {
        Ok(serde_json::from_slice(&std::fs::read(folder.join(FILE))?)?)
    }

    /// Writes it where [`Spec::read`] finds it.
    pub fn write(&self) -> io::Result<()> {
        std::fs::write(self.folder.join(FILE), serde_json::to_vec_pretty(self)?)
    }

    /// A program's path.
    ///
    /// # Panics
    /// If it was not put in: `up` and this list are made from the same constants.
    #[must_use]
    pub fn program(&self, name: &str) -> &Path {
        self.programs
            .get(name)
            .unwrap_or_else(|| panic!("{name} is not among the sandbox's programs"))
    }

    /// A private directory or file of the sandbox.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file by which `up` tells the sandbox that the API server is ready.
    #[must_use]
    pub fn api_ready(&self) -> PathBuf {
        api_ready(&self.folder)
    }

    /// The log of one process.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.folder.join("logs").join(format!("{process}.log"))
    }
}

/// See [`Spec::api_ready`].
pub(super) fn api_ready(folder: &Path) -> PathBuf {
    folder.join("api-ready")
}

/// The programs that a sandbox runs, besides those that its debian packages bring.
pub const PROGRAMS: [&str; 10] = [
    "containerd",
    "containerd-shim-runc-v2",
    "ctr",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
];

/// Addresses of the host cluster. They exist only inside of the sandbox's own network namespace, so every
/// sandbox has the same.
pub mod address {
    /// The node, and the address of its API server.
    pub const NODE: &str = "172.30.0.1";
    /// The API server's port.
    pub const API_PORT: u16 = 6443;
    /// Pods.
    pub const PODS: &str = "10.244.0.0/16";
    /// Services.
    pub const SERVICES: &str = "10.96.0.0/16";
    /// The API server's own Service: the first of [`SERVICES`].
    pub const API_SERVICE: &str = "10.96.0.1";
    /// The cluster's DNS.
    pub const DNS: &str = "10.96.0.10";
    /// The node's name.
    pub const NODE_NAME: &str = "node-1";
    /// The cluster's DNS domain.
    pub const DOMAIN: &str = "cluster.local";
}
