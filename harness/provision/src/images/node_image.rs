//! A node's image, built from binaries: the equivalent of `kind build node-image`, if no registry has upstream's.
//!
//! It has a minimal Debian with systemd, kind's own files for a node, Kubernetes' and containerd's programs, and the
//! unpacked images that kubeadm starts. It is one layer in one archive of the root file system.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{Images, store};
use crate::binaries::cache::{Cache, Inputs, Lookup, Reservation};
use crate::binaries::{self, Binaries};
use crate::command::{Command, Line};
use crate::docker::{self, Docker};
use crate::events::Events;
use crate::pins::pins;

/// Changes when this recipe does, so that images of the old one are not taken for the new one's.
const RECIPE: &str = "1";

/// The entries' name in the cache.
const NAME: &str = "kind-node";

/// The archive in an entry.
const FILE: &str = "node.tar";

/// The number of images that are kept: one for each version of Kubernetes.
const KEPT: usize = 2;

/// The distribution's packages that a node needs, as in kind's base image.
const PACKAGES: [&str; 17] = [
    "ca-certificates",
    "conntrack",
    "containernetworking-plugins",
    "curl",
    "ethtool",
    "hostname",
    "iproute2",
    "iptables",
    "jq",
    "kmod",
    "mount",
    "procps",
    "runc",
    "socat",
    "systemd",
    "systemd-sysv",
    "util-linux",
];

/// Programs that are added, and where.
const PROGRAMS: [(&str, &str); 6] = [
    ("kubeadm", "usr/bin"),
    ("kubectl", "usr/bin"),
    ("kubelet", "usr/bin"),
    ("containerd", "usr/local/bin"),
    ("containerd-shim-runc-v2", "usr/local/bin"),
    ("ctr", "usr/local/bin"),
];

/// The images that kubeadm starts, by their short names.
pub const IMAGES: [&str; 7] = [
    "coredns",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "pause",
];

/// The script that turns the distribution into a node: no service but those of a node, systemd as process 1.
const SET_UP: &str = include_str!("../../../manifests/substrate/kind-node/set-up.sh");

/// Files of a node that are not kind's, and their paths.
const FILES: [(&str, &str); 5] = [
    (
        "etc/containerd/config.toml",
        include_str!("../../../manifests/substrate/kind-node/containerd.toml"),
    ),
    (
        "etc/systemd/system/containerd.service.d/20-limits.conf",
        include_str!("../../../manifests/substrate/kind-node/containerd-limits.conf"),
    ),
    (
        "etc/cni/pods.conflist.template",
        include_str!("../../../manifests/substrate/kind-node/pods.conflist.template"),
    ),
    (
        "kind/manifests/default-cni.yaml",
        include_str!("../../../manifests/substrate/kind-node/default-cni.yaml"),
    ),
    (
        "kind/manifests/default-storage.yaml",
        include_str!("../../../manifests/substrate/kind-node/default-storage.yaml"),
    ),
];

/// The settings with which Docker starts it, as in upstream's image.
const CHANGES: [&str; 2] = [
    r#"ENTRYPOINT ["/usr/local/bin/entrypoint", "/sbin/init"]"#,
    "ENV container=docker",
];

/// A node's image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeImage {
    /// Its root file system.
    pub tar: PathBuf,
    /// The version of Kubernetes.
    pub version: String,
    /// The tag of the DNS server's image that is in it. kubeadm needs it.
    pub dns_tag: String,
    /// The same of etcd's.
    pub etcd_tag: String,
}

/// Returns the repository of an environment's node images.
#[must_use]
pub fn name_prefix(environment: &str) -> String {
    format!("shared-dapr-{environment}/kind-node")
}

impl NodeImage {
    /// Gives it to a daemon, under a name of the environment's own; returns that.
    pub async fn bring(&self, environment: &str, docker: &Docker) -> Result<String, docker::Error> {
        let name = format!("{}:v{}", name_prefix(environment), self.version);
        if !docker.has_image(&name).await? {
            docker.import(&self.tar, &name, &CHANGES).await?;
        }
        Ok(name)
    }
}

