//! Rules about the kinds that a values file exports and imports.
//!
//! `syncer values check` applies them to the file alone, with what is known of Kubernetes' own kinds. The running syncer
//! applies the same ones to what the host serves.

use std::collections::BTreeSet;
use std::fmt;

use crate::naming::is_label;
use crate::sync::{Config, CoreKind, Export, HostKind, Import};
use crate::values::{Generic, KindName, ToHost, Values};

/// Kubernetes' own kinds that are cluster-scoped.
pub mod builtin;

/// Kinds as the host serves them.
pub mod discovery;

/// Kinds that have a reconciler of their own.
mod reconciled;

/// The list of the values file that names a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum List {
    /// Kinds that go from guest to host.
    Export,
    /// Kinds that go from host to guest.
    Import,
}

impl fmt::Display for List {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Export => "export",
            Self::Import => "import",
        })
    }
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) list: List,
    /// The kind as messages name it.
    shown: String,
    group: String,
    kind: String,
    has_mappings: bool,
    has_reverse_patches: bool,
}

impl Entry {
    /// Returns the entry of an export.
    pub(crate) fn export(export: &Export) -> Self {
        Self::of_kind(List::Export, &export.api_version, &export.kind)
    }

    /// Returns the entry of an import.
    pub(crate) fn import(import: &Import) -> Self {
        Self {
            has_mappings: !import.mappings.is_empty(),
            has_reverse_patches: !import.reverse_patches.is_empty(),
            ..Self::of_kind(List::Import, &import.api_version, &import.kind)
        }
    }

    /// Returns the entries of a values file. Those are left out that name a resource which only the host knows.
    fn of_values(kinds: &Generic) -> Vec<Self> {
        let exports = kinds
            .export
            .iter()
            .filter_map(|export| Self::of_name(List::Export, &export.name));
        let imports = kinds.import.iter().filter_map(|import| {
            let entry = Self::of_name(List::Import, &import.name)?;
            Some(Self {
                has_mappings: !import.mappings.is_empty(),
                has_reverse_patches: !import.reverse_patches.is_empty(),
                ..entry
            })
        });
        exports.chain(imports).collect()
    }

    fn of_name(list: List, name: &KindName) -> Option<Self> {
        match name {
            KindName::Kind { api_version, kind } => Some(Self::of_kind(list, api_version, kind)),
            KindName::Resource { resource, .. } => {
                let (plural, group) = resource.split_once('.')?;
                let kind = reconciled::kind(group, plural).or_else(|| builtin::kind(group, plural))?;
                Some(Self {
                    shown: resource.clone(),
                    ..Self::of_kind(list, &format!("{group}/"), kind)
                })
            }
        }
    }

    fn of_kind(list: List, api_version: &str, kind: &str) -> Self {
        Self {
            list,
            shown: shown(api_version, kind),
            group: group(api_version).to_owned(),
            kind: kind.to_owned(),
            has_mappings: false,
            has_reverse_patches: false,
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.list, self.shown)
    }
}

/// The other values that decide about an entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Context {
    /// Core kinds that are switched on.
    pub(crate) core: BTreeSet<CoreKind>,
    /// Cluster-scoped kinds of the host that the guest shows.
    pub(crate) shown: BTreeSet<HostKind>,
    /// Cluster-scoped kinds that are imported, each by the name of its definition.
    pub(crate) cluster_scoped: BTreeSet<String>,
}

impl Context {
    /// Returns what the engine's configuration says.
    pub(crate) fn of_config(config: &Config) -> Self {
        Self {
            core: config.core.clone(),
            shown: config.from_host.kinds.keys().copied().collect(),
            cluster_scoped: config.from_host.cluster_scoped.clone(),
        }
    }

    /// Returns what the values say.
    fn of(values: &Values) -> Self {
        Self {
            core: core(&values.to_host),
            shown: shown_by(values),
            cluster_scoped: values.sync.generic.of_the_whole_host(),
        }
    }
}

/// The scope of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Plural and group, such as `components.dapr.io`.
    pub(crate) definition: String,
    /// They belong to namespaces.
    pub(crate) namespaced: bool,
}

/// Returns why each refused entry of a values file is refused, as far as it can be known without a host.
pub(crate) fn refused(values: &Values) -> Vec<(List, String)> {
    let context = Context::of(values);
    let entries = Entry::of_values(&values.sync.generic.kinds);
    let refused = entries.iter();
    refused
        .filter_map(|entry| Some((entry.list, refusal(entry, None, &context)?)))
        .collect()
}

/// Returns why an entry is refused, if it is. Without the scope that the host serves, Kubernetes' own kinds have the one that is
/// known.
pub(crate) fn refusal(entry: &Entry, scope: Option<&Scope>, context: &Context) -> Option<String> {
    let why = reconciled::refusal(entry.list, &entry.group, &entry.kind, context)
        .or_else(|| scope_refusal(entry, scope, context))?;
    Some(format!("{entry}: {why}"))
}

