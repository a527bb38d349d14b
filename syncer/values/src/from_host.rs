//! Host objects that the guest shows, as the values ask for.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube_core::Selector;

use crate::mapping::Mapping;
use crate::naming::Tenant;
use crate::reader::{Mapped, NodeSelector, Values};

/// A mapping or selector that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub struct Unreadable {
    /// Its place in the model.
    pub place: &'static str,
    /// The defect, as a sentence about the mapping or selector.
    pub why: String,
}

/// The host's objects that the guest shows, read-only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FromHost {
    /// Cluster-scoped kinds, each with the labels of the objects that are shown: a selector as `kubectl --selector` takes
    /// it, empty for all.
    pub kinds: BTreeMap<HostKind, String>,
    /// ConfigMaps.
    pub config_maps: Vec<Mapping>,
    /// Secrets.
    pub secrets: Vec<Mapping>,
    /// Services, which have the host's address in the guest: `networking.replicateServices.fromHost`.
    pub services: Vec<Mapping>,
    /// Imported cluster-scoped kinds, each by the name of its CRD, `clusterissuers.cert-manager.io`. A kind that is not
    /// named here is imported from the tenant's own namespaces only.
    pub cluster_scoped: BTreeSet<String>,
}

/// A cluster-scoped kind whose host objects the guest can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostKind {
    /// Nodes. If they are not shown, a fake node stands for each host node that runs a pod of the tenant.
    Node,
    /// `StorageClass`es.
    StorageClass,
    /// `IngressClass`es.
    IngressClass,
    /// `RuntimeClass`es.
    RuntimeClass,
    /// `PriorityClass`es. A pod may use those that are shown; the others mean nothing on the host.
    PriorityClass,
}

/// Returns the objects that the guest shows.
///
/// # Errors
///
/// A mapping or selector cannot be read.
pub fn shown(tenant: &Tenant, values: &Values) -> Result<FromHost, Unreadable> {
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
    // Without a selector, nodes are shown as fake nodes while they run a pod, as they do without being asked for.
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
    Ok(FromHost {
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
