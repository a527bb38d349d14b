//! Objects of any kind: as declared, and as found.

use kube::api::{ApiResource, DynamicObject};
use kube::core::GroupVersionKind;
use serde_json::{Map, Value};

/// An object as a scenario declares it.
#[derive(Clone, Debug, PartialEq)]
pub struct Object {
    kind: GroupVersionKind,
    name: String,
    spec: Value,
}

impl Object {
    /// Creates an object of `kind` in `group` and `version`, with this spec.
    #[must_use]
    pub fn new(group: &str, version: &str, kind: &str, name: &str, spec: Value) -> Self {
        Self {
            kind: GroupVersionKind::gvk(group, version, kind),
            name: name.to_owned(),
            spec,
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its content, as both sides must have it.
    #[must_use]
    pub fn spec(&self) -> &Value {
        &self.spec
    }

    /// Returns the API resource of its kind.
    pub(crate) fn resource(&self) -> ApiResource {
        ApiResource::from_gvk(&self.kind)
    }

    /// Returns the object that declares it in a namespace.
    pub(crate) fn declaration(&self) -> DynamicObject {
        let mut object = DynamicObject::new(&self.name, &self.resource());
        object.data = Value::Object(Map::from_iter([("spec".to_owned(), self.spec.clone())]));
        object
    }
}
