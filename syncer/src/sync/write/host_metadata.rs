//! Labels and annotations that the host has given a mirror, shown in the guest.
//!
//! Labels and annotations that admission and controllers of the host add to a mirror are shown on the guest's object, too. A key
//! that the tenant has set is the tenant's: its value goes to the host, whatever the host had there.
//!
//! The guest's object has an annotation with the keys that came from the host, each with a digest of its value. The digest lets the
//! syncer (1) not sync host-set keys back, (2) remove them when the host removes them, and (3) hand a key to the tenant once the
//! tenant changes its value.

use std::collections::{BTreeMap, HashSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use serde_json::{Map, Value, json};
use vcluster_values::naming::own::HOST_MANAGED_KEYS;
use vcluster_values::naming::{self, MANAGED_ANNOTATIONS};

use super::ownership::{self, MANAGED_LABELS};
use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::key::Key;

/// Keys that controllers write for themselves or for each other: for volumes, limit ranges, leader election and Rancher's
/// addresses.
const NOT_SHOWN: [&str; 6] = [
    "kubernetes.io/limit-ranger",
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/",
    "control-plane.alpha.kubernetes.io/leader",
    "field.cattle.io/publicEndpoints",
];

/// One of the two maps of metadata.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Named {
    /// Labels.
    Label,
    /// Annotations.
    Annotation,
}

/// Shows in the guest the labels and annotations that the host has added to a mirror.
pub(crate) async fn show(
    context: &Context,
    kind: &ApiResource,
    key: &Key,
    guest: &ObjectMeta,
    host: &ObjectMeta,
) -> Result<(), ReconcileError> {
    let Some(mut changes) = changes(guest, host) else {
        return Ok(());
    };
    changes.insert("uid".to_owned(), json!(guest.uid));
    let changes = json!({"metadata": changes});
    let writer = context.in_guest(kind, key);
    writer
        .merge("patch", &changes, "by the host's labels and annotations")
        .await
}

/// Returns the changes of the guest's metadata.
fn changes(guest: &ObjectMeta, host: &ObjectMeta) -> Option<Map<String, Value>> {
    let note = Note::of(guest);
    let annotations_of_host = host.annotations.as_ref();
    let managed = |by: &str| {
        annotations_of_host
            .and_then(|all| all.get(by))
            .map(String::as_str)
    };
    let mut now = Vec::new();
    let mut changes = Map::new();
    for (named, field, guests, hosts, managed) in [
        (
            Named::Label,
            "labels",
            &guest.labels,
            &host.labels,
            managed(MANAGED_LABELS),
        ),
        (
            Named::Annotation,
            "annotations",
            &guest.annotations,
            &host.annotations,
            managed(MANAGED_ANNOTATIONS),
        ),
    ] {
        let none = BTreeMap::new();
        let of = Sides {
            named,
            guest: guests.as_ref().unwrap_or(&none),
            host: hosts.as_ref().unwrap_or(&none),
            managed: managed.into_iter().flat_map(str::lines).collect(),
        };
        let changed = of.compare(&note, &mut now);
        if !changed.is_empty() {
            changes.insert(field.to_owned(), Value::Object(changed));
        }
    }
    if note.lines.iter().ne(now.iter()) {
        let note = (!now.is_empty()).then(|| now.join("\n"));
        changes.entry("annotations").or_insert_with(|| json!({}))[HOST_MANAGED_KEYS] = json!(note);
    }
    (!changes.is_empty()).then_some(changes)
}

/// The labels, or the annotations, of a guest object and of its mirror.
struct Sides<'a> {
    named: Named,
    guest: &'a BTreeMap<String, String>,
    host: &'a BTreeMap<String, String>,
    /// The keys that the syncer has copied to the host, also if the guest no longer has them.
    managed: HashSet<&'a str>,
}

impl Sides<'_> {
    /// Returns the changes in the guest; lines for the keys that the host then owns are added to `now`.
    fn compare(&self, note: &Note, now: &mut Vec<String>) -> Map<String, Value> {
        let mut changes = Map::new();
        for (name, theirs) in self.host.iter().filter(|(name, _)| self.is_given(name)) {
            match self.guest.get(name) {
                Some(ours) if !note.has(self.named, name, ours) => continue,
                Some(ours) if ours == theirs => {}
                _ => {
                    changes.insert(name.clone(), json!(theirs));
                }
            }
            now.push(line(self.named, name, theirs));
        }
        for (name, ours) in self.guest {
            let is_left = self.host.contains_key(name) && self.is_given(name);
            if !is_left && note.has(self.named, name, ours) {
                changes.insert(name.clone(), Value::Null);
            }
        }
        changes
    }

    fn is_given(&self, name: &str) -> bool {
        !ownership::is_kept_back(name)
            && !NOT_SHOWN.iter().any(|not| name.starts_with(not))
            && !self.managed.contains(name)
    }
}

/// The note of a guest object about labels and annotations that came from the host.
///
/// The tenant can forge it: then a label or annotation of the tenant's own does not reach the host.
pub(crate) struct Note<'a> {
    lines: Vec<&'a str>,
}

impl<'a> Note<'a> {
    /// Reads the note of a guest object.
    pub(crate) fn of(guest: &'a ObjectMeta) -> Self {
        let noted = guest
            .annotations
            .as_ref()
            .and_then(|all| all.get(HOST_MANAGED_KEYS));
        Self {
            lines: noted.map(|noted| noted.lines().collect()).unwrap_or_default(),
        }
    }

    /// Returns true if a value is unchanged since it came from the host.
    pub(crate) fn has(&self, named: Named, name: &str, value: &str) -> bool {
        !self.lines.is_empty() && self.lines.contains(&line(named, name, value).as_str())
    }
}

fn line(named: Named, name: &str, value: &str) -> String {
    let named = match named {
        Named::Label => "label",
        Named::Annotation => "annotation",
    };
    format!("{named} {name} {}", naming::short_hash(value))
}

#[cfg(test)]
mod tests;
