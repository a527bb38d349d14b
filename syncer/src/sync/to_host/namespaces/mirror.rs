//! The mirror of a guest namespace: its labels and annotations.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt;
use kube::core::PartialObjectMeta;
use serde_json::{Value, json};
use vcluster_values::admission::Level;
use vcluster_values::naming::{self, Tenant};

use super::NAME;
use crate::sync::runtime::context::Context;
use crate::sync::write::ownership::{self, MANAGED_LABELS};

/// The desired labels and annotations of a host namespace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mirror {
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Mirror {
    pub(super) fn of(guest: &Namespace, context: &Context) -> Self {
        let tenant = context.tenant();
        let labels = ownership::labels(&guest.metadata).into_iter();
        let labels = labels.filter(|(key, _)| key != NAME);
        let mut labels: BTreeMap<_, _> = labels
            .map(|(key, value)| (tenant.namespace_label(&key), value))
            .collect();
        labels.extend(context.config().namespace_labels.clone());
        labels.extend(tenant.labels());
        labels.insert(naming::MANAGED_BY.to_owned(), tenant.managed_by());
        let labels_of_guest = labels.keys().map(String::as_str).collect::<Vec<_>>().join("\n");
        let annotations = [
            (naming::OBJECT_NAME, guest.name_any()),
            (naming::OBJECT_UID, guest.uid().unwrap_or_default()),
            (MANAGED_LABELS, labels_of_guest),
        ];
        Self {
            labels,
            annotations: annotations.map(|(name, value)| (name.to_owned(), value)).into(),
        }
    }

    /// Keeps the Pod Security Standard of the host namespace if it is stricter: the host's administrator has set it, and the host
    /// does not let this virtual cluster lower it.
    pub(super) fn no_less_secure_than(mut self, mirror: Option<&PartialObjectMeta<Namespace>>) -> Self {
        let there = mirror.and_then(|mirror| mirror.labels().get(naming::POD_SECURITY));
        let wanted = self.labels.get(naming::POD_SECURITY);
        let level = |name: Option<&String>| name.and_then(|name| Level::of_name(name));
        if let Some(there) = there
            && level(Some(there)) > level(wanted)
        {
            self.labels.insert(naming::POD_SECURITY.to_owned(), there.clone());
        }
        self
    }

    pub(super) fn fits(&self, mirror: &PartialObjectMeta<Namespace>) -> bool {
        let has = |all: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>| {
            wanted.iter().all(|(name, value)| all.get(name) == Some(value))
        };
        has(mirror.labels(), &self.labels) && has(mirror.annotations(), &self.annotations)
    }

    pub(super) fn body(&self, name: &str) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": name, "labels": self.labels, "annotations": self.annotations},
        })
    }
}

/// Returns true if a host namespace is the mirror of this guest namespace of this tenant. The name does not prove it: it is
/// ambiguous (see [`Tenant::suffix`]), and 32 bits of a hash may collide.
pub(super) fn is_ours(tenant: &Tenant, name: &str, mirror: &PartialObjectMeta<Namespace>) -> bool {
    let labels = mirror.labels();
    labels
        .get(naming::VCLUSTER_NAME)
        .is_some_and(|label| label == tenant.name())
        && labels
            .get(naming::VCLUSTER_NAMESPACE)
            .is_some_and(|label| label == tenant.namespace())
        && mirror
            .annotations()
            .get(naming::OBJECT_NAME)
            .is_none_or(|guest| guest == name)
}
