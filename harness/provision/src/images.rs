//! Container images, assembled from binaries and from our own programs.
//!
//! This module takes binaries. For each image it returns an archive, which is written once for the same content,
//! and which containerd, `docker load` and `kind load image-archive` accept.

use std::path::{Path, PathBuf};

use futures::future::try_join_all;
use tokio::sync::Semaphore;

use crate::binaries::cache::{Cache, Lookup};
use crate::binaries::{Binaries, DEBIAN};
use crate::events::Events;
use crate::pins::{ImagePin, pins};

pub use error::Error;
pub use store::Store;

/// The content of an image.
mod contents;

/// A layer, byte for byte the same for the same content.
mod layer;

/// An archive: an OCI layout that is a Docker archive as well.
mod archive;

/// The image of a kind node, built from binaries.
pub mod node_image;

/// A containerd root folder that has all images, unpacked.
pub mod store;

/// Registries that images are pulled from and pushed to.
pub mod registry;

/// Errors of images.
mod error;

/// The stage's name in events and reports.
pub const STAGE: &str = "images";

/// An archive's name in its cache entry.
const FILE: &str = "image.tar";

/// The number of archives of an image that are kept: the one in use and the one in use before, of each Kubernetes
/// version.
const KEPT: usize = 4;

/// The number of archives that are written side by side. Writing is hashing, so there is one for each of two cores.
const SIDE_BY_SIDE: usize = 2;

/// Images, each in an archive of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// In the order of their short names.
    pub archives: Vec<Archive>,
}

/// An image in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// Its name in `pins.toml`, such as `redis`.
    pub short: String,
    /// Its full name, such as `docker.io/library/redis:7.0.15`.
    pub name: String,
    /// The archive.
    pub path: PathBuf,
    /// The digest of its manifest, `sha256:…`, which distinguishes it from every other image.
    pub digest: String,
}

impl Archive {
    /// Returns true if only nodes of kubeadm's run it.
    #[must_use]
    pub fn is_of_a_node(&self) -> bool {
        pins().images.get(&self.short).is_some_and(|pin| pin.of_a_node)
    }
}

/// The name and the digest: equal only for the same image under the same name.
impl std::fmt::Display for Archive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.name, self.digest)
    }
}

impl Images {
    /// Returns the images with these short names.
    #[must_use]
    pub fn only(&self, shorts: &[&str]) -> Self {
        Self {
            archives: self
                .archives
                .iter()
                .filter(|archive| shorts.contains(&archive.short.as_str()))
                .cloned()
                .collect(),
        }
    }

    /// Returns the archive of an image by its short name.
    #[must_use]
    pub fn get(&self, short: &str) -> Option<&Archive> {
        self.archives.iter().find(|archive| archive.short == short)
    }
}

/// Returns the architecture of images that are assembled here, as registries and nodes call it.
#[must_use]
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

/// Gives the archives of the images that `wanted` accepts, writing those whose content changed.
///
/// `cache` is the folder that binaries, images and stores share.
pub async fn build(
    wanted: impl Fn(&str, &ImagePin) -> bool,
    binaries: &Binaries,
    cache: &Path,
    events: &Events,
) -> Result<Images, Error> {
    let cache = Cache {
        folder: cache.join("images"),
        verify: crate::binaries::Verify::Cheaply,
    };
    let turns = Semaphore::new(SIDE_BY_SIDE);
    let iptables = match binaries.debian(DEBIAN) {
        Ok(debian) => Some(debian.iptables().await),
        Err(_) => None,
    };
    let can_be_had = |pin: &ImagePin| {
        let only_with = pin.only_with.as_deref();
        only_with.is_none_or(|program| binaries.has(program))
    };
    let wanted = pins()
        .images
        .iter()
        .filter(|(short, pin)| pin.is_for(binaries.kubernetes()) && wanted(short, pin) && can_be_had(pin));
    let archives = wanted.map(async |(short, pin)| {
        let name = pins().full_name(pin, binaries.kubernetes());
        let plan = contents::Plan::of(pin, binaries, iptables)?;
        let inputs = plan.inputs(&name);
        let entry = match cache.look_up(short, &inputs, STAGE, events).await? {
            Lookup::Found(entry) => entry,
            Lookup::Missing(reservation) => {
                // A closed semaphore would be the only failure, and nothing closes it.
                let _turn = turns.acquire().await;
                events.progress(STAGE, format!("writing {name}"));
                let target = reservation.folder().join(FILE);
                let image = name.clone();
                let writing = tokio::task::spawn_blocking(move || archive::write(&target, &image, &plan));
                let digest = writing.await.map_err(Error::stopped(&name))??;
                let entry = reservation.fill(inputs, vec![digest]).await?;
                cache.prune(short, KEPT)?;
                entry
            }
        };
        let digest = entry.manifest.notes.first().cloned().unwrap_or_default();
        Ok::<_, Error>(Archive {
            short: short.clone(),
            name,
            path: entry.folder.join(FILE),
            digest,
        })
    });
    Ok(Images {
        archives: try_join_all(archives).await?,
    })
}
