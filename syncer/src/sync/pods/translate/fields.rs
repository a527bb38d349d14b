//! The list of a pod's fields in docs/pod-fields.md, made from a pod that has every field, and from its translation.
//!
//! `pod_fields` of the tests with two API servers compares the list with the OpenAPI of the Kubernetes in use.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::Value;
use vcluster_values::admission::{Admission, Resource};

use super::*;
use crate::generated::is_up_to_date;

/// The fate of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    AsIs,
    Translated,
    LeftOut,
    Refused,
}

impl Fate {
    fn name(self) -> &'static str {
        match self {
            Self::AsIs => "as is",
            Self::Translated => "translated",
            Self::LeftOut => "left out",
            Self::Refused => "refused",
        }
    }
}

use Fate::{LeftOut, Translated};

/// The fields that are changed for the host, by the prefixes of their paths, each with the reason. The longest prefix that
/// matches counts. Refused fields have the reasons of their Events.
const REASONS: &[(&str, Fate, &str)] = &[
    (
        "metadata",
        LeftOut,
        "the host's API server and controllers have their own",
    ),
    (
        "metadata.annotations",
        Translated,
        "with the syncer's own, and without kubectl's copy of what was applied",
    ),
    ("metadata.namespace", Translated, "the namespace's mirror"),
    (
        "metadata.ownerReferences",
        LeftOut,
        "the owners are in the guest, and so is the garbage collector",
    ),
    (
        "metadata.finalizers",
        LeftOut,
        "the controllers that remove them watch the guest",
    ),
    ("*.env[*].valueFrom.configMapKeyRef.name", Translated, ROOT_CA),
    (
        "*.env[*].valueFrom.fieldRef",
        Translated,
        "namespace, UID and service account are given as the guest's values",
    ),
    ("*.envFrom[*].configMapRef.name", Translated, ROOT_CA),
    (
        "spec.affinity",
        Translated,
        "keys whose expressions the guest's API server has put into the selector are not given twice",
    ),
    (NEAR, Translated, NAMESPACES),
    (NEAR_IF_POSSIBLE, Translated, NAMESPACES),
    (FAR, Translated, NAMESPACES),
    (FAR_IF_POSSIBLE, Translated, NAMESPACES),
    (
        "spec.topologySpreadConstraints",
        Translated,
        "as in `spec.affinity`",
    ),
    (
        "spec.automountServiceAccountToken",
        Translated,
        "false: the pod gets no token for the host's API",
    ),
    (
        "spec.dnsConfig",
        Translated,
        "the guest's DNS comes first, and at most 3 name servers and 32 search domains are kept",
    ),
    (
        "spec.dnsPolicy",
        Translated,
        "`None`, where the policy means the cluster's DNS",
    ),
    (
        "spec.nodeName",
        Translated,
        "a node selector: the host's scheduler decides",
    ),
    (
        "spec.nodeSelector",
        Translated,
        "with the label of the node that `spec.nodeName` names",
    ),
    ("spec.overhead", LeftOut, "the host's runtime class says it"),
    (
        "spec.preemptionPolicy",
        LeftOut,
        "the host's priority class says it",
    ),
    ("spec.priority", LeftOut, "the host's priority class says it"),
    (
        "spec.priorityClassName",
        LeftOut,
        "kept if the host shows the class",
    ),
    ("spec.schedulerName", LeftOut, "the host's scheduler schedules"),
    (
        "spec.schedulingGates",
        LeftOut,
        "the pod is created on the host once they are gone",
    ),
    (
        "spec.schedulingGroup",
        LeftOut,
        "the groups of the guest are not on the host",
    ),
    (
        "spec.serviceAccount",
        LeftOut,
        "the old name of `serviceAccountName`",
    ),
    (
        "spec.serviceAccountName",
        Translated,
        "the account's mirror, or the tenant's workload account",
    ),
    (
        "spec.setHostnameAsFQDN",
        Translated,
        "`hostnameOverride` with the name in the guest's DNS, where the host has that feature",
    ),
    ("spec.volumes[*].configMap.name", Translated, ROOT_CA),
    (
        "spec.volumes[*].downwardAPI.items[*].fieldRef.fieldPath",
        Translated,
        DOWNWARD,
    ),
    (
        "spec.volumes[*].projected.sources[*].configMap.name",
        Translated,
        ROOT_CA,
    ),
    (
        "spec.volumes[*].projected.sources[*].downwardAPI.items[*].fieldRef.fieldPath",
        Translated,
        DOWNWARD,
    ),
    (
        "spec.volumes[*].projected.sources[*].serviceAccountToken",
        Translated,
        "a key of a Secret that has the guest's tokens",
    ),
];

