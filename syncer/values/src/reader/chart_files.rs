//! Files by which the chart reads values files, made of the dialects' tables: the places at which its templates find each key's
//! value, and the schema that Helm checks files against.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::check::EXTENSION;
use super::dialect::Dialect;
use super::forms::Form;
use super::table::{Fate, Key, Shape};
use super::{FromHost, Integrations, Networking, Policies, ToHost};

/// The place at which the templates find that each guest namespace has a host namespace of its own.
const OWN_NAMESPACES: &str = "ownNamespaces";

/// Returns the values at the places of the model that apply by default, and the moves of keys: from the key, to the place, in a
/// form.
///
/// # Errors
///
/// None in practice: the model is plain data.
pub fn keys() -> serde_json::Result<Value> {
    let mut moves = Vec::new();
    for dialect in Dialect::ALL {
        for key in &dialect.table().keys {
            for moved in moved(key) {
                if !key.path.starts_with("defaults.") && !moves.contains(&moved) {
                    moves.push(moved);
                }
            }
        }
    }
    Ok(json!({
        "base": {
            "fallbackHostDns": false,
            "namespaces": {"labels": {}, "mappings": {"byName": {}}},
            "sync": {"generic": {
                "clusterRole": {"extraRules": []}, "role": {"extraRules": []}, "clusterScoped": [],
                "mapped": [],
            }},
            "toHost": serde_json::to_value(ToHost::default())?,
            "fromHost": serde_json::to_value(FromHost::default())?,
            "networking": serde_json::to_value(Networking::default())?,
            "policies": serde_json::to_value(Policies::default())?,
            "integrations": serde_json::to_value(Integrations::default())?,
        },
        "required": Dialect::ALL.map(Dialect::required),
        "moves": moves,
    }))
}

/// Returns the places that the value of a key is moved to, and the form; several places if it has several meanings.
fn moved(key: &Key) -> Vec<Value> {
    let steps = |path: &str| path.split('.').map(Value::from).collect::<Value>();
    let (from, to) = (steps(&key.path), steps(&key.to));
    let form = match key.fate {
        Fate::Required => return vec![json!({"from": from, "to": [OWN_NAMESPACES], "form": "plain"})],
        Fate::Read(form, _) => form,
        _ => return Vec::new(),
    };
    let moved = match form {
        Form::Plain
        | Form::Namespaces
        | Form::Resources
        | Form::Mappings
        | Form::HostServices
        | Form::GuestServices => {
            json!({"from": from, "to": to, "form": "plain"})
        }
        Form::Optional => json!({"from": from, "to": to, "form": "optional"}),
        Form::Auto => json!({"from": from, "to": to, "form": "switch"}),
        Form::Selector => json!({"from": from, "to": to, "form": "selector"}),
        Form::Registry => json!({"from": from, "to": to, "form": "registry"}),
        Form::Image(registry, repository) => {
            json!({"from": from, "to": to, "form": "image", "registry": registry, "repository": repository})
        }
        Form::Program => {
            json!({"from": from, "to": to, "form": "image", "registry": "registry.k8s.io", "repository": ""})
        }
        // The syncer needs the right to what it has to sync; with these, nobody writes the rule.
        Form::ExportedResources | Form::ImportedResources => {
            json!({"from": from, "to": ["sync", "generic", "role", "extraRules"], "form": "resources"})
        }
        // The kinds themselves are for the syncer alone.
        Form::Text | Form::Kinds | Form::Not => return Vec::new(),
    };
    if form == Form::ImportedResources {
        let whole_host =
            json!({"from": from, "to": ["sync", "generic", "clusterScoped"], "form": "cluster-resources"});
        let mapped = json!({"from": from, "to": ["sync", "generic", "mapped"], "form": "mapped-resources"});
        return vec![moved, whole_host, mapped];
    }
    vec![moved]
}

/// Returns the schema: every key of every dialect, and its type.
#[must_use]
pub fn schema() -> Value {
    let mut root = Node::default();
    for dialect in Dialect::ALL {
        for key in &dialect.table().keys {
            root.at(&key.path).add(key);
        }
    }
    let mut schema = root.keys();
    schema["patternProperties"] = json!({ format!("^{EXTENSION}"): {} });
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Values of a virtual cluster, in any dialect of vcluster's".into();
    schema
}

/// A key and the keys below it.
#[derive(Debug, Default)]
struct Node {
    below: BTreeMap<String, Self>,
    /// The distinct shapes: dialects agree about most keys that they share.
    shapes: Vec<Shape>,
    description: Option<&'static str>,
}

impl Node {
    fn at(&mut self, path: &str) -> &mut Self {
        let steps = path.split('.').flat_map(|step| match step.strip_suffix("[]") {
            Some(list) => vec![list, "[]"],
            None => vec![step],
        });
        steps.fold(self, |node, step| node.below.entry(step.to_owned()).or_default())
    }

    fn add(&mut self, key: &Key) {
        if !self.shapes.contains(&key.shape) {
            self.shapes.push(key.shape);
        }
        if let Fate::Refuse(why) | Fate::Only(_, why) = key.fate {
            self.description = Some(why);
        }
    }

    fn schema(&self) -> Value {
        let mut schemas: Vec<Value> = self.shapes.iter().map(|shape| self.of_shape(*shape)).collect();
        let mut schema = match schemas.len() {
            0 => self.keys(),
            1 => schemas.remove(0),
            _ => json!({ "anyOf": schemas }),
        };
        if let Some(why) = self.description {
            schema["description"] = why.into();
        }
        schema
    }

    fn keys(&self) -> Value {
        let properties: Map<_, _> = (self.below.iter())
            .map(|(key, node)| (key.clone(), node.schema()))
            .collect();
        json!({"type": ["object", "null"], "properties": properties, "additionalProperties": false})
    }

    fn of_shape(&self, shape: Shape) -> Value {
        let list = |items: Value| json!({"type": ["array", "null"], "items": items});
        let item = |step: &str, required: &[&str]| {
            let mut item = self.below.get(step).map_or_else(|| json!({}), Self::keys);
            if !required.is_empty() {
                item["required"] = json!(required);
            }
            item
        };
        match shape {
            Shape::Bool => json!({"type": ["boolean", "null"]}),
            Shape::Switch => json!({"enum": [true, false, "true", "false", "auto", null]}),
            Shape::Text => json!({"type": ["string", "null"]}),
            Shape::OneOf(texts) => json!({ "enum": texts }),
            Shape::Whole => json!({"type": ["integer", "null"], "minimum": 0, "maximum": 1000}),
            Shape::Texts => list(json!({"type": "string"})),
            Shape::Labels => json!({"type": ["object", "null"], "additionalProperties": {"type": "string"}}),
            Shape::Object => json!({"type": ["object", "null"]}),
            Shape::Objects => list(json!({"type": "object"})),
            Shape::Keys => self.keys(),
            Shape::Items(required) => list(item("[]", required)),
            Shape::Patches => list(item("[]", &["op", "path"])),
            Shape::Named(required) => {
                json!({"type": ["object", "null"], "additionalProperties": item("*", required)})
            }
            Shape::Any => json!({}),
        }
    }
}
