//! The spec of a sandbox: written by the process that starts it, read by the supervisor and by the sandbox's init.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The file's name in the run folder.
const FILE: &str = "sandbox.json";

/// Everything that the sandbox's processes need to know, and nothing that has to be looked up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The run folder: sockets, logs, and the private directories of the sandbox.
    pub folder: PathBuf,
    /// The name of the run's subtree in every cgroup hierarchy.
    pub cgroup: String,
    /// The sandbox's host name.
    pub host_name: String,
    /// The sandbox's own address, which leads nowhere else.
    pub address: Ipv4Addr,
    /// The sandbox's own view of the file system.
    pub view: View,
    /// The program `ip`.
    pub ip: PathBuf,
    /// The environment of every process.
    pub environment: Vec<(String, String)>,
    /// The processes of the sandbox, in the order in which they are started.
    pub processes: Vec<Process>,
}

/// The sandbox's view of the machine's files: as they are, except for these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct View {
    /// Directories that are replaced by empty ones in memory; `/run` is always.
    pub hidden: Vec<PathBuf>,
    /// Folders that stay visible though they lie below a hidden directory. The run folder always does.
    pub keep: Vec<PathBuf>,
    /// Directories that are seen as they are, while writes to them go to memory.
    pub layered: Vec<PathBuf>,
    /// Sysctls, by their path below `/proc/sys`, that belong to no namespace. The sandbox sees the machine's values,
    /// and its writes to them stay in the sandbox.
    #[serde(default)]
    pub sysctls: Vec<PathBuf>,
    /// Directories that are replaced by ones of the run folder.
    pub private: Vec<Private>,
    /// Directories that are created in the replaced ones.
    pub directories: Vec<PathBuf>,
}

/// A directory of the machine that a sandbox has its own of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Private {
    /// Its name in the run folder.
    pub folder: String,
    /// The path of the directory in the sandbox.
    pub place: PathBuf,
    /// True if later mounts below it show up in mount namespaces that were created from the sandbox's.
    pub shared: bool,
}

/// One process of a sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process {
    /// Its name, and its log's.
    pub name: String,
    /// Its program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// The signs that have to be there before it is started.
    pub after: Vec<Sign>,
}

/// A sign by which a process knows that another one is ready for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Sign {
    /// A Unix socket accepts connections.
    Socket(PathBuf),
    /// A port accepts connections.
    Port(SocketAddr),
    /// A file is there.
    File(PathBuf),
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

    /// Returns the log of one process.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        super::logs(&self.folder).join(format!("{process}.log"))
    }
}
