//! What the host shows: takes what the values ask for, gives what the engine is told.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;

use crate::naming::Tenant;
use crate::sync::{self, Mapping};
use crate::values::{Mapped, NodeSelector, Values};

/// A mapping or selector that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Unreadable {
    /// Its place in the model.
    pub(crate) place: &'static str,
    /// The defect, as a sentence about the mapping or selector.
    pub(crate) why: String,
}

/// Returns what the host shows.
pub(crate) fn shown(tenant: &Tenant, values: &Values) -> Result<sync::FromHost, Unreadable> {
    use sync::HostKind;
    let asked = &values.from_host;
    let classes = [
        (
            HostKind::StorageClass,
            "fromHost.storageClasses.selector",
            &asked.storage_classes,
        ),
        (
            HostKind::IngressClass,
            "fromHost.ingressClasses.selector",
            &asked.ingress_classes,
        ),
        (
            HostKind::RuntimeClass,
            "fromHost.runtimeClasses.selector",
            &asked.runtime_classes,
        ),
        (
            HostKind::PriorityClass,
            "fromHost.priorityClasses.selector",
            &asked.priority_classes,
        ),
    ];
    let classes = classes.into_iter().filter(|(.., classes)| classes.enabled);
    let mut kinds: BTreeMap<HostKind, String> = classes
        .map(|(kind, place, classes)| {
            let asked = classes.selector.as_ref();
            let selector = asked.map(|asked| selector(place, asked)).transpose()?;
            Ok((kind, selector.unwrap_or_default()))
        })
        .collect::<Result<_, Unreadable>>()?;
    // Without a selector, nodes have stand-ins while they run a pod, as they do without being asked for.
    let NodeSelector { all, labels } = &asked.nodes.selector;
    if asked.nodes.enabled && (*all || !labels.is_empty()) {
        let labels = LabelSelector {
            match_labels: (!all).then(|| labels.clone()),
            ..LabelSelector::default()
        };
        kinds.insert(HostKind::Node, selector("fromHost.nodes.selector", &labels)?);
    }
    let services = values.networking.replicate_services.from_host.iter();
    let services = services.map(|one| Mapping::of_service(&one.from, &one.to, tenant.namespace()));
    Ok(sync::FromHost {
        kinds,
        config_maps: mappings("fromHost.configMaps.mappings.byName", &asked.config_maps, tenant)?,
        secrets: mappings("fromHost.secrets.mappings.byName", &asked.secrets, tenant)?,
        services: services
            .collect::<Result<_, _>>()
            .map_err(unreadable("networking.replicateServices.fromHost"))?,
        cluster_scoped: values.sync.generic.of_the_whole_host(),
    })
}

fn unreadable(place: &'static str) -> impl Fn(String) -> Unreadable {
    move |why| Unreadable { place, why }
}

fn mappings(place: &'static str, asked: &Mapped, tenant: &Tenant) -> Result<Vec<Mapping>, Unreadable> {
    let by_name = asked.mappings.by_name.iter().filter(|_| asked.enabled);
    by_name
        .map(|(from, to)| Mapping::parse(from, to, tenant.namespace()))
        .collect::<Result<_, _>>()
        .map_err(unreadable(place))
}

/// Returns a label selector as `kubectl --selector` takes it.
fn selector(place: &'static str, asked: &LabelSelector) -> Result<String, Unreadable> {
    let selector = Selector::try_from(asked.clone());
    selector
        .map(|selector| selector.to_string())
        .map_err(|error| unreadable(place)(format!("this is no label selector: {error}")))
}
