//! Lists of exported and imported kinds. Dialects up to 0.25 name a kind by API version and kind, and dialects since 0.28 by
//! resource and group. One cannot be derived from the other without asking the host.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::table::{Fate, Row, SAME, Shape};
use super::mappings;
use crate::kinds::malformed;
use crate::naming::is_label;

/// The keys of the text at `sync.generic.config`, and of `experimental.genericSync`.
pub(in crate::reader) const EMBEDDED: &[Row] = &[
    (
        "version",
        Shape::Text,
        Fate::Only("v1beta1", "it is the only version"),
    ),
    ("{export,import}", Shape::Items(&["apiVersion", "kind"]), KINDS),
    ("{export,import}[].{apiVersion,kind}", Shape::Text, Fate::Inside),
    (
        "{export,import}[].{optional,replaceOnConflict}",
        Shape::Bool,
        Fate::Inside,
    ),
    ("export[].selector", Shape::Keys, Fate::Inside),
    ("export[].selector.labelSelector", Shape::Labels, Fate::Inside),
    (
        "{export,import}[].{patches,reversePatches}",
        Shape::Patches,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].op",
        Shape::OneOf(OPERATIONS),
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].{path,fromPath,namePath,namespacePath,regex}",
        Shape::Text,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].value",
        Shape::Any,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].ignore",
        Shape::Bool,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].conditions",
        Shape::Items(&[]),
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].conditions[].{path,subPath}",
        Shape::Text,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].conditions[].{equal,notEqual}",
        Shape::Any,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].conditions[].empty",
        Shape::Bool,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].sync",
        Shape::Keys,
        Fate::Inside,
    ),
    (
        "{export,import}[].{patches,reversePatches}[].sync.{secret,configmap}",
        Shape::Bool,
        Fate::Inside,
    ),
    ("hooks", Shape::Any, Fate::Refuse("hooks are not done")),
];

const KINDS: Fate = match SAME {
    Fate::Read(_, to) => Fate::Read(super::Form::Kinds, to),
    other => other,
};

const OPERATIONS: &[&str] = &[
    "rewriteName",
    "rewriteLabelKey",
    "rewriteLabelSelector",
    "rewriteLabelExpressionsSelector",
    "copyFromObject",
    "add",
    "replace",
    "remove",
];

/// The scope of a cluster-scoped kind in the dialect of 0.28.
const CLUSTER: &str = "Cluster";

/// The direction of a list of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    Export,
    Import,
}

/// Reads kinds by API version and kind. Each may have one rule only: two rules that write the same object on the host would undo
/// each other's writes, whatever version of the kind they name.
pub(super) fn read_kinds(kinds: Value) -> Result<Value, String> {
    let mut seen = BTreeSet::new();
    for kind in kinds.as_array().into_iter().flatten() {
        let [api_version, name] = ["apiVersion", "kind"].map(|key| kind[key].as_str().unwrap_or_default());
        if let Some(why) = malformed(api_version, name) {
            return Err(why);
        }
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        if !seen.insert((group, name)) {
            let group = if group.is_empty() { "the core group" } else { group };
            return Err(format!(
                "names {name} of {group} twice: a kind has one rule, for all its versions"
            ));
        }
    }
    Ok(kinds)
}

/// Reads kinds by resource and group, `components.dapr.io` or `components.dapr.io/v1alpha1`. Each may have one rule only, too.
pub(super) fn read_resources(resources: &Value, direction: Direction) -> Result<Value, String> {
    let resources = resources.as_object().into_iter().flatten();
    let enabled = resources.filter(|(_, asked)| asked["enabled"] == true);
    let mut seen = BTreeSet::new();
    enabled
        .map(|(name, asked)| {
            let (resource, version) = match name.split_once('/') {
                Some((resource, version)) => (resource, Some(version)),
                None => (name.as_str(), None),
            };
            if version == Some("") {
                return Err(not_a_resource(name));
            }
            resource_name(resource).map_err(|_| not_a_resource(name))?;
            if !seen.insert(resource) {
                return Err(format!(
                    "names `{resource}` twice: a kind has one rule, for all its versions"
                ));
            }
            let mut kind = json!({ "resource": resource });
            if let Some(version) = version {
                kind["version"] = version.into();
            }
            if direction == Direction::Import {
                read_place(name, asked, &mut kind)?;
            }
            Ok(kind)
        })
        .collect()
}

