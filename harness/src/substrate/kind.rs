//! A host cluster of Docker containers, made by kind.
//!
//! It is created from `kind-config.yaml`, with a name and a kubeconfig of its own. Its nodes are upstream's image if
//! a registry has it, else one built from binaries. Only objects with the environment's name are ever changed.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use provision::command::{self, Line};
use provision::docker::{self, Docker};
use provision::events::Events;
use provision::images::node_image::NodeImage;
use provision::wait::{self, Budget};

use super::{Cluster, forwarder};

/// The configuration of the kind cluster.
mod config;

/// The routes between the nodes' pods, if no network plugin creates them.
mod routes;

/// Removing it, and finding its remains.
pub mod teardown;

/// kind's label on its containers, whose value is the cluster's name.
const LABEL: &str = "io.x-k8s.kind.cluster";

/// The file that marks that the cluster was created completely.
const WHOLE: &str = "kind-is-whole";

/// The number of characters of one of kind's lines that an error repeats. Such a line contains whole commands.
const LINE: usize = 300;

/// Three nodes take 30 s on two cores that are busy with other things.
const CREATE: Duration = Duration::from_mins(6);

/// Loading an image unpacks it on each node, side by side; the largest takes 10 s.
const LOAD: Duration = Duration::from_mins(10);

/// Workers are ready some seconds after the control plane that kind waits for.
const NODES: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(200),
};

/// The parameters of a kind cluster.
#[derive(Clone, Debug)]
pub struct Request {
    /// The environment's name.
    pub name: String,
    /// The run folder; it exists.
    pub folder: PathBuf,
    /// The kind program.
    pub kind: PathBuf,
    /// The source of its nodes.
    pub nodes: Nodes,
    /// Archives of the images that the nodes are given.
    pub archives: Vec<PathBuf>,
}

/// The image of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nodes {
    /// Upstream's, by digest.
    Pulled(String),
    /// An image that is built from binaries.
    Made(NodeImage),
}