fn scope_refusal(entry: &Entry, scope: Option<&Scope>, context: &Context) -> Option<String> {
    let known = builtin::scope(&entry.group, &entry.kind);
    let Scope {
        definition,
        namespaced,
    } = scope.or(known.as_ref())?;
    let is_named = context.cluster_scoped.contains(definition);
    if *namespaced {
        return is_named.then(|| {
            format!(
                "the kind is namespaced, but `{definition}` is listed as cluster-scoped: remove it from `clusterScoped`, or use \
                 `scope: Namespaced`"
            )
        });
    }
    let instead = reconciled::switch(&entry.group, &entry.kind);
    match entry.list {
        List::Export => {
            let instead = instead.map_or_else(String::new, |key| {
                format!(", or show the host's objects in the guest by {key}")
            });
            Some(format!(
                "the kind is cluster-scoped, and objects of several tenants would have the same name on the host: remove the \
                 export{instead}"
            ))
        }
        List::Import if entry.has_mappings => Some(
            "the kind is cluster-scoped, so its objects cannot be mapped from one namespace to another: remove the mappings"
                .to_owned(),
        ),
        List::Import if !is_named => {
            // The core group has no name that a list of definitions could have.
            let named = (!definition.ends_with('.')).then(|| {
                format!(
                    "list `{definition}` in `clusterScoped` beside the imports (`scope: Cluster` in the dialect of vcluster \
                     0.28)"
                )
            });
            let instead = instead.map(|key| format!("set {key} instead of the import"));
            let ways: Vec<_> = named.into_iter().chain(instead).collect();
            let ways = if ways.is_empty() { "remove the import".to_owned() } else { ways.join(", or ") };
            Some(format!("the kind is cluster-scoped: {ways}"))
        }
        List::Import if entry.has_reverse_patches => Some(
            "the kind is cluster-scoped, and the syncer only reads the host's objects: remove the reversePatches".to_owned(),
        ),
        List::Import => None,
    }
}

/// Returns what is wrong with the name of a kind in a list, as a fragment that follows its key.
pub(crate) fn malformed(api_version: &str, kind: &str) -> Option<String> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let group_is_fine = !api_version.contains('/') || group.split('.').all(is_label);
    if !group_is_fine || !is_label(version) {
        let kind = if kind.is_empty() { "a kind" } else { kind };
        return Some(format!(
            "has {kind} with `apiVersion: \"{api_version}\"`; it has to be GROUP/VERSION, such as `dapr.io/v1alpha1`, or `v1` for \
             the core group"
        ));
    }
    (!is_label(&kind.to_lowercase())).then(|| {
        format!(
            "has `kind: \"{kind}\"` of {api_version}; it has to be the name of a kind, such as `Component`"
        )
    })
}

/// Returns the message about a kind that the host does not serve.
pub(crate) fn unknown(list: &str, kind: &str) -> String {
    format!(
        "the host does not know the kind {kind}: install its CRD on the host, or remove the {list} of it from the values"
    )
}

/// Returns a kind as messages name it.
pub(crate) fn shown(api_version: &str, kind: &str) -> String {
    format!("{kind} of {api_version}")
}

/// Returns the core kinds that are switched on.
pub(crate) fn core(to_host: &ToHost) -> BTreeSet<CoreKind> {
    let switches = [
        (
            to_host.persistent_volume_claims.enabled,
            CoreKind::PersistentVolumeClaim,
        ),
        (to_host.ingresses.enabled, CoreKind::Ingress),
        (to_host.network_policies.enabled, CoreKind::NetworkPolicy),
        (
            to_host.pod_disruption_budgets.enabled,
            CoreKind::PodDisruptionBudget,
        ),
        (to_host.service_accounts.enabled, CoreKind::ServiceAccount),
    ];
    let on = switches.into_iter().filter(|(on, _)| *on);
    on.map(|(_, kind)| kind).collect()
}

/// Returns the cluster-scoped kinds of the host that the guest shows.
fn shown_by(values: &Values) -> BTreeSet<HostKind> {
    let asked = &values.from_host;
    let nodes = &asked.nodes;
    let switches = [
        // Without a selector, nodes are shown while they run a pod, as they do without being asked for.
        (
            nodes.enabled && (nodes.selector.all || !nodes.selector.labels.is_empty()),
            HostKind::Node,
        ),
        (asked.storage_classes.enabled, HostKind::StorageClass),
        (asked.ingress_classes.enabled, HostKind::IngressClass),
        (asked.runtime_classes.enabled, HostKind::RuntimeClass),
        (asked.priority_classes.enabled, HostKind::PriorityClass),
    ];
    let on = switches.into_iter().filter(|(on, _)| *on);
    on.map(|(_, kind)| kind).collect()
}

fn group(api_version: &str) -> &str {
    api_version.rsplit_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
mod tests;
