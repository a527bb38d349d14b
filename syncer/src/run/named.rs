//! Kinds that are named by resource and group: asks the host, gives their API version and kind.

use kube::Client;
use kube::core::ApiResource;
use kube::discovery::{self, ApiGroup};

use crate::naming::Tenant;
use crate::sync::{self, Mapping};
use crate::values::{Generic, KindName};

/// Why a kind cannot be named.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The host does not say what it has of the group, or has no such group.
    #[error("find the group of {0} on the host")]
    Group(String, #[source] Box<kube::Error>),
    /// The host has the group, and the resource is not in it.
    #[error("find {0} on the host: its group has no such resource in this version")]
    Resource(String),
    /// A mapping cannot be read.
    #[error("read the mappings of an import: {0}")]
    Mapping(String),
}

/// The configured kinds, each by API version and kind.
pub(super) async fn kinds(host: &Client, kinds: &Generic, tenant: &Tenant) -> Result<Kinds, Error> {
    let mut named = Kinds::default();
    for export in &kinds.export {
        let (api_version, kind) = name(host, &export.name).await?;
        named.exports.push(sync::Export {
            api_version,
            kind,
            optional: export.optional,
            replace_on_conflict: export.replace_on_conflict,
            selector: export.selector.clone().unwrap_or_default().label_selector,
            patches: export.patches.clone(),
            reverse_patches: export.reverse_patches.clone(),
        });
    }
    for import in &kinds.import {
        let (api_version, kind) = name(host, &import.name).await?;
        let mappings = import.mappings.iter();
        let mappings = mappings.map(|(from, to)| Mapping::parse(from, to, tenant.namespace()));
        named.imports.push(sync::Import {
            api_version,
            kind,
            optional: import.optional,
            mappings: mappings.collect::<Result<_, _>>().map_err(Error::Mapping)?,
            replace_on_conflict: import.replace_on_conflict,
            patches: import.patches.clone(),
            reverse_patches: import.reverse_patches.clone(),
        });
    }
    Ok(named)
}

/// What the engine is told of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    pub(super) exports: Vec<sync::Export>,
    pub(super) imports: Vec<sync::Import>,
}

async fn name(host: &Client, name: &KindName) -> Result<(String, String), Error> {
    let (resource, version) = match name {
        KindName::Kind { api_version, kind } => return Ok((api_version.clone(), kind.clone())),
        KindName::Resource { resource, version } => (resource, version),
    };
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    let group = discovery::group(host, group)
        .await
        .map_err(|source| Error::Group(resource.clone(), Box::new(source)))?;
    let found = find(&group, plural, version.as_deref());
    found.ok_or_else(|| Error::Resource(resource.clone()))
}

fn find(group: &ApiGroup, plural: &str, version: Option<&str>) -> Option<(String, String)> {
    let resources = match version {
        Some(version) => group.versioned_resources(version),
        // A group has one preferred version, which not all of its resources are in.
        None => group.resources_by_stability(),
    };
    let mut resources = resources.into_iter().map(|(resource, _)| resource);
    let ApiResource {
        api_version, kind, ..
    } = resources.find(|resource| resource.plural == plural)?;
    Some((api_version, kind))
}
