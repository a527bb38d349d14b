//! The host cluster of each substrate: its material, and the way to bring it up.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use provision::binaries::{self, Binaries};
use provision::docker::Docker;
use provision::events::Events;
use provision::images::{self, Images, Store, node_image, registry};
use provision::pins::pins;
use provision::places::Places;

use super::{Error, Recipe};
use crate::ledger::{Entry, Ledger};
use crate::plan::{Plan, Substrate};
use crate::substrate::kind::{self, Nodes};
use crate::substrate::{self, Cluster, existing, forwarder, native};

/// The parts of the host cluster that exist before the cluster does.
#[derive(Debug)]
pub(super) enum Material {
    /// A containerd root folder that has every image.
    Native(Store),
    /// The nodes' image, and those that they are given.
    Kind { nodes: Nodes, archives: Vec<PathBuf> },
    /// Images that are pushed, if there is a registry for them.
    Existing(Images),
}

/// Assembles the material.
pub(super) async fn material(
    recipe: &Recipe,
    binaries: &Binaries,
    places: &Places,
    events: &Events,
) -> Result<Material, Error> {
    let images = images::build(
        |_, image| recipe.assembles(image),
        binaries,
        &places.cache,
        events,
    )
    .await?;
    Ok(match recipe.substrate {
        Substrate::Native => {
            Material::Native(images::store::ensure(&images, binaries, &places.cache, events).await?)
        }
        Substrate::Kind => {
            let upstream = pins().kind_node(binaries.kubernetes());
            let nodes = match upstream {
                Some(name) if recipe.pulls => Nodes::Pulled(name.to_owned()),
                _ => Nodes::Made(
                    node_image::ensure(binaries, &images, &places.cache, events)
                        .await
                        .map_err(|error| images::Error::from(Box::new(error)))?,
                ),
            };
            // What kubeadm starts is on a made node already.
            let loaded = images
                .archives
                .iter()
                .filter(|archive| recipe.pulls || !node_image::IMAGES.contains(&archive.short.as_str()));
            Material::Kind {
                nodes,
                archives: loaded.map(|archive| archive.path.clone()).collect(),
            }
        }
        Substrate::Existing => Material::Existing(images),
    })
}

/// Brings the host cluster up, or attaches to the one that is there.
pub(super) struct Host<'a> {
    pub(super) plan: &'a Plan,
    pub(super) run: &'a str,
    pub(super) places: &'a Places,
    pub(super) binaries: &'a Binaries,
    pub(super) ledger: &'a Ledger,
    pub(super) events: &'a Events,
}

impl Host<'_> {
    pub(super) async fn up(&self, folder: &Path, material: &Material) -> Result<Cluster, Error> {
        let run = folder.join("host");
        fs::create_dir_all(&run).map_err(failed("make", &run))?;
        match material {
            Material::Native(store) => Box::pin(self.native(run, store)).await,
            Material::Kind { nodes, archives } => Box::pin(self.kind(run, nodes, archives)).await,
            Material::Existing(images) => Box::pin(self.existing(run, images)).await,
        }
    }

    async fn native(&self, run: PathBuf, store: &Store) -> Result<Cluster, Error> {
        self.ledger.record(&Entry::Sandbox {
            environment: self.plan.name.clone(),
            folder: run.clone(),
        })?;
        fill(store, &run).await?;
        let debian = self.binaries.debian(binaries::DEBIAN)?;
        let programs = native::PROGRAMS
            .into_iter()
            .map(|name| Ok((name.to_owned(), self.binaries.program(name)?.to_owned())))
            .collect::<Result<BTreeMap<String, PathBuf>, binaries::Error>>()?;
        let request = native::Request {
            name: self.plan.name.clone(),
            folder: run,
            keep: vec![self.places.cache.clone()],
            environment: debian
                .environment_with(debian.iptables().await)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_string_lossy().into_owned()))
                .collect(),
            programs,
            cni_plugins: debian.cni_plugins(),
            pause_image: pins().image("pause", self.plan.kubernetes),
        };
        let cluster = native::up(request, self.events)
            .await
            .map_err(substrate::Error::from)?;
        substrate::dns::install(&cluster, &pins().image("coredns", self.plan.kubernetes)).await?;
        Ok(cluster)
    }

    async fn kind(&self, run: PathBuf, nodes: &Nodes, archives: &[PathBuf]) -> Result<Cluster, Error> {
        let docker = Docker::here();
        let entry = Entry::Kind {
            environment: self.plan.name.clone(),
            docker: docker.clone(),
        };
        let failed = |error: kind::Error| substrate::Error::from(error);
        if !self.ledger.entries()?.contains(&entry) {
            kind::require_none(&self.plan.name, &docker)
                .await
                .map_err(failed)?;
        }
        self.ledger.record(&entry)?;
        self.ledger.record(&Entry::Forwarder {
            folder: run.join(forwarder::FOLDER),
        })?;
        let request = kind::Request {
            name: self.plan.name.clone(),
            folder: run,
            kind: self.binaries.program("kind")?.to_owned(),
            nodes: nodes.clone(),
            archives: archives.to_vec(),
        };
        let cluster = kind::up(&request, &docker, self.events).await.map_err(failed)?;
        Ok(cluster)
    }

    async fn existing(&self, run: PathBuf, images: &Images) -> Result<Cluster, Error> {
        let request = super::existing::request(self.plan, run.clone(), self.run.to_owned());
        let failed = |error: existing::Error| substrate::Error::from(error);
        let found = super::existing::check(&request).await.map_err(failed)?;
        if let Some(registry) = &request.registry {
            registry::push(images, registry, self.binaries, self.events).await?;
        }
        self.ledger.record(&Entry::Added {
            kubeconfig: existing::kubeconfig(&run),
            run: self.run.to_owned(),
        })?;
        self.ledger.record(&Entry::Forwarder {
            folder: run.join(forwarder::FOLDER),
        })?;
        let cluster = existing::up(&request, &found, self.events)
            .await
            .map_err(failed)?;
        Ok(cluster)
    }
}

/// Gives containerd its images, all of them or none: a run that was cut off in between starts over.
async fn fill(store: &Store, run: &Path) -> Result<(), Error> {
    let (root, draft) = (run.join("containerd"), run.join("containerd.draft"));
    if root.exists() {
        return Ok(());
    }
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(failed("remove", &draft))?;
    }
    store.materialize(&draft).await?;
    fs::rename(&draft, &root).map_err(failed("name", &root))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}
