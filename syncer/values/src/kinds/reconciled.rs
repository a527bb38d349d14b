//! Kinds that have a reconciler of their own, and so no entry in a list of exports or imports.

use std::collections::BTreeSet;

use strum::IntoEnumIterator as _;

use super::{Context, CoreKind, List};
use crate::from_host::HostKind;
use crate::reader::ToHost;

/// Group, kind and plural of the kinds that the syncer always syncs from the guest to the host.
const TO_HOST: [(&str, &str, &str); 12] = [
    ("", "Pod", "pods"),
    ("", "Service", "services"),
    ("", "ConfigMap", "configmaps"),
    ("", "Secret", "secrets"),
    ("", "Namespace", "namespaces"),
    ("", "Endpoints", "endpoints"),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
    ("", "Node", "nodes"),
    ("", "PersistentVolume", "persistentvolumes"),
    ("", "Event", "events"),
    ("events.k8s.io", "Event", "events"),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    ),
];

/// Group and kind of the kinds that the syncer always shows in the guest.
const FROM_HOST: [(&str, &str); 5] = [
    ("", "Namespace"),
    ("", "PersistentVolume"),
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
];

/// A core kind that can be switched on.
struct Switchable {
    group: &'static str,
    kind: &'static str,
    plural: &'static str,
    /// The key of the switch.
    key: &'static str,
    /// Returns true if the values switch it on.
    is_on: fn(&ToHost) -> bool,
}

impl CoreKind {
    const fn switchable(self) -> Switchable {
        match self {
            Self::PersistentVolumeClaim => Switchable {
                group: "",
                kind: "PersistentVolumeClaim",
                plural: "persistentvolumeclaims",
                key: "`sync.toHost.persistentVolumeClaims.enabled` (`sync.persistentvolumeclaims.enabled` in the dialect of vcluster 0.15)",
                is_on: |to_host| to_host.persistent_volume_claims.enabled,
            },
            Self::Ingress => Switchable {
                group: "networking.k8s.io",
                kind: "Ingress",
                plural: "ingresses",
                key: "`sync.toHost.ingresses.enabled` (`sync.ingresses.enabled` in the dialect of vcluster 0.15)",
                is_on: |to_host| to_host.ingresses.enabled,
            },
            Self::NetworkPolicy => Switchable {
                group: "networking.k8s.io",
                kind: "NetworkPolicy",
                plural: "networkpolicies",
                key: "`sync.toHost.networkPolicies.enabled` (`sync.networkpolicies.enabled` in the dialect of vcluster 0.15)",
                is_on: |to_host| to_host.network_policies.enabled,
            },
            Self::PodDisruptionBudget => Switchable {
                group: "policy",
                kind: "PodDisruptionBudget",
                plural: "poddisruptionbudgets",
                key: "`sync.toHost.podDisruptionBudgets.enabled` (`sync.poddisruptionbudgets.enabled` in the dialect of vcluster 0.15)",
                is_on: |to_host| to_host.pod_disruption_budgets.enabled,
            },
            Self::ServiceAccount => Switchable {
                group: "",
                kind: "ServiceAccount",
                plural: "serviceaccounts",
                key: "`sync.toHost.serviceAccounts.enabled` (`sync.serviceaccounts.enabled` in the dialect of vcluster 0.15)",
                is_on: |to_host| to_host.service_accounts.enabled,
            },
        }
    }
}

/// Returns the core kinds that the values switch on.
pub(super) fn core(to_host: &ToHost) -> BTreeSet<CoreKind> {
    CoreKind::iter()
        .filter(|kind| (kind.switchable().is_on)(to_host))
        .collect()
}

/// Cluster-scoped kinds of the host that the guest can show: group, kind and the key of the switch.
const SHOWN: [(HostKind, &str, &str, &str); 5] = [
    (
        HostKind::Node,
        "",
        "Node",
        "`sync.fromHost.nodes.enabled` (`sync.nodes.enabled` in the dialect of vcluster 0.15)",
    ),
    (
        HostKind::StorageClass,
        "storage.k8s.io",
        "StorageClass",
        "`sync.fromHost.storageClasses.enabled` (`sync.hoststorageclasses.enabled` in the dialect of vcluster 0.15)",
    ),
    (
        HostKind::IngressClass,
        "networking.k8s.io",
        "IngressClass",
        "`sync.fromHost.ingressClasses.enabled` (`sync.ingressclasses.enabled` in the dialect of vcluster 0.15)",
    ),
    (
        HostKind::RuntimeClass,
        "node.k8s.io",
        "RuntimeClass",
        "`sync.fromHost.runtimeClasses.enabled`",
    ),
    (
        HostKind::PriorityClass,
        "scheduling.k8s.io",
        "PriorityClass",
        "`sync.fromHost.priorityClasses.enabled`",
    ),
];

/// Returns the reason for which a kind can't be in a list, if it has a reconciler that does the same.
pub(super) fn refusal(list: List, group: &str, kind: &str, context: &Context) -> Option<String> {
    match list {
        List::Export => {
            if TO_HOST.iter().any(|(g, k, _)| (*g, *k) == (group, kind)) {
                return Some(format!(
                    "the syncer reconciles this kind itself, without an entry: remove the export{}",
                    all_of(kind)
                ));
            }
            let mut on = context.core.iter().map(|core| core.switchable());
            let on = on.find(|on| (on.group, on.kind) == (group, kind));
            on.map(|on| {
                format!(
                    "the syncer reconciles this kind itself, as {} is on: remove the export, or switch that off",
                    on.key
                )
            })
        }
        List::Import => {
            if FROM_HOST.contains(&(group, kind)) {
                return Some(
                    "the syncer reconciles this kind itself, without an entry: remove the import".to_owned(),
                );
            }
            let shown = SHOWN
                .iter()
                .find(|(shown, g, k, _)| (*g, *k) == (group, kind) && context.shown.contains(shown));
            shown.map(|(.., key)| {
                format!(
                    "the guest shows the host's objects of this kind already, as {key} is on: remove the import, or switch that off"
                )
            })
        }
    }
}

/// Returns the rest of a message about a kind whose objects are on the host only while something names them.
fn all_of(kind: &str) -> &'static str {
    match kind {
        "ConfigMap" => {
            "; to have all of them on the host, set `sync.toHost.configMaps.all` (`sync.configmaps.all` in the dialect of vcluster 0.15)"
        }
        "Secret" => {
            "; to have all of them on the host, set `sync.toHost.secrets.all` (`sync.secrets.all` in the dialect of vcluster 0.15)"
        }
        _ => "",
    }
}

/// Returns the key that shows the host's objects of a kind in the guest.
pub(super) fn switch(group: &str, kind: &str) -> Option<&'static str> {
    let mut shown = SHOWN.iter();
    shown
        .find(|(_, g, k, _)| (*g, *k) == (group, kind))
        .map(|(.., key)| *key)
}

/// Returns the kind of a resource that has a reconciler.
pub(super) fn kind(group: &str, plural: &str) -> Option<&'static str> {
    let always = TO_HOST
        .iter()
        .map(|(group, kind, plural)| (*group, *plural, *kind));
    let core = CoreKind::iter()
        .map(CoreKind::switchable)
        .map(|core| (core.group, core.plural, core.kind));
    let mut all = always.chain(core);
    all.find(|(g, p, _)| (*g, *p) == (group, plural))
        .map(|(.., kind)| kind)
}
