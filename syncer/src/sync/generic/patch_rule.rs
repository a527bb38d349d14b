//! Objects as the patches of an export or import rule change them.

use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::value::to_raw_value;
use vcluster_values::patches::{Error, Json, Names, Patch, Patches};

use crate::sync::runtime::context::Context;
use crate::sync::runtime::error::ReconcileError;
use crate::sync::write::object::{Fields, Object};

/// The patches of a rule, both ways.
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

    /// Returns true if what is on the other side has to be known to write there.
    pub(crate) fn looks_across(&self) -> bool {
        self.forward.look_across()
    }

    /// Returns true if anything goes the other way.
    pub(crate) fn has_reverse(&self) -> bool {
        !self.reverse.is_empty()
    }

    /// What is written to the other side, given the metadata that it has there, and what is there already.
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

    /// What an object becomes by what the other side has of it: as it is, and as it is to be.
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

/// Names of the guest, as the host has them.
pub(crate) struct HostNames<'a> {
    /// Who knows.
    pub(crate) context: &'a Context,
    /// The guest namespace of the object that has the names.
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

/// Names of the host, as the guest has them.
pub(crate) struct GuestNames<'a> {
    /// Who knows.
    pub(crate) context: &'a Context,
}

impl Names for GuestNames<'_> {
    fn name(&self, name: &str, _: Option<&str>) -> String {
        name.to_owned()
    }

    /// A namespace that is none of the tenant's has no name in the guest, and keeps the one it has.
    fn namespace(&self, namespace: &str) -> String {
        let tenant = self.context.tenant();
        let guests = self.context.guest_namespaces().keys().into_iter();
        guests
            .map(|key| key.name)
            .find(|guest| tenant.host_namespace(guest) == namespace)
            .unwrap_or_else(|| namespace.to_owned())
    }
}

/// An object as one value.
fn whole(metadata: &ObjectMeta, fields: &Fields) -> Result<Json, ReconcileError> {
    let metadata = serde_json::to_string(metadata).map_err(unreadable)?;
    let mut entries = std::collections::BTreeMap::new();
    entries.insert("metadata".to_owned(), Json::read(&metadata).map_err(unreadable)?);
    for (name, raw) in fields {
        entries.insert(name.clone(), Json::read(raw.get()).map_err(unreadable)?);
    }
    Ok(Json::Map(entries))
}

/// Takes a value apart into an object. What it is called and whose it is does not change, whatever the patches say.
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
