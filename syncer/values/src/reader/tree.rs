//! A YAML document with the line of each value.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::yaml_error::problem;
use super::{Problem, What};

/// A YAML document.
#[derive(Debug)]
pub(super) enum Tree {
    /// A mapping, in the order of the text.
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
    /// A sequence.
    List(Vec<Spanned<Self>>),
    /// Anything else.
    Leaf(serde_json::Value),
}

/// The start of a text within the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    line: u64,
    /// True if its lines are lines of the file: it is a block, not a quoted string.
    block: bool,
}

impl Tree {
    /// Reads a document; an empty one is an empty mapping.
    pub(super) fn parse(text: &str) -> Result<Self, Problem> {
        match serde_saphyr::from_str(text).map_err(|error| problem(&error))? {
            Self::Leaf(serde_json::Value::Null) => Ok(Self::Map(Vec::new())),
            tree @ Self::Map(_) => Ok(tree),
            Self::List(_) | Self::Leaf(_) => Err(Problem {
                line: 1,
                what: What::Malformed("expected keys and values".to_owned()),
            }),
        }
    }

    /// Returns the value of one of its own keys, and the key's line.
    pub(super) fn get(&self, name: &str) -> Option<(u64, &Self)> {
        let Self::Map(entries) = self else { return None };
        let (key, value) = entries.iter().find(|(key, _)| key.value == name)?;
        Some((key.referenced.line(), &value.value))
    }

    /// Returns the start of a text at the end of a path of keys.
    pub(super) fn place_of(&self, path: &str) -> Option<Place> {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        let Self::Map(entries) = self else { return None };
        let (key, value) = entries.iter().find(|(key, _)| key.value == first)?;
        if !rest.is_empty() {
            return value.value.place_of(rest);
        }
        let line = value.referenced.line();
        let block = line > key.referenced.line();
        Some(Place { line, block })
    }

    /// Returns the document without its lines.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.value.clone(), value.value.to_json()))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            Self::List(items) => items.iter().map(|item| item.value.to_json()).collect(),
            Self::Leaf(value) => value.clone(),
        }
    }

    /// Returns true if there is no value.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Leaf(serde_json::Value::Null))
    }

    /// Returns true if it asks for nothing, as [`is_off`].
    pub(super) fn is_off(&self) -> bool {
        is_off(&self.to_json())
    }

    /// Returns a leaf as text.
    pub(super) fn plain(&self) -> Option<String> {
        match self {
            Self::Leaf(serde_json::Value::String(text)) => Some(text.clone()),
            Self::Leaf(value) => Some(value.to_string()),
            Self::Map(_) | Self::List(_) => None,
        }
    }
}

impl Place {
    /// Moves a problem from the text's own lines to those of the file.
    pub(super) fn shift(self, problem: Problem) -> Problem {
        let line = if self.block {
            self.line + problem.line.saturating_sub(1)
        } else {
            self.line
        };
        Problem { line, ..problem }
    }
}

/// Returns true if a value asks for nothing: false, zero, empty, `auto`, or a mapping of only such values.
pub(super) fn is_off(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Object(entries) => entries.values().all(is_off),
        Value::Array(items) => items.is_empty(),
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => matches!(text.trim(), "" | "---" | "auto" | "false"),
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Anything)
    }
}

struct Anything;

impl<'de> Visitor<'de> for Anything {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Leaf(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Leaf(serde_json::Value::Null))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }
}
