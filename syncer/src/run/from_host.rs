//! What the host shows: takes what the values ask for, gives what the engine is told.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::core::Selector;

use crate::naming::Tenant;
use crate::sync::{self, Mapping};
use crate::values::{Mapped, NodeSelector, Values};

/// What the host shows, or which mapping or selector can't be read.
pub(super) fn shown(tenant: &Tenant, values: &Values) -> Result<sync::FromHost, String> {
    use sync::HostKind;
    let asked = &values.from_host;
    let classes = [
        (HostKind::StorageClass, &asked.storage_classes),
        (HostKind::IngressClass, &asked.ingress_classes),
        (HostKind::RuntimeClass, &asked.runtime_classes),
        (HostKind::PriorityClass, &asked.priority_classes),
    ];
    let classes = classes.into_iter().filter(|(_, classes)| classes.enabled);
    let mut kinds: BTreeMap<HostKind, String> = classes
        .map(|(kind, classes)| {
            let selector = classes.selector.as_ref().map(selector).transpose()?;
            Ok((kind, selector.unwrap_or_default()))
        })
        .collect::<Result<_, String>>()?;
    // Without a selector, nodes have stand-ins while they run a pod, as they do without being asked for.
    let NodeSelector { all, labels } = &asked.nodes.selector;
    if asked.nodes.enabled && (*all || !labels.is_empty()) {
        let labels = LabelSelector {
            match_labels: (!all).then(|| labels.clone()),
            ..LabelSelector::default()
        };
        kinds.insert(HostKind::Node, selector(&labels)?);
    }
    let services = values.networking.replicate_services.from_host.iter();
    let services = services.map(|one| Mapping::of_service(&one.from, &one.to, tenant.namespace()));
    Ok(sync::FromHost {
        kinds,
        config_maps: mappings(&asked.config_maps, tenant)?,
        secrets: mappings(&asked.secrets, tenant)?,
        services: services.collect::<Result<_, _>>()?,
        cluster_scoped: values.sync.generic.of_the_whole_host(),
    })
}

fn mappings(asked: &Mapped, tenant: &Tenant) -> Result<Vec<Mapping>, String> {
    let by_name = asked.mappings.by_name.iter().filter(|_| asked.enabled);
    by_name
        .map(|(from, to)| Mapping::parse(from, to, tenant.namespace()))
        .collect()
}

/// A label selector as `kubectl --selector` takes it.
fn selector(asked: &LabelSelector) -> Result<String, String> {
    let selector = Selector::try_from(asked.clone());
    selector
        .map(|selector| selector.to_string())
        .map_err(|error| format!("a selector of classes or nodes: {error}"))
}
