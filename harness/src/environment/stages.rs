//! The stages of [`super::up`], each with its inputs from the plan, the pins and the previous stages.

use std::path::Path;

use provision::binaries::{self, Binaries};
use provision::events::Events;
use provision::helm::{Chart, Helm};
use provision::images;
use provision::pins::Kubernetes;
use provision::pins::pins;
use provision::places::Places;

use super::{Error, Recipe};
use crate::plan::{Dapr, Plan, Until};
use crate::platform::{self, Platform};
use crate::substrate::Cluster;
use crate::tenants::{self, Provider, Tenant};
use crate::vcluster;

/// The chart of one virtual cluster, in this workspace.
const CHART: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../syncer/chart");

pub(super) async fn binaries(
    recipe: &Recipe,
    places: &Places,
    options: &binaries::Options,
    events: &Events,
) -> Result<Binaries, Error> {
    Ok(binaries::ensure(&places.cache, &recipe.binaries(), options, events).await?)
}

/// Returns the settings for creating tenants of this environment.
pub(super) fn settings(
    plan: &Plan,
    run: &str,
    folder: &Path,
    cluster: &Cluster,
    binaries: &Binaries,
) -> Result<tenants::Settings, Error> {
    Ok(tenants::Settings {
        run: run.to_owned(),
        helm: Helm {
            program: binaries.program("helm")?.to_owned(),
            kubeconfig: cluster.kubeconfig.clone(),
            home: folder.join("helm"),
        },
        provider: provider(plan, cluster, binaries),
        kubeconfigs: folder.join("tenants"),
    })
}

fn provider(plan: &Plan, cluster: &Cluster, binaries: &Binaries) -> Provider {
    match &plan.vcluster {
        None => Provider::Embedded {
            chart: Chart::Folder(CHART.into()),
            set: chart_settings(cluster, plan.kubernetes, binaries),
        },
        Some(vcluster) => Provider::Vcluster {
            chart: vcluster.chart.clone(),
            images: vcluster::Images::of(plan.kubernetes, cluster.registry.as_deref()),
        },
    }
}

/// Returns the chart values that the host cluster decides for every virtual cluster if the values file does not set
/// them, so that both have the same Kubernetes version, Service addresses and source of images.
fn chart_settings(cluster: &Cluster, kubernetes: Kubernetes, binaries: &Binaries) -> Vec<String> {
    let image = |short| pins().image(short, kubernetes);
    let registry = cluster
        .registry
        .iter()
        .map(|registry| format!("defaults.defaultImageRegistry={registry}/"));
    // Its image has the same name whatever is in it: by this, a pod with another syncer is another pod.
    let syncer = binaries.found("syncer").ok();
    let syncer = syncer.map(|syncer| {
        format!(
            "defaults.syncer.podAnnotations.shared-dapr/syncer=sha256:{}",
            syncer.sha256
        )
    });
    [
        format!("defaults.serviceCIDR={}", cluster.service_cidr),
        // An environment does not outlive its host cluster, and not every class that a host has by default can be used there.
        "defaults.etcd.storage.persistence=false".to_owned(),
        format!("defaults.api.image={}", image("kube-apiserver")),
        format!("defaults.controller.image={}", image("kube-controller-manager")),
        r"defaults.syncer.nodeSelector.kubernetes\.io/os=linux".to_owned(),
        format!(
            r"defaults.syncer.nodeSelector.kubernetes\.io/arch={}",
            images::architecture()
        ),
    ]
    .into_iter()
    .chain(registry)
    .chain(syncer)
    .collect()
}

/// Refuses values with kinds that the host does not have and the platform does not bring.
pub(super) async fn kinds(plan: &Plan, cluster: &Cluster) -> Result<(), Error> {
    if plan.until < Until::Tenants || plan.vcluster.is_some() {
        return Ok(());
    }
    let values =
        vcluster_values::parse(&plan.values.text, &plan.values.origin).map_err(tenants::Error::from)?;
    Ok(tenants::kinds::known_before_the_platform(&cluster.client, "the tenants", &values).await?)
}

pub(super) async fn platform(
    plan: &Plan,
    settings: &tenants::Settings,
    cluster: &Cluster,
    binaries: &Binaries,
    events: &Events,
) -> Result<Platform, Error> {
    let kubernetes = binaries.kubernetes();
    let settings = platform::Settings {
        run: settings.run.clone(),
        helm: settings.helm.clone(),
        dapr_chart: binaries.folder("dapr")?.to_owned(),
        dapr_version: pins().version("dapr", kubernetes).unwrap_or_default().to_owned(),
        redis_image: cluster.image(&pins().image("redis", kubernetes)),
        pause_image: cluster.image(&pins().image("pause", kubernetes)),
        installs_dapr: plan.existing.dapr == Dapr::Install,
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