/// Errors of a node's image. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A binary is missing, or the cache could not be used.
    #[error(transparent)]
    Binaries(#[from] binaries::Error),
    /// An image could not be put into it.
    #[error(transparent)]
    Images(#[from] super::Error),
    /// The distribution could not be set up.
    #[error("make the root file system of a node")]
    Bootstrap(#[source] crate::command::Error),
}

/// Returns the image, from the cache or after building it. It needs root, as everything that creates a root file
/// system does.
pub async fn ensure(
    binaries: &Binaries,
    images: &Images,
    cache: &Path,
    events: &Events,
) -> Result<NodeImage, Error> {
    let of_node = images.only(&IMAGES);
    let version = pins()
        .version("kubernetes", binaries.kubernetes())
        .unwrap_or_default();
    let cache = Cache {
        folder: cache.join("images"),
        verify: binaries::Verify::Cheaply,
    };
    let inputs = inputs(binaries, &of_node)?;
    let entry = match cache.look_up(NAME, &inputs, super::STAGE, events).await? {
        Lookup::Found(entry) => entry,
        Lookup::Missing(reservation) => {
            Making {
                binaries,
                images: &of_node,
                version,
                reservation: &reservation,
                events,
            }
            .run()
            .await?;
            let entry = reservation.fill(inputs, Vec::new()).await?;
            cache.prune(NAME, KEPT)?;
            entry
        }
    };
    Ok(NodeImage {
        tar: entry.folder.join(FILE),
        version: version.to_owned(),
        dns_tag: tag("coredns", binaries),
        etcd_tag: tag("etcd", binaries),
    })
}

/// Returns the tag of an image that is in it.
fn tag(image: &str, binaries: &Binaries) -> String {
    let name = pins().image(image, binaries.kubernetes());
    name.rsplit_once(':')
        .map(|(_, tag)| tag.to_owned())
        .unwrap_or_default()
}

fn inputs(binaries: &Binaries, images: &Images) -> Result<Inputs, Error> {
    let mut inputs = Inputs::default()
        .with("recipe", RECIPE)
        .with("packages", PACKAGES.join(" "))
        .with("set-up", SET_UP)
        .with("kind", binaries.found("kind")?.sha256.clone())
        .with("release", codename()?)
        .with(
            "images",
            images
                .archives
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n"),
        );
    for (path, content) in FILES {
        inputs = inputs.with(path, content);
    }
    for (program, _) in PROGRAMS {
        inputs = inputs.with(program, binaries.found(program)?.sha256.clone());
    }
    Ok(inputs)
}

struct Making<'a> {
    binaries: &'a Binaries,
    images: &'a Images,
    version: &'a str,
    reservation: &'a Reservation,
    events: &'a Events,
}

impl Making<'_> {
    async fn run(&self) -> Result<(), Error> {
        let layer = self.reservation.folder().join("layer");
        self.files(&layer)?;
        self.events
            .progress(super::STAGE, "unpacking the images of a kind node");
        store::fill(
            self.images,
            self.binaries,
            &layer.join("var/lib/containerd"),
            self.events,
        )
        .await?;
        self.bootstrap(&layer).await?;
        fs::remove_dir_all(&layer).map_err(binaries::Error::file("remove", &layer))?;
        Ok(())
    }

    /// Writes all files of a node that are not the distribution's.
    fn files(&self, layer: &Path) -> Result<(), Error> {
        copy(self.binaries.folder("kind")?, layer)?;
        for (program, folder) in PROGRAMS {
            let target = layer.join(folder).join(program);
            place(&target, &read(self.binaries.program(program)?)?, true)?;
        }
        for (path, content) in FILES {
            place(&layer.join(path), content.as_bytes(), false)?;
        }
        place(
            &layer.join("kind/version"),
            format!("v{}", self.version).as_bytes(),
            false,
        )
    }

    async fn bootstrap(&self, layer: &Path) -> Result<(), Error> {
        self.events
            .progress(super::STAGE, "making the root file system of a kind node");
        let set_up = self.reservation.folder().join("set-up.sh");
        place(&set_up, SET_UP.as_bytes(), true)?;
        let tar = self.reservation.folder().join("layer.tar");
        let pack = Command::new("tar")
            .args(["--numeric-owner", "--owner=0", "--group=0", "--directory"])
            .arg(layer)
            .arg("--create")
            .arg("--file")
            .arg(&tar)
            .arg(".");
        pack.run().await.map_err(Error::Bootstrap)?;
        let hook = |words: String| ["--customize-hook".to_owned(), words];
        let bootstrap = Command::new(self.binaries.program("mmdebstrap")?)
            .args(["--variant=minbase", &format!("--include={}", PACKAGES.join(","))])
            .args(hook(format!("tar-in '{}' /", tar.display())))
            .args(hook(format!("chroot \"$1\" sh -eu < '{}'", set_up.display())))
            .arg(codename()?)
            .arg(self.reservation.folder().join(FILE));
        let made = bootstrap.run_telling(|line| {
            if let Line::Err(text) = line
                && let Some(step) = text.strip_prefix("I: ")
            {
                self.events.progress(super::STAGE, format!("kind node: {step}"));
            }
        });
        made.await.map_err(Error::Bootstrap)?;
        for file in [tar, set_up] {
            fs::remove_file(&file).map_err(binaries::Error::file("remove", &file))?;
        }
        Ok(())
    }
}

/// Returns the codename of this machine's release, whose packages its apt knows.
fn codename() -> Result<String, Error> {
    let file = Path::new("/etc/os-release");
    let text = fs::read_to_string(file).map_err(binaries::Error::file("read", file))?;
    Ok(text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or("stable")
        .trim_matches('"')
        .to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    Ok(fs::read(path).map_err(binaries::Error::file("read", path))?)
}

fn place(path: &Path, content: &[u8], executable: bool) -> Result<(), Error> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(binaries::Error::file("make", folder))?;
    }
    fs::write(path, content).map_err(binaries::Error::file("write", path))?;
    let mode = if executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(binaries::Error::file("set the mode of", path))?;
    Ok(())
}

/// Copies kind's files. What its module has lost is which of them are programs: those in folders called `bin`.
fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(from).map_err(binaries::Error::file("read", from))? {
        let path = entry.map_err(binaries::Error::file("read", from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else {
            place(&target, &read(&path)?, from.ends_with("bin"))?;
        }
    }
    Ok(())
}
