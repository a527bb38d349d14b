//! Kinds that the syncer knows nothing of but their names.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::{Deserialize, Serialize};

use crate::patches::Patch;

/// The generic syncer's settings.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GenericSync {
    /// What it may do on the host; the chart narrows all of it to the tenant's own namespaces, and leaves
    /// reading custom resource definitions as the only rule for the whole host.
    pub cluster_role: Role,
    /// What it may do in the tenant's own namespaces.
    pub role: Role,
    /// Imported cluster-scoped kinds, by plural and group. Those of [`Import::cluster_scoped`] need not be
    /// here.
    pub cluster_scoped: Vec<String>,
    /// Which kinds go up and down.
    pub kinds: Generic,
}

impl GenericSync {
    /// All imported cluster-scoped kinds, by plural and group.
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

/// Rules that a role gets in addition.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Role {
    /// The rules, in Kubernetes' own form.
    pub extra_rules: Vec<PolicyRule>,
}

/// The kinds that go up and down.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Generic {
    /// What tenants make and the host gets.
    pub export: Vec<Export>,
    /// What the host makes in a tenant's namespaces and the guest gets.
    pub import: Vec<Import>,
}

/// How a kind is named. One does not follow from the other without asking the host.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged)]
pub enum KindName {
    /// As dialects before 0.28 do.
    #[serde(rename_all = "camelCase")]
    Kind {
        /// Group and version, such as `dapr.io/v1alpha1`; `v1` for core kinds.
        api_version: String,
        /// The kind, such as `Component`.
        kind: String,
    },
    /// As the dialect of 0.28 does.
    Resource {
        /// Plural and group, such as `components.dapr.io`, the name of its definition.
        resource: String,
        /// The version; the most stable one of the host if not given.
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

/// A kind that goes from guest to host.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// The kind.
    #[serde(flatten)]
    pub name: KindName,
    /// A host that does not have the kind is fine.
    #[serde(default)]
    pub optional: bool,
    /// An object that the host refuses to change is recreated.
    #[serde(default)]
    pub replace_on_conflict: bool,
    /// Which of its objects go; all if not given.
    #[serde(default)]
    pub selector: Option<Selector>,
    /// Changes on the way to the host.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Changes on the way back.
    #[serde(default)]
    pub reverse_patches: Vec<Patch>,
}

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// The labels that an object has to have.
    pub label_selector: BTreeMap<String, String>,
}

/// A kind that goes from host to guest.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// The kind.
    #[serde(flatten)]
    pub name: KindName,
    /// A host that does not have the kind is fine.
    #[serde(default)]
    pub optional: bool,
    /// Its objects are cluster-scoped; only of kinds that are named by resource.
    #[serde(default)]
    pub cluster_scoped: bool,
    /// Which of them and where they are in the guest, in the notation of [`ByName`](super::ByName); if empty, all that
    /// others make in the virtual cluster's own host namespaces, where it is.
    #[serde(default)]
    pub mappings: BTreeMap<String, String>,
    /// An object that the guest refuses to change is recreated. Of what is nobody's namespace, one of the tenant's own
    /// gives way.
    #[serde(default)]
    pub replace_on_conflict: bool,
    /// Changes on the way to the guest.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// Changes on the way back.
    #[serde(default)]
    pub reverse_patches: Vec<Patch>,
}