const ROOT_CA: &str = "`kube-root-ca.crt` has another name there";

const NAMESPACES: &str = "the mirrors of the namespaces, and no namespace of others";

const DOWNWARD: &str = "an annotation that has the guest's namespace, UID or annotations";

const NEAR: &str = "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[*].namespace";

const NEAR_IF_POSSIBLE: &str =
    "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[*].podAffinityTerm.namespace";

const FAR: &str = "spec.affinity.podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[*].namespace";

const FAR_IF_POSSIBLE: &str = "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[*].podAffinityTerm.namespace";

const HEAD: &str = "# The fields of a pod

This page lists every field of a guest's pod, with the form that it has in the host's pod by default. A test generates
the list from a pod that has every field (`syncer/src/sync/pods/translate/every`). Another test compares the list with
the OpenAPI of the Kubernetes in use, and fails if a field is missing. Kubernetes 1.33 lacks 16 of the fields of 1.36,
and has no others. A `*` at the start of a path stands for a container in any of the three lists of containers.

The syncer adds variables with the address of the guest's API. They come first in `env`, so variables of the same name
in `env` and `envFrom` take precedence.

*As is* means that the host's pod has the guest's value, with the defaults that the guest's API server has set.
*Refused* means that the pod is not created on the host if the field has a value that is not allowed, and that an Event
says why. [isolation.md](isolation.md#values) has the settings that allow more.

| below | fields | on the host | reason |
|---|---|---|---|
";

const CONTAINERS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

#[test]
fn every_field_has_a_documented_fate() {
    let guest = every_field();
    let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
    let surroundings = tests::surroundings(&tenant);
    let typed: Pod = serde_json::from_value(guest.clone()).unwrap();
    let mut host = host_pod(&typed, &surroundings);
    let added = typed.spec.clone().unwrap().ephemeral_containers.unwrap();
    host.spec.as_mut().unwrap().ephemeral_containers = Some(ephemeral(added, &typed, &surroundings));
    let mut refused = Admission::default().violations(Resource::Pods, &host);
    refused.extend(obstacles(&typed, &surroundings));
    let host = serde_json::to_value(&host).unwrap();

    let mut fates = Fates::default();
    fates.compare(&Place::default(), &guest, Some(&host), &refused);
    assert_eq!(fates.lacking, [""; 0], "REASONS has one for each");
    let unused = REASONS
        .iter()
        .filter(|(beginning, ..)| !fates.used.contains(beginning));
    assert_eq!(unused.count(), 0, "{:?} have counted", fates.used);
    is_up_to_date("docs/pod-fields.md", &format!("{HEAD}{}", fates.rows()));
}

/// Returns a pod that has every field, and the same container in each list.
fn every_field() -> Value {
    let mut pod: Value = serde_saphyr::from_str(include_str!("every/pod.yaml")).unwrap();
    let container: Value = serde_saphyr::from_str(include_str!("every/container.yaml")).unwrap();
    for list in CONTAINERS {
        let mut container = container.clone();
        if list != "ephemeralContainers" {
            container.as_object_mut().unwrap().remove("targetContainerName");
        }
        pod["spec"][list] = Value::Array(vec![container]);
    }
    pod
}

/// The path of a field in a pod, and in the list.
#[derive(Clone, Debug, Default)]
struct Place {
    path: String,
    name: String,
}

impl Place {
    fn field(&self, field: &str) -> Self {
        let below = |path: &str| match path {
            "" => field.to_owned(),
            path => format!("{path}.{field}"),
        };
        Self {
            path: below(&self.path),
            name: below(&self.name),
        }
    }

    fn item(&self, index: usize) -> Self {
        let name = match self.name.strip_prefix("spec.") {
            Some(list) if CONTAINERS.contains(&list) => "*".to_owned(),
            _ => format!("{}[*]", self.name),
        };
        Self {
            path: format!("{}[{index}]", self.path),
            name,
        }
    }

    /// Returns true if a violation, which begins with a path, is about the field.
    fn is_of(&self, violation: &str) -> bool {
        let path = violation.split_once(": ").map_or(violation, |(path, _)| path);
        let rest = self.path.strip_prefix(path).or_else(|| {
            // An item of a list of texts.
            (path
                .strip_prefix(self.path.as_str())
                .is_some_and(|rest| rest.starts_with('[')))
            .then_some("")
        });
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

/// The fates of all fields, with the reasons.
#[derive(Debug, Default)]
struct Fates {
    all: BTreeMap<String, (Fate, String)>,
    /// The prefixes of `REASONS` that have been used.
    used: BTreeSet<&'static str>,
    /// Fields that are changed for the host, without a reason.
    lacking: Vec<String>,
}

impl Fates {
    /// Compares guest and host at a place.
    fn compare(&mut self, place: &Place, guest: &Value, host: Option<&Value>, refused: &[String]) {
        match guest {
            Value::Object(fields) if !is_mapping(guest) => {
                for (field, value) in fields {
                    let host = host.and_then(|host| host.get(field));
                    self.compare(&place.field(field), value, host, refused);
                }
            }
            Value::Array(items) if items.iter().all(Value::is_object) => {
                for (index, item) in items.iter().enumerate() {
                    self.compare(&place.item(index), item, same(host, index, item), refused);
                }
            }
            _ => self.decide(place, guest, host, refused),
        }
    }

    fn decide(&mut self, place: &Place, guest: &Value, host: Option<&Value>, refused: &[String]) {
        let name = &place.name;
        let fate = if let Some(violation) = refused.iter().find(|violation| place.is_of(violation)) {
            let why = violation.split_once(": ").expect("it has a reason").1;
            (Fate::Refused, why.to_owned())
        } else if host == Some(guest) {
            (Fate::AsIs, String::new())
        } else {
            let fits = REASONS
                .iter()
                .filter(|(beginning, ..)| name.starts_with(beginning));
            let longest = fits.max_by_key(|(beginning, ..)| beginning.len());
            let Some((beginning, fate, why)) = longest else {
                self.lacking
                    .push(format!("{name}: {guest} in the guest, {host:?} on the host"));
                return;
            };
            self.used.insert(beginning);
            (*fate, (*why).to_owned())
        };
        // The name of a volume is the tenant's; what the volume is may be refused.
        let first = self.all.entry(name.clone()).or_insert_with(|| fate.clone());
        if name == "spec.volumes[*].name" {
            *first = (Fate::AsIs, String::new());
        } else {
            assert_eq!(*first, fate, "{name} has one fate");
        }
    }

    /// Writes the table: one row for all fields with the same place, fate and reason.
    fn rows(&self) -> String {
        let mut rows: BTreeMap<(&str, Fate, &str), Vec<&str>> = BTreeMap::new();
        for (name, (fate, why)) in &self.all {
            let (below, field) = name
                .rsplit_once('.')
                .expect("a pod's fields are in metadata and spec");
            rows.entry((below, *fate, why)).or_default().push(field);
        }
        let mut text = String::new();
        for ((below, fate, why), fields) in rows {
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "| `{below}` | {} | {} | {why} |",
                fields.join(", "),
                fate.name()
            );
        }
        text
    }
}

/// Returns true if a value is a mapping of names that the tenant chooses, and not an object with fields.
fn is_mapping(value: &Value) -> bool {
    let fields = value.as_object().expect("only objects are asked about");
    fields.keys().all(|field| field == "any")
}

/// Returns the item of the host's list for a guest's item: by its name, else by its index.
fn same<'a>(host: Option<&'a Value>, index: usize, item: &Value) -> Option<&'a Value> {
    let items = host?.as_array()?;
    match item.get("name") {
        // Of several of one name, the syncer's come first.
        Some(name) if name != "any" => items.iter().rev().find(|other| other.get("name") == Some(name)),
        _ => items.get(index),
    }
}
