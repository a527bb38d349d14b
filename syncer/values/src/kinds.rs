//! Rules about the kinds that a values file exports and imports.
//!
//! `syncer values check` applies them to the file alone, with what is known of Kubernetes' own kinds. The running syncer
//! applies the same ones to what the host serves.

use std::collections::BTreeSet;
use std::fmt;

use crate::from_host::HostKind;
use crate::naming::is_label;
use crate::reader::{Generic, KindName, ToHost, Values};

/// Kubernetes' own kinds that are cluster-scoped.
pub mod builtin;

/// Kinds that have a reconciler of their own.
mod reconciled;

/// The list of the values file that names a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Kinds that are exported from guest to host.
    Export,
    /// Kinds that are imported from host to guest.
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

/// One of Kubernetes' own kinds that the syncer syncs to the host if the values switch it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum CoreKind {
    /// PVCs. Each of their PersistentVolumes is shown in the guest.
    PersistentVolumeClaim,
    /// Ingresses.
    Ingress,
    /// Network policies.
    NetworkPolicy,
    /// `PodDisruptionBudget`s.
    PodDisruptionBudget,
    /// Service accounts. The tenant's pods run as these on the host.
    ServiceAccount,
}

/// One entry of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The list.
    pub list: List,
    /// The kind as messages name it.
    shown: String,
    group: String,
    kind: String,
    has_mappings: bool,
    has_reverse_patches: bool,
}

impl Entry {
    /// Returns an entry for a kind.
    #[must_use]
    pub fn new(list: List, api_version: &str, kind: &str) -> Self {
        Self {
            list,
            shown: shown(api_version, kind),
            group: group(api_version).to_owned(),
            kind: kind.to_owned(),
            has_mappings: false,
            has_reverse_patches: false,
        }
    }

    /// Returns the entry with mappings, if `has_mappings`, and with reverse patches, if `has_reverse_patches`.
    #[must_use]
    pub fn with(self, has_mappings: bool, has_reverse_patches: bool) -> Self {
        Self {
            has_mappings,
            has_reverse_patches,
            ..self
        }
    }

    /// Returns the entry for a name in a values file, or nothing if the name is of a resource that only the host knows.
    fn of_name(list: List, name: &KindName) -> Option<Self> {
        match name {
            KindName::Kind { api_version, kind } => Some(Self::new(list, api_version, kind)),
            KindName::Resource { resource, .. } => {
                let (plural, group) = resource.split_once('.')?;
                let kind = reconciled::kind(group, plural).or_else(|| builtin::kind(group, plural))?;
                Some(Self {
                    shown: resource.clone(),
                    ..Self::new(list, &format!("{group}/"), kind)
                })
            }
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} of {}", self.list, self.shown)
    }
}

/// An entry of a values file.
struct Listed<'a> {
    list: List,
    name: &'a KindName,
    optional: bool,
    has_mappings: bool,
    has_reverse_patches: bool,
}

impl<'a> Listed<'a> {
    /// Returns the entries of a values file.
    fn all(kinds: &'a Generic) -> impl Iterator<Item = Self> {
        let exports = kinds.export.iter().map(|export| Self {
            list: List::Export,
            name: &export.name,
            optional: export.optional,
            has_mappings: false,
            has_reverse_patches: false,
        });
        let imports = kinds.import.iter().map(|import| Self {
            list: List::Import,
            name: &import.name,
            optional: import.optional,
            has_mappings: !import.mappings.is_empty(),
            has_reverse_patches: !import.reverse_patches.is_empty(),
        });
        exports.chain(imports)
    }
}

/// The other values that decide about an entry.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Core kinds that are switched on.
    pub core: BTreeSet<CoreKind>,
    /// Cluster-scoped kinds of the host that the guest shows.
    pub shown: BTreeSet<HostKind>,
    /// Cluster-scoped kinds that are imported, each by the name of its CRD.
    pub cluster_scoped: BTreeSet<String>,
}

impl Context {
    /// Returns the context of a values file.
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
pub struct Scope {
    /// Plural and group, such as `components.dapr.io`.
    pub definition: String,
    /// True if its objects are namespaced.
    pub namespaced: bool,
}

/// A kind as the host serves it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The API group; empty for the core group.
    pub group: String,
    /// The kind, such as `Component`.
    pub kind: String,
    /// The scope.
    pub scope: Scope,
}

/// Returns the reasons for which entries of a values file are refused, as far as they can be known without a host.
pub(crate) fn refused(values: &Values) -> Vec<(List, String)> {
    let context = Context::of(values);
    Listed::all(&values.sync.generic.kinds)
        .filter_map(|listed| {
            let entry = Entry::of_name(listed.list, listed.name)?;
            let entry = entry.with(listed.has_mappings, listed.has_reverse_patches);
            Some((entry.list, refusal(&entry, None, &context)?))
        })
        .collect()
}

/// Returns the names of all kinds that a values file exports or imports.
pub fn names(values: &Values) -> impl Iterator<Item = &KindName> {
    Listed::all(&values.sync.generic.kinds).map(|listed| listed.name)
}

/// Returns the reasons for which the syncer would not start with these values on a host: kinds that the host does not serve, and
/// those whose scope does not fit their entry. `asks` selects the API groups that matter, `serves` returns a kind as the host
/// serves it.
pub fn refused_by_host(
    values: &Values,
    asks: impl Fn(&str) -> bool,
    serves: impl Fn(&KindName) -> Option<Served>,
) -> Vec<String> {
    let context = Context::of(values);
    Listed::all(&values.sync.generic.kinds)
        .filter(|listed| asks(listed.name.group()))
        .filter_map(|listed| match serves(listed.name) {
            Some(Served { group, kind, scope }) => {
                let entry = Entry {
                    list: listed.list,
                    shown: listed.name.to_string(),
                    group,
                    kind,
                    has_mappings: listed.has_mappings,
                    has_reverse_patches: listed.has_reverse_patches,
                };
                refusal(&entry, Some(&scope), &context)
            }
            None if listed.optional => None,
            None => Some(unknown(&listed.list.to_string(), &listed.name.to_string())),
        })
        .collect()
}

/// Returns the reason for which an entry is refused, if it is. Without the scope that the host serves, Kubernetes' own kinds have
/// the scope in the built-in list.
#[must_use]
pub fn refusal(entry: &Entry, scope: Option<&Scope>, context: &Context) -> Option<String> {
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

/// Returns the defect in the name of a kind in a list, as a fragment that follows its key.
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
#[must_use]
pub fn unknown(list: &str, kind: &str) -> String {
    format!(
        "the host does not know the kind {kind}: install its CRD on the host, or remove the {list} of it from the values"
    )
}

/// Returns a kind as messages name it.
#[must_use]
pub fn shown(api_version: &str, kind: &str) -> String {
    format!("{kind} of {api_version}")
}

/// Returns the core kinds that are switched on.
#[must_use]
pub fn core(to_host: &ToHost) -> BTreeSet<CoreKind> {
    reconciled::core(to_host)
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
