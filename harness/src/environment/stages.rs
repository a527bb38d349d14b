//! The stages of [`super::up`], each with what it takes from the plan, the pins and the stages before.

use std::path::Path;

use super::Error;
use crate::components::{self, Components, Wanted};
use crate::events::Events;
use crate::helm::Helm;
use crate::images::{self, Images};
use crate::ledger::{Entry, Ledger};
use crate::pins::pins;
use crate::places::Places;
use crate::plan::Plan;
use crate::platform::{self, Platform};
use crate::substrate::native::{self, spec};
use crate::substrate::{self, Cluster};
use crate::tenants::{self, Tenant};

pub(super) async fn components(
    places: &Places,
    options: &components::Options,
    events: &Events,
) -> Result<Components, Error> {
    Ok(components::ensure(&places.cache, &Wanted::Everything, options, events).await?)
}

/// The images that the host's containerd has when it starts.
pub(super) struct Stored {
    pub images: Images,
    pub store: images::Store,
}

pub(super) async fn images(components: &Components, places: &Places, events: &Events) -> Result<Stored, Error> {
    let images = images::build(components, &places.cache, events).await?;
    let store = images::store::prepare(&images, components, &places.cache, events).await?;
    Ok(Stored { images, store })
}

pub(super) async fn substrate(
    plan: &Plan,
    places: &Places,
    folder: &Path,
    components: &Components,
    stored: &Stored,
    ledger: &Ledger,
    events: &Events,
) -> Result<Cluster, Error> {
    let run = folder.join("host");
    ledger.record(&Entry::Sandbox { environment: plan.name.clone(), folder: run.clone() })?;
    let debian = components.debian()?;
    let containerd = run.join("containerd");
    if !containerd.exists() {
        let draft = run.join("containerd.draft");
        std::fs::create_dir_all(&run).map_err(|source| Error::File { what: "make", path: run.clone(), source })?;
        stored.store.materialize(&draft)?;
        std::fs::rename(&draft, &containerd)
            .map_err(|source| Error::File { what: "make", path: containerd.clone(), source })?;
    }
    let mut programs = std::collections::BTreeMap::new();
    for name in spec::PROGRAMS.into_iter().chain(["ip"]) {
        programs.insert(name.to_owned(), components.program(name)?.to_owned());
    }
    let request = native::Request {
        name: plan.name.clone(),
        folder: run,
        keep: vec![places.cache.clone()],
        environment: sandbox_environment(components, debian, &programs).await,
        programs,
        cni_plugins: debian.cni_plugins(),
        pause_image: stored.images.name("pause").to_owned(),
    };
    let cluster = native::up(request, events).await.map_err(substrate::Error::from)?;
    substrate::dns::install(&cluster, stored.images.name("coredns")).await.map_err(Error::Substrate)?;
    Ok(cluster)
}
