//! The stages of [`super::up`], each with what it takes from the plan, the pins and the stages before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::Error;
use crate::components::{self, Components, Wanted};
use crate::events::Events;
use crate::helm::Helm;
use crate::images::{self, Store};
use crate::ledger::{Entry, Ledger};
use crate::pins::pins;
use crate::places::Places;
use crate::plan::Plan;
use crate::platform::{self, Platform};
use crate::substrate::native::address;
use crate::substrate::{self, Cluster, native};
use crate::tenants::{self, Tenant};

/// The chart of one virtual cluster, in this workspace.
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../syncer/chart");

pub(super) async fn components(
    places: &Places,
    options: &components::Options,
    events: &Events,
) -> Result<Components, Error> {
    Ok(components::ensure(&places.cache, &Wanted::Everything, options, events).await?)
}

/// A containerd root folder that has every image, as the host cluster starts with it.
pub(super) async fn images(
    components: &Components,
    places: &Places,
    events: &Events,
) -> Result<Store, Error> {
    let images = images::build(components, &places.cache, events).await?;
    Ok(images::store::ensure(&images, components, &places.cache, events).await?)
}

pub(super) async fn substrate(
    plan: &Plan,
    places: &Places,
    folder: &Path,
    components: &Components,
    store: &Store,
    ledger: &Ledger,
    events: &Events,
) -> Result<Cluster, Error> {
    let run = folder.join("host");
    ledger.record(&Entry::Sandbox {
        environment: plan.name.clone(),
        folder: run.clone(),
    })?;
    fill(store, &run).await?;
    let debian = components.debian(components::DEBIAN)?;
    let programs = native::PROGRAMS
        .into_iter()
        .map(|name| Ok((name.to_owned(), components.program(name)?.to_owned())))
        .collect::<Result<BTreeMap<String, PathBuf>, components::Error>>()?;
    let request = native::Request {
        name: plan.name.clone(),
        folder: run,
        keep: vec![places.cache.clone()],
        environment: debian
            .environment_with(debian.iptables().await)
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_string_lossy().into_owned()))
            .collect(),
        programs,
        cni_plugins: debian.cni_plugins(),
        pause_image: pins().image("pause"),
    };
    let cluster = native::up(request, events)
        .await
        .map_err(substrate::Error::from)?;
    substrate::dns::install(&cluster, &pins().image("coredns")).await?;
    Ok(cluster)
}

/// Gives containerd its images, all of them or none: a run that was cut off in between starts over.
async fn fill(store: &Store, run: &Path) -> Result<(), Error> {
    let (root, draft) = (run.join("containerd"), run.join("containerd.draft"));
    if root.exists() {
        return Ok(());
    }
    let failed = |what: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| Error::File { what, path, source }
    };
    if draft.exists() {
        fs::remove_dir_all(&draft).map_err(failed("remove", &draft))?;
    }
    fs::create_dir_all(run).map_err(failed("make", run))?;
    store.materialize(&draft).await?;
    fs::rename(&draft, &root).map_err(failed("name", &root))
}

/// How tenants of this environment are made.
pub(super) fn settings(
    run: &str,
    folder: &Path,
    cluster: &Cluster,
    components: &Components,
) -> Result<tenants::Settings, Error> {
    Ok(tenants::Settings {
        run: run.to_owned(),
        helm: Helm {
            program: components.program("helm")?.to_owned(),
            kubeconfig: cluster.kubeconfig.clone(),
            home: folder.join("helm"),
        },
        chart: PathBuf::from(CHART),
        service_cidr: address::SERVICES.to_owned(),
        kubeconfigs: folder.join("tenants"),
    })
}

pub(super) async fn platform(
    settings: &tenants::Settings,
    cluster: &Cluster,
    components: &Components,
    events: &Events,
) -> Result<Platform, Error> {
    let settings = platform::Settings {
        run: settings.run.clone(),
        helm: settings.helm.clone(),
        dapr_chart: components.dapr_chart()?.to_owned(),
        dapr_version: pins().version("dapr").unwrap_or_default().to_owned(),
        redis_image: pins().image("redis"),
        pause_image: pins().image("pause"),
    };
    Ok(platform::install(&settings, cluster, events).await?)
}

pub(super) async fn tenants(
    plan: &Plan,
    settings: &tenants::Settings,
    platform: &Platform,
    events: &Events,
) -> Result<Vec<Tenant>, Error> {
    let wanted: Vec<tenants::Wanted> = plan
        .tenants
        .iter()
        .map(|tenant| tenants::Wanted {
            name: tenant.name.clone(),
            values: plan.values.text.clone(),
        })
        .collect();
    Ok(tenants::create(settings, &wanted, platform, events).await?)
}