/// Errors of a kind host cluster. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Docker refused a request.
    #[error(transparent)]
    Docker(#[from] docker::Error),
    /// There is a cluster of that name which this environment did not make.
    #[error("make the kind cluster {cluster}: there is one of that name, which is not this environment's")]
    Foreign {
        /// The cluster's name.
        cluster: String,
    },
    /// kind failed.
    #[error("{what}")]
    Kind {
        /// The action that failed.
        what: String,
        /// The error of the command.
        source: command::Error,
    },
    /// A file could not be used.
    #[error("{what} {}", path.display())]
    File {
        /// The action that failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// `kind-config.yaml` cannot be understood.
    #[error("understand kind-config.yaml: {0}")]
    Config(String),
    /// The cluster cannot be talked to.
    #[error(transparent)]
    Client(#[from] super::ClientError),
    /// There is no way into the cluster.
    #[error(transparent)]
    Forwarder(#[from] forwarder::Error),
    /// It does not report the addresses of its Services.
    #[error("ask the cluster for the range of its Services")]
    Services(#[source] kube::Error),
    /// Its nodes did not get ready.
    #[error(transparent)]
    Nodes(#[from] wait::Error<kube::Error>),
}

impl Error {
    /// Returns the remedy for the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Docker(error) => error.remedy(),
            Self::Foreign { cluster } => Some(format!(
                "give another --name, or remove that cluster if nobody needs it (kind delete cluster --name {cluster})"
            )),
            Self::Kind { source, .. } if source.is_disk_full() => {
                Some("free some room where Docker keeps its data".to_owned())
            }
            _ => None,
        }
    }

    fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}

/// Returns the name of an environment's cluster.
#[must_use]
pub fn cluster_name(environment: &str) -> String {
    format!("shared-dapr-{environment}")
}

/// Fails if there is a cluster of the environment's name. To be asked before the environment owns one.
pub async fn require_none(environment: &str, docker: &Docker) -> Result<(), Error> {
    let cluster = cluster_name(environment);
    if containers(&cluster, docker).await?.is_empty() {
        Ok(())
    } else {
        Err(Error::Foreign { cluster })
    }
}

async fn containers(cluster: &str, docker: &Docker) -> Result<Vec<String>, docker::Error> {
    docker.containers(&format!("{LABEL}={cluster}")).await
}

/// Brings the host cluster up and waits until its nodes are ready and have their images.
///
/// Returns at once if it is up already. The remains of an interrupted run are removed, and the cluster is recreated.
pub async fn up(request: &Request, docker: &Docker, events: &Events) -> Result<Cluster, Error> {
    let cluster = cluster_name(&request.name);
    let kubeconfig = request.folder.join("kubeconfig/admin");
    let whole = request.folder.join(WHOLE);
    if !whole.exists() {
        let half_made = containers(&cluster, docker).await?;
        docker.remove(&half_made).await?;
        create(request, &cluster, &kubeconfig, docker, events).await?;
        let told = ("substrate", events);
        load(&request.kind, &request.name, &request.archives, docker, told).await?;
        std::fs::write(&whole, "").map_err(Error::file("write", &whole))?;
    }
    let client = super::client(&kubeconfig).await?;
    super::nodes::ready(&client, NODES).await?;
    events.progress("substrate", "nodes ready");
    let service_cidr = super::addresses::services(&client)
        .await
        .map_err(Error::Services)?;
    Ok(Cluster {
        client,
        service_cidr,
        registry: None,
        reach: forwarder::up(&request.folder.join(forwarder::FOLDER), &kubeconfig).await?,
        kubeconfig,
    })
}

async fn create(
    request: &Request,
    cluster: &str,
    kubeconfig: &Path,
    docker: &Docker,
    events: &Events,
) -> Result<(), Error> {
    let image = match &request.nodes {
        Nodes::Pulled(name) => name.clone(),
        Nodes::Made(image) => {
            events.progress("substrate", "importing the nodes' image");
            image.bring(&request.name, docker).await?
        }
    };
    let config = request.folder.join("kind.yaml");
    let text = config::render(&request.nodes)?;
    std::fs::write(&config, text).map_err(Error::file("write", &config))?;
    let folder = kubeconfig.parent().unwrap_or(&request.folder);
    std::fs::create_dir_all(folder).map_err(Error::file("make", folder))?;
    let create = docker
        .user(&request.kind)
        .args([
            "create", "cluster", "--name", cluster, "--image", &image, "--wait", "3m",
        ])
        .arg("--config")
        .arg(&config)
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .at_most(CREATE);
    let mut said = String::new();
    let created = create.run_telling(|line| {
        let Line::Err(text) = line else { return };
        // The cause comes before a trace of kubeadm's.
        if text.starts_with("ERROR: ") || text.starts_with("error: ") {
            said += &format!(": {}", text.chars().take(LINE).collect::<String>());
        }
        // Such as ` ✓ Starting control-plane 🕹️`.
        if let Some(step) = text.trim().strip_prefix('✓') {
            let step = step.trim_matches(|letter: char| !letter.is_ascii_alphanumeric() && letter != ')');
            events.progress("substrate", format!("kind: {step}"));
        }
    });
    created.await.map_err(|source| Error::Kind {
        what: format!("make the kind cluster {cluster}{said}"),
        source,
    })?;
    if let Nodes::Made(_) = &request.nodes {
        let client = super::client(kubeconfig).await?;
        routes::lay(&client, docker).await?;
    }
    Ok(())
}

/// Loads archives of images on all nodes of an environment's cluster.
pub async fn load(
    kind: &Path,
    environment: &str,
    archives: &[PathBuf],
    docker: &Docker,
    (stage, events): (&str, &Events),
) -> Result<(), Error> {
    let cluster = cluster_name(environment);
    for (done, archive) in archives.iter().enumerate() {
        let of = archives.len();
        events.progress(
            stage,
            format!("loading images on the nodes ({} of {of})", done + 1),
        );
        let load = docker
            .user(kind)
            .args(["load", "image-archive", "--name", &cluster])
            .arg(archive)
            .at_most(LOAD);
        load.run().await.map_err(|source| Error::Kind {
            what: format!("load {} on the nodes of {cluster}", archive.display()),
            source,
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use provision::command::Command;

    use super::*;

    #[tokio::test]
    async fn an_error_of_a_full_disk_says_where_to_free_some() {
        let said = "echo 'ERROR: write /var/lib/containerd/x: no space left on device' >&2; exit 1";
        let source = Command::new("sh").args(["-c", said]).run().await.unwrap_err();
        let error = Error::Kind {
            what: "load redis.tar on the nodes of shared-dapr-x".to_owned(),
            source,
        };
        assert_eq!(
            error.remedy().unwrap(),
            "free some room where Docker keeps its data"
        );
    }
}
