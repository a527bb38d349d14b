//! Names, labels and annotations.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::sync::marks::{self, MANAGED_LABELS};

/// Annotation: the guest's generation that the host pod was last made to fit. While the guest is at it, the host's
/// spec is left alone, whatever admission on the host has made of it.
pub(crate) const OBJECT_GENERATION: &str = "vcluster.loft.sh/object-generation";

/// Adds what in-place changes and the downward API need to know later.
pub(super) fn annotate(guest: &Pod, annotations: &mut BTreeMap<String, String>) {
    let labels = marks::labels(&guest.metadata);
    if !labels.is_empty() {
        let names: Vec<&str> = labels.keys().map(String::as_str).collect();
        annotations.insert(MANAGED_LABELS.to_owned(), names.join("\n"));
    }
    let generation = guest.metadata.generation.unwrap_or_default();
    annotations.insert(OBJECT_GENERATION.to_owned(), generation.to_string());
}
