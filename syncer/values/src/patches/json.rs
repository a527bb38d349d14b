//! A JSON value whose numbers keep the text that they were read from.
//!
//! Most values of a patched object are passed through, and `1e10` or 2^53+1 must not become another number.

use std::collections::BTreeMap;

use jsonpath_rust::query::queryable::Queryable;
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Error as _, Serialize, Serializer};
use serde_json::value::RawValue;

/// A JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Json {
    /// `null`.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number, as it is written.
    Number(String),
    /// A string.
    Text(String),
    /// An array.
    List(Vec<Self>),
    /// An object; the order of its keys means nothing.
    Map(BTreeMap<String, Self>),
}

impl Json {
    /// Reads a value.
    ///
    /// # Errors
    ///
    /// The text is not JSON.
    pub fn read(text: &str) -> Result<Self, serde_json::Error> {
        let text = text.trim();
        Ok(match text.bytes().next() {
            Some(b'{') => {
                let entries: BTreeMap<String, &RawValue> = serde_json::from_str(text)?;
                let entry = |(name, raw): (String, &RawValue)| Ok((name, Self::read(raw.get())?));
                Self::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?)
            }
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_str(text)?;
                let item = |raw: &RawValue| Self::read(raw.get());
                Self::List(items.into_iter().map(item).collect::<Result<_, _>>()?)
            }
            Some(b'"') => Self::Text(serde_json::from_str(text)?),
            Some(b't' | b'f') => Self::Bool(serde_json::from_str(text)?),
            Some(b'-' | b'0'..=b'9') => {
                let raw: &RawValue = serde_json::from_str(text)?;
                Self::Number(raw.get().to_owned())
            }
            _ => {
                let () = serde_json::from_str(text)?;
                Self::Null
            }
        })
    }

    /// Returns a merge patch from one value to another: keys that only the old one has are set to null.
    #[must_use]
    pub fn replacement(old: Option<Self>, new: Option<Self>) -> Self {
        match (old, new) {
            (Some(Self::Map(old)), Some(Self::Map(mut new))) => {
                for (name, value) in old {
                    let merged = match (value, new.remove(&name)) {
                        (value @ Self::Map(_), Some(later @ Self::Map(_))) => {
                            Self::replacement(Some(value), Some(later))
                        }
                        (_, later) => later.unwrap_or_default(),
                    };
                    new.insert(name, merged);
                }
                Self::Map(new)
            }
            (_, new) => new.unwrap_or_default(),
        }
    }

    /// Returns the value as text: strings without quotes, everything else as JSON.
    pub(super) fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => serde_json::to_string(other).unwrap_or_default(),
        }
    }
}

impl From<&serde_json::Value> for Json {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => Self::Number(number.to_string()),
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(entries) => {
                let entry = |(name, value): (&String, &serde_json::Value)| (name.clone(), Self::from(value));
                Self::Map(entries.iter().map(entry).collect())
            }
        }
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(text) => RawValue::from_string(text.clone())
                .map_err(S::Error::custom)?
                .serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(entries) => serializer.collect_map(entries),
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Self::read(raw.get()).map_err(D::Error::custom)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Json {
    fn from(number: i64) -> Self {
        Self::Number(number.to_string())
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number.to_string())
    }
}

impl From<Vec<Self>> for Json {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl Queryable for Json {
    fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(entries) => entries.get(key),
            _ => None,
        }
    }

    fn as_array(&self) -> Option<&Vec<Self>> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    fn as_object(&self) -> Option<Vec<(&str, &Self)>> {
        match self {
            Self::Map(entries) => Some(
                entries
                    .iter()
                    .map(|(name, value)| (name.as_str(), value))
                    .collect(),
            ),
            _ => None,
        }
    }

    fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Number(text) => text.parse().ok(),
            _ => None,
        }
    }

    fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    fn null() -> Self {
        Self::Null
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_stay_as_they_are_written() {
        let text = r#"{"a":[1e10,9007199254740993,-0.10,123456789012345678901234567890],"b":"00123","c":{"d":null,"e":true}}"#;
        let value: Json = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn a_replacement_nulls_what_is_gone_at_any_depth() {
        let old = json!({"phase": "Pending", "loadBalancer": {"ingress": [1]}, "message": "m"});
        let new = json!({"phase": "Running", "loadBalancer": {}});
        let patch = json!({"phase": "Running", "loadBalancer": {"ingress": null}, "message": null});
        let replacement = Json::replacement(Some((&old).into()), Some((&new).into()));
        assert_eq!(replacement, Json::from(&patch));
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "nul", "[1,]", "{\"a\"}", "1 2"] {
            Json::read(text).unwrap_err();
        }
    }
}
