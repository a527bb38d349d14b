//! Conditions of patches.

use super::json::Json;
use super::model;
use super::path::{BadPath, Path};

/// A condition, ready to be evaluated.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    at: At,
    is: Is,
}

#[derive(Clone, Debug)]
enum At {
    Object(Path),
    Found(Path),
}

#[derive(Clone, Debug)]
enum Is {
    Equal(Json),
    NotEqual(Json),
    Empty(bool),
    /// The condition has no test, and never holds.
    Unsaid,
}

impl Condition {
    pub(super) fn parse(condition: &model::Condition) -> Result<Self, BadPath> {
        let at = match (&condition.sub_path, &condition.path) {
            (Some(path), _) => At::Found(Path::parse(path)?),
            (None, path) => At::Object(Path::parse(path.as_deref().unwrap_or("$"))?),
        };
        let is = match condition {
            model::Condition {
                empty: Some(empty), ..
            } => Is::Empty(*empty),
            model::Condition {
                equal: Some(value), ..
            } => Is::Equal(value.into()),
            model::Condition {
                not_equal: Some(value),
                ..
            } => Is::NotEqual(value.into()),
            _ => Is::Unsaid,
        };
        Ok(Self { at, is })
    }

    /// Returns true if it holds; one matching value is enough.
    fn holds(&self, object: &Json, found: Option<&Json>) -> bool {
        let values = match &self.at {
            At::Object(path) => path.values(object),
            At::Found(path) => found.map(|found| path.values(found)).unwrap_or_default(),
        };
        if values.is_empty() {
            return matches!(self.is, Is::Empty(true) | Is::NotEqual(_));
        }
        values.into_iter().any(|value| match &self.is {
            Is::Equal(wanted) => same(value, wanted),
            Is::NotEqual(unwanted) => !same(value, unwanted),
            Is::Empty(empty) => is_empty(value) == *empty,
            Is::Unsaid => false,
        })
    }
}

/// Returns true if all conditions hold for an object and for the value that a patch has found in it.
pub(super) fn all_hold(conditions: &[Condition], object: &Json, found: Option<&Json>) -> bool {
    conditions.iter().all(|condition| condition.holds(object, found))
}

/// Returns true if a value is a map of labels.
pub(super) fn is_labels(value: &Json) -> bool {
    matches!(value, Json::Map(labels) if labels.values().all(|value| matches!(value, Json::Text(_))))
}

/// Returns true if a value is a label selector.
pub(super) fn is_selector(value: &Json) -> bool {
    matches!(value, Json::Map(keys) if keys.iter().all(|(key, value)| match key.as_str() {
        "matchLabels" => *value == Json::Null || is_labels(value),
        "matchExpressions" => matches!(value, Json::List(_) | Json::Null),
        _ => false,
    }))
}

/// Returns true if two values are equal. A number or boolean also equals the text that it is written as, as a values file may
/// have either.
fn same(value: &Json, other: &Json) -> bool {
    let is_scalar = |value: &Json| !matches!(value, Json::List(_) | Json::Map(_));
    value == other || (is_scalar(value) && is_scalar(other) && value.plain() == other.plain())
}

fn is_empty(value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Text(text) => text.is_empty(),
        Json::List(items) => items.is_empty(),
        Json::Map(entries) => entries.is_empty(),
        Json::Bool(_) | Json::Number(_) => false,
    }
}
