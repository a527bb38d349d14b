//! Forms in which dialects write values of the model: reading translates a value of a file to the model's, and writing does the
//! reverse.

mod image;

mod kinds;

mod mappings;

mod text;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::naming::MappedNamespaces;

pub(super) use kinds::EMBEDDED;

/// The form of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The form of the model.
    Plain,
    /// The opposite boolean.
    Not,
    /// A switch whose `auto` has no effect.
    Auto,
    /// A text that has no effect if it is empty.
    Optional,
    /// A label selector, `a=b,c=d`.
    Selector,
    /// A registry without the slash at its end; the model has the slash.
    Registry,
    /// Registry, repository and tag of an image. The texts are the default registry and repository.
    Image(&'static str, &'static str),
    /// An image of one of Kubernetes' own programs, whose repository has to be given.
    Program,
    /// `export` and `import` as YAML within a text.
    Text,
    /// A list of exports or imports, by API version and kind.
    Kinds,
    /// Exports by resource and group.
    ExportedResources,
    /// Imports by resource and group.
    ImportedResources,
    /// A list of kinds by resource and group.
    Resources,
    /// Guest objects by host object.
    Mappings,
    /// A list of Services of the host that are replicated to the guest.
    HostServices,
    /// A list of Services of the guest that are replicated to the host.
    GuestServices,
    /// Host namespaces by guest namespace.
    Namespaces,
}

/// Result of reading a value of a file.
#[derive(Debug, PartialEq)]
pub(super) enum Read {
    /// A value for the model.
    Value(Value),
    /// The value has no effect.
    Nothing,
    /// The value is known, and the syncer does nothing with it.
    Idle,
}

impl Form {
    /// Reads a value that has the key's shape; the error is a fragment that follows the key.
    pub(super) fn read(self, value: Value) -> Result<Read, String> {
        let read = match self {
            Self::Optional if value == "" => return Ok(Read::Nothing),
            Self::Plain | Self::Optional => value,
            Self::Kinds => kinds::read_kinds(value)?,
            Self::Not => Value::Bool(!is_true(&value)),
            Self::Auto if value == "auto" => return Ok(Read::Nothing),
            Self::Auto => Value::Bool(is_true(&value)),
            Self::Selector => labels(value.as_str().unwrap_or_default())?.into(),
            Self::Registry => match value.as_str() {
                Some(name) if !name.is_empty() && !name.ends_with('/') => format!("{name}/").into(),
                _ => value,
            },
            Self::Image(registry, repository) => return image::read(&value, registry, Some(repository)),
            Self::Program => return image::read(&value, "registry.k8s.io", None),
            Self::Text => text::read(&value)?,
            Self::ExportedResources => kinds::read_resources(&value, kinds::Direction::Export)?,
            Self::ImportedResources => kinds::read_resources(&value, kinds::Direction::Import)?,
            Self::Mappings => mappings::by_name(value)?,
            Self::HostServices => mappings::services(value, "from", "to")?,
            Self::GuestServices => mappings::services(value, "to", "from")?,
            Self::Resources => kinds::resource_names(value)?,
            Self::Namespaces => {
                namespaces(&value)?;
                value
            }
        };
        Ok(Read::Value(read))
    }

    /// Writes a value of the model; the error is the reason that this form can't express it.
    pub(super) fn write(self, value: &Value) -> Result<Value, String> {
        match self {
            Self::Plain
            | Self::Optional
            | Self::Auto
            | Self::Namespaces
            | Self::Resources
            | Self::Mappings
            | Self::HostServices
            | Self::GuestServices => Ok(value.clone()),
            Self::Not => Ok(Value::Bool(!is_true(value))),
            Self::Selector => Ok(selector(value).into()),
            Self::Registry => match value.as_str() {
                None | Some("") => Ok(value.clone()),
                Some(name) => name.strip_suffix('/').map(Into::into).ok_or_else(|| {
                    "a registry there ends where a name begins, with a slash in between".to_owned()
                }),
            },
            Self::Image(..) | Self::Program => image::write(value.as_str().unwrap_or_default()),
            Self::Text => text::write(value),
            Self::Kinds => kinds::write_kinds(value),
            Self::ExportedResources => kinds::write_resources(value, kinds::Direction::Export),
            Self::ImportedResources => kinds::write_resources(value, kinds::Direction::Import),
        }
    }
}

/// Returns true for the boolean true, as a file may write it.
fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value == "true"
}

fn labels(selector: &str) -> Result<Map<String, Value>, String> {
    let parts = selector.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts
        .map(|part| match part.split_once('=') {
            Some((key, value)) if !key.is_empty() && !key.ends_with('!') && !value.starts_with('=') => {
                Ok((key.trim().to_owned(), value.trim().into()))
            }
            _ => Err(format!("has `{part}`, and only `label=value` can be done")),
        })
        .collect()
}

fn selector(labels: &Value) -> String {
    let labels = labels.as_object().into_iter().flatten();
    let parts: Vec<_> = labels
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    parts.join(",")
}

/// Checks the configured names of host namespaces.
fn namespaces(mappings: &Value) -> Result<(), String> {
    let sides = mappings.as_object().into_iter().flatten();
    let by_name: BTreeMap<_, _> = sides
        .map(|(guest, host)| (guest.clone(), host.as_str().unwrap_or_default().to_owned()))
        .collect();
    MappedNamespaces::try_from(by_name).map(drop)
}

#[cfg(test)]
mod tests;
