//! Patches of an export or import rule.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::value::to_raw_value;
use vcluster_values::patches::{Error, Json, Names, Patch, Patches};

use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::ReconcileError;
use crate::sync::write::object::{Fields, Object};

/// The patches of a rule, in both directions.
#[derive(Debug)]
pub(crate) struct PatchRule {
    forward: Patches,
    reverse: Patches,
}

impl PatchRule {
    /// Reads the patches of a rule.
    pub(crate) fn new(patches: &[Patch], reverse: &[Patch]) -> Result<Self, Error> {
        Ok(Self {
            forward: Patches::against(patches, reverse)?,
            reverse: Patches::new(reverse)?,
        })
    }

    /// Returns true if writes to the other side need the object that is there.
    pub(crate) fn looks_across(&self) -> bool {
        self.forward.look_across()
    }

    /// Returns true if there are reverse patches.
    pub(crate) fn has_reverse(&self) -> bool {
        !self.reverse.is_empty()
    }

    /// Returns the object to write to the other side, with the metadata that it has there; `there` is the object that exists
    /// there.
    pub(crate) fn forward(
        &self,
        metadata: &ObjectMeta,
        fields: &Fields,
        there: Option<&Object>,
        names: &dyn Names,
    ) -> Result<Object, ReconcileError> {
        if self.forward.is_empty() {
            return Ok(Object {
                metadata: metadata.clone(),
                fields: Arc::new(fields.clone()),
            });
        }
        let there = there
            .map(|there| whole(&there.metadata, &there.fields))
            .transpose()?;
        let mut object = whole(metadata, fields)?;
        self.forward
            .apply(&mut object, there.as_ref(), names)
            .map_err(|error| unfit(&error))?;
        apart(object, metadata)
    }

    /// Returns an object before and after its reverse patches, which use values of the other side.
    pub(crate) fn reverse(
        &self,
        object: &Object,
        there: &Object,
        names: &dyn Names,
    ) -> Result<(Json, Json), ReconcileError> {
        let before = whole(&object.metadata, &object.fields)?;
        let mut after = before.clone();
        self.reverse
            .apply(&mut after, Some(&whole(&there.metadata, &there.fields)?), names)
            .map_err(|error| unfit(&error))?;
        Ok((before, after))
    }
}

/// Translation of guest names to host names.
pub(crate) struct HostNames<'a> {
    /// The context.
    pub(crate) context: &'a Context,
    /// The guest namespace of the object that contains the names.
    pub(crate) namespace: &'a str,
}

impl Names for HostNames<'_> {
    fn name(&self, name: &str, namespace: Option<&str>) -> String {
        let namespace = namespace.unwrap_or(self.namespace);
        self.context.tenant().host_name(namespace, name)
    }

    fn namespace(&self, namespace: &str) -> String {
        self.context.tenant().host_namespace(namespace)
    }
}

/// Translation of host names to guest names.
pub(crate) struct GuestNames<'a> {
    /// The context.
    pub(crate) context: &'a Context,
}

impl Names for GuestNames<'_> {
    fn name(&self, name: &str, _: Option<&str>) -> String {
        name.to_owned()
    }

    /// Returns the guest namespace of a host namespace. A namespace that is not the tenant's has none, and keeps its name.
    fn namespace(&self, namespace: &str) -> String {
        let tenant = self.context.tenant();
        let guests = self.context.guest_namespaces().keys().into_iter();
        guests
            .map(|key| key.name)
            .find(|guest| tenant.host_namespace(guest) == namespace)
            .unwrap_or_else(|| namespace.to_owned())
    }
}

/// Returns an object as one value.
fn whole(metadata: &ObjectMeta, fields: &Fields) -> Result<Json, ReconcileError> {
    let metadata = serde_json::to_string(metadata).map_err(unreadable)?;
    let mut entries = std::collections::BTreeMap::new();
    entries.insert("metadata".to_owned(), Json::read(&metadata).map_err(unreadable)?);
    for (name, raw) in fields {
        entries.insert(name.clone(), Json::read(raw.get()).map_err(unreadable)?);
    }
    Ok(Json::Map(entries))
}

/// Splits a value into an object. Patches cannot change its name and the syncer's own annotations.
fn apart(object: Json, fixed: &ObjectMeta) -> Result<Object, ReconcileError> {
    let Json::Map(mut entries) = object else {
        return Err(ReconcileError::Refused("the patches leave no object".to_owned()));
    };
    let metadata = entries.remove("metadata").unwrap_or_default();
    let metadata = serde_json::to_string(&metadata).map_err(unreadable)?;
    let patched: Option<ObjectMeta> = serde_json::from_str(&metadata).map_err(unreadable)?;
    let mut annotations = patched
        .as_ref()
        .and_then(|patched| patched.annotations.clone())
        .unwrap_or_default();
    annotations.retain(|name, _| !crate::sync::write::ownership::is_own(name));
    let own = fixed
        .annotations
        .iter()
        .flatten()
        .filter(|(name, _)| crate::sync::write::ownership::is_own(name));
    annotations.extend(own.map(|(name, value)| (name.clone(), value.clone())));
    let metadata = ObjectMeta {
        labels: patched.and_then(|patched| patched.labels),
        annotations: Some(annotations),
        ..fixed.clone()
    };
    let field = |(name, value): (String, Json)| Ok((name, to_raw_value(&value).map_err(unreadable)?));
    let fields: Fields = entries
        .into_iter()
        .map(field)
        .collect::<Result<_, ReconcileError>>()?;
    Ok(Object {
        metadata,
        fields: Arc::new(fields),
    })
}

fn unreadable(source: serde_json::Error) -> ReconcileError {
    ReconcileError::Unreadable {
        what: "an object to patch".to_owned(),
        source,
    }
}

fn unfit(error: &Error) -> ReconcileError {
    ReconcileError::Refused(format!("a patch of its kind does not fit it: {error}"))
}
