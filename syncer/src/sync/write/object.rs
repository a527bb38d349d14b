//! An object of any kind. Its values keep the text that the API sent.
//!
//! Numbers are not parsed, so `1e10`, 2^53+1 and 0.1 reach the other side as they were written.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// An object: its metadata, and every other field as text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Object {
    /// Its metadata.
    pub(crate) metadata: ObjectMeta,
    /// `spec`, `data` and whatever else it has besides `apiVersion`, `kind` and `metadata`.
    pub(crate) fields: Arc<Fields>,
}

/// Top-level fields by name.
pub(crate) type Fields = BTreeMap<String, Box<RawValue>>;

impl Object {
    /// Reads one field into a type; `None` if it is missing.
    pub(crate) fn field<'a, T: Deserialize<'a>>(
        &'a self,
        name: &str,
    ) -> Result<Option<T>, serde_json::Error> {
        self.fields
            .get(name)
            .map(|raw| serde_json::from_str(raw.get()))
            .transpose()
    }
}

impl Resource for Object {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(kind: &ApiResource) -> Cow<'_, str> {
        kind.kind.as_str().into()
    }

    fn group(kind: &ApiResource) -> Cow<'_, str> {
        kind.group.as_str().into()
    }

    fn version(kind: &ApiResource) -> Cow<'_, str> {
        kind.version.as_str().into()
    }

    fn api_version(kind: &ApiResource) -> Cow<'_, str> {
        kind.api_version.as_str().into()
    }

    fn plural(kind: &ApiResource) -> Cow<'_, str> {
        kind.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a Kubernetes object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object, A::Error> {
        let mut metadata = ObjectMeta::default();
        let mut fields = Fields::new();
        while let Some(name) = map.next_key::<String>()? {
            match name.as_str() {
                "apiVersion" | "kind" => {
                    map.next_value::<IgnoredAny>()?;
                }
                "metadata" => metadata = map.next_value()?,
                _ => {
                    fields.insert(name, map.next_value()?);
                }
            }
        }
        Ok(Object {
            metadata,
            fields: Arc::new(fields),
        })
    }
}

/// The body of a request that writes an object.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    /// Its kind.
    pub(crate) kind: &'a ApiResource,
    /// The metadata to write.
    pub(crate) metadata: &'a ObjectMeta,
    /// The other fields.
    pub(crate) fields: &'a Fields,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3 + self.fields.len()))?;
        map.serialize_entry("apiVersion", &self.kind.api_version)?;
        map.serialize_entry("kind", &self.kind.kind)?;
        map.serialize_entry("metadata", self.metadata)?;
        for (name, value) in self.fields {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The body of an apply. The API reads it as YAML, which refuses some characters that are valid in JSON, and takes others for the
/// end of a line; they are escaped.
#[derive(Debug)]
pub(crate) struct Applied<T>(pub(crate) T);

impl<T: Serialize> Serialize for Applied<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        let json = RawValue::from_string(escaped(json)).map_err(serde::ser::Error::custom)?;
        json.serialize(serializer)
    }
}

/// Escapes characters in JSON that are not valid in YAML 1.1 (<https://yaml.org/spec/1.1/#id868524>), and line breaks. JSON has
/// such characters in strings only.
fn escaped(json: String) -> String {
    let is_special = |character: char| {
        matches!(
            character,
            '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
    };
    if !json.contains(is_special) {
        return json;
    }
    let mut all = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if is_special(character) {
            let _infallible = write!(all, "\\u{:04x}", u32::from(character));
        } else {
            all.push(character);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use kube::core::{ObjectList, WatchEvent};
    use serde_json::json;

    use super::*;

    const NUMBERS: &str =
        r#"{"a":"00123","b":9007199254740993,"c":1e10,"d":0.1,"e":"~","f":123456789012345678901234567890}"#;

    fn component() -> String {
        format!(
            r#"{{"apiVersion":"dapr.io/v1alpha1","kind":"Component","metadata":{{"name":"store"}},"spec":{NUMBERS}}}"#
        )
    }

    fn kind() -> ApiResource {
        ApiResource {
            group: "dapr.io".into(),
            version: "v1alpha1".into(),
            api_version: "dapr.io/v1alpha1".into(),
            kind: "Component".into(),
            plural: "components".into(),
        }
    }

    #[test]
    fn values_are_written_as_they_were_read() {
        let object: Object = serde_json::from_str(&component()).unwrap();
        let body = Body {
            kind: &kind(),
            metadata: &object.metadata,
            fields: &object.fields,
        };
        assert_eq!(serde_json::to_string(&body).unwrap(), component());
    }

    #[test]
    fn what_yaml_does_not_take_is_escaped() {
        let value = json!({"a": "Zürich \u{7f}\u{85}\u{2028}🦀"});
        let applied = serde_json::to_string(&Applied(&value)).unwrap();
        assert_eq!(applied, r#"{"a":"Zürich \u007f\u0085\u2028🦀"}"#);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&applied).unwrap(),
            value
        );
    }

    #[test]
    fn values_survive_a_list_and_a_watch() {
        let list = format!(
            r#"{{"kind":"List","apiVersion":"v1","metadata":{{}},"items":[{}]}}"#,
            component()
        );
        let list: ObjectList<Object> = serde_json::from_str(&list).unwrap();
        assert_eq!(list.items[0].fields["spec"].get(), NUMBERS);

        let event = format!(r#"{{"type":"ADDED","object":{}}}"#, component());
        let WatchEvent::Added(object) = serde_json::from_str::<WatchEvent<Object>>(&event).unwrap() else {
            panic!("the event adds an object");
        };
        assert_eq!(object.fields["spec"].get(), NUMBERS);
    }
}