/// Reads the scope and the mappings of an imported kind.
fn read_place(name: &str, asked: &Value, kind: &mut Value) -> Result<(), String> {
    let mappings = mappings::by_name(asked["mappings"]["byName"].clone())
        .map_err(|why| format!("has `{name}`, which {why}"))?;
    let is_mapped = mappings.as_object().is_some_and(|mappings| !mappings.is_empty());
    if asked["scope"] == CLUSTER {
        if is_mapped {
            return Err(format!(
                "has `{name}`, which is cluster-scoped and cannot be mapped from one to another"
            ));
        }
        kind["clusterScoped"] = true.into();
    }
    if is_mapped {
        kind["mappings"] = mappings;
    }
    Ok(())
}

/// Checks a list of kinds by resource and group. Each becomes a permission on the whole host, so it has to be a name, not a
/// pattern.
pub(super) fn resource_names(names: Value) -> Result<Value, String> {
    let texts = names.as_array().into_iter().flatten();
    for name in texts.map(|name| name.as_str().unwrap_or_default()) {
        resource_name(name)?;
    }
    Ok(names)
}

fn resource_name(name: &str) -> Result<(), String> {
    if name.contains('.') && name.split('.').all(is_label) {
        return Ok(());
    }
    Err(not_a_resource(name))
}

fn not_a_resource(name: &str) -> String {
    format!("has `{name}`; a kind there is `<plural>.<group>`, such as `components.dapr.io`")
}

/// Writes kinds by resource and group.
pub(super) fn write_resources(kinds: &Value, direction: Direction) -> Result<Value, String> {
    let mut written = Map::new();
    for kind in kinds.as_array().into_iter().flatten() {
        let Some(resource) = kind.get("resource").and_then(Value::as_str) else {
            return Err(format!(
                "it has {}; vcluster 0.28 names kinds by resource, as in `components.dapr.io`, which only the host knows",
                named(kind)
            ));
        };
        let name = match kind.get("version").and_then(Value::as_str) {
            Some(version) => format!("{resource}/{version}"),
            None => resource.to_owned(),
        };
        let asked = match direction {
            Direction::Export => json!({"enabled": true}),
            Direction::Import if kind["clusterScoped"] == true => json!({"enabled": true, "scope": CLUSTER}),
            Direction::Import => match kind.get("mappings") {
                Some(mappings) if mappings != &json!({}) => {
                    json!({"enabled": true, "scope": "Namespaced", "mappings": {"byName": mappings}})
                }
                _ => json!({"enabled": true, "scope": "Namespaced"}),
            },
        };
        written.insert(name, asked);
    }
    Ok(written.into())
}

/// Writes kinds by API version and kind.
pub(super) fn write_kinds(kinds: &Value) -> Result<Value, String> {
    let kinds = kinds.as_array().into_iter().flatten();
    kinds
        .map(|kind| match kind.get("resource") {
            None => Ok(kind.clone()),
            Some(_) => Err(format!(
                "it has {}; dialects before 0.28 name kinds by `apiVersion` and `kind`, which only the host knows",
                named(kind)
            )),
        })
        .collect()
}

fn named(kind: &Value) -> String {
    let text = |key: &str| kind.get(key).and_then(Value::as_str).unwrap_or_default();
    match text("resource") {
        "" => format!("{} {}", text("apiVersion"), text("kind")),
        resource => resource.to_owned(),
    }
}
