//! A YAML document with the line of everything in it.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

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

/// Where in the file a text within the file begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    line: u64,
    /// Its lines are lines of the file: it is a block, not a quoted string.
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

    /// The text at the end of a path of keys, if there is one, and where it begins.
    pub(super) fn text_at(&self, path: &[&str]) -> Option<(&str, Place)> {
        let (first, rest) = path.split_first()?;
        let Self::Map(entries) = self else { return None };
        let (key, value) = entries.iter().find(|(key, _)| key.value == *first)?;
        if !rest.is_empty() {
            return value.value.text_at(rest);
        }
        let Self::Leaf(serde_json::Value::String(text)) = &value.value else {
            return None;
        };
        let line = value.referenced.line();
        Some((
            text,
            Place {
                line,
                block: line > key.referenced.line(),
            },
        ))
    }

    /// Whether it is a value that asks for nothing: false, zero, empty, or a mapping of nothing but such.
    pub(super) fn is_off(&self) -> bool {
        match self {
            Self::Map(entries) => entries.iter().all(|(_, value)| value.value.is_off()),
            Self::List(items) => items.is_empty(),
            Self::Leaf(serde_json::Value::Null) => true,
            Self::Leaf(serde_json::Value::Bool(on)) => !on,
            Self::Leaf(serde_json::Value::Number(number)) => number.as_f64() == Some(0.0),
            Self::Leaf(serde_json::Value::String(text)) => matches!(text.trim(), "" | "---"),
            Self::Leaf(_) => false,
        }
    }

    /// A leaf as it would be written.
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

/// What a YAML error says, and where.
pub(super) fn problem(error: &serde_saphyr::Error) -> Problem {
    let error = error.without_snippet();
    let location = error.location();
    let line = location.map_or(0, |location| location.line());
    let mut message = error.to_string();
    if let Some(location) = location {
        let place = format!(" at line {}, column {}", location.line(), location.column());
        message = message.replace(&place, "");
    }
    Problem {
        line,
        what: What::Malformed(message),
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
