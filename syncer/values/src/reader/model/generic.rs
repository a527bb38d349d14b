//! Kinds of which the syncer knows only the names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::{Deserialize, Serialize};

use crate::patches::Patch;

/// The generic syncer's settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GenericSync {
    /// Rules of the syncer on the host. The chart narrows all of them to the tenant's own namespaces; the only rule for the whole
    /// host that remains is to read CRDs.
    pub cluster_role: Role,
    /// Rules of the syncer in the tenant's own namespaces.
    pub role: Role,
    /// Imported cluster-scoped kinds, by plural and group. Those of [`Import::cluster_scoped`] may be omitted here.
    pub cluster_scoped: Vec<String>,
    /// The kinds that are exported and imported.
    pub kinds: Generic,
}

impl GenericSync {
    /// Returns all imported cluster-scoped kinds, by plural and group.
    #[must_use]
    pub fn of_the_whole_host(&self) -> BTreeSet<String> {
        let imports = self.kinds.import.iter().filter(|import| import.cluster_scoped);
        let named = imports.filter_map(|import| match &import.name {
            KindName::Resource { resource, .. } => Some(resource),
            KindName::Kind { .. } => None,
        });
        named.chain(&self.cluster_scoped).cloned().collect()
    }
}

/// Additional rules of a role.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Role {
    /// The rules, in Kubernetes' own form.
    pub extra_rules: Vec<PolicyRule>,
}

/// The kinds that are exported and imported.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Generic {
    /// Exported kinds: objects of tenants that have mirrors on the host.
    pub export: Vec<Export>,
    /// Imported kinds: foreign objects in a tenant's host namespaces that are shown in the guest.
    pub import: Vec<Import>,
}

/// The name of a kind. One form cannot be derived from the other without asking the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum KindName {
    /// The form of dialects before 0.28.
    #[serde(rename_all = "camelCase")]
    Kind {
        /// Group and version, such as `dapr.io/v1alpha1`; `v1` for core kinds.
        api_version: String,
        /// The kind, such as `Component`.
        kind: String,
    },
    /// The form of the dialect of 0.28.
    Resource {
        /// Plural and group, such as `components.dapr.io`: the name of its CRD.
        resource: String,
        /// The version; by default the most stable one of the host.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
}

impl KindName {
    /// Returns the API group; empty for the core group.
    #[must_use]
    pub fn group(&self) -> &str {
        match self {
            Self::Kind { api_version, .. } => api_version.rsplit_once('/').map_or("", |(group, _)| group),
            Self::Resource { resource, .. } => resource.split_once('.').map_or("", |(_, group)| group),
        }
    }
}

impl fmt::Display for KindName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind { api_version, kind } => write!(formatter, "{kind} of {api_version}"),
            Self::Resource {
                resource,
                version: None,
            } => formatter.write_str(resource),
            Self::Resource {
                resource,
                version: Some(version),
            } => write!(formatter, "{resource}/{version}"),
        }
    }
}

/// A kind that is exported from guest to host.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// The kind.
    #[serde(flatten)]
    pub name: KindName,
    /// True if the host may lack the kind.
    #[serde(default)]
    pub optional: bool,
    /// True if an object that the host refuses to change is recreated.
    #[serde(default)]
    pub replace_on_conflict: bool,
    /// The objects that are exported; by default all.
    #[serde(default)]
    pub selector: Option<Selector>,
    /// Patches of the mirror.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Patches of the guest object, by values of the mirror.
    #[serde(default)]
    pub reverse_patches: Vec<Patch>,
}

/// A selector of objects of a kind.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// The labels that an object has to have.
    pub label_selector: BTreeMap<String, String>,
}

/// A kind that is imported from host to guest.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// The kind.
    #[serde(flatten)]
    pub name: KindName,
    /// True if the host may lack the kind.
    #[serde(default)]
    pub optional: bool,
    /// True if its objects are cluster-scoped; only of kinds that are named by resource.
    #[serde(default)]
    pub cluster_scoped: bool,
    /// The mappings of the objects to the guest, in the notation of [`ByName`](super::ByName). If empty, all foreign objects in
    /// the virtual cluster's own host namespaces are imported, each to its guest namespace.
    #[serde(default)]
    pub mappings: BTreeMap<String, String>,
    /// True if an object that the guest refuses to change is recreated. A cluster-scoped or mapped copy also replaces the
    /// tenant's own object of the same name.
    #[serde(default)]
    pub replace_on_conflict: bool,
    /// Patches of the copy.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Patches of the host object, by values of the copy.
    #[serde(default)]
    pub reverse_patches: Vec<Patch>,
}
