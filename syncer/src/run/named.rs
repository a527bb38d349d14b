//! Kinds that are named by resource and group. The host is asked for their API version and kind.

use kube::Client;
use vcluster_values::kinds::unknown;
use vcluster_values::mapping::Mapping;
use vcluster_values::naming::Tenant;
use vcluster_values::{Generic, KindName};

use crate::discovery;
use crate::sync;

/// Failure to find a named kind.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The host did not answer the request for its kinds.
    #[error(transparent)]
    Discovery(#[from] discovery::Error),
    /// The host does not serve the resource, or not in this version.
    #[error("read the {0}s of the values: {message}", message = unknown(.0, .1))]
    Unknown(&'static str, String),
    /// A mapping cannot be read.
    #[error("read the mappings of an import: {0}")]
    Mapping(String),
}

/// Returns the configured kinds, each by API version and kind.
pub(super) async fn kinds(host: &Client, kinds: &Generic, tenant: &Tenant) -> Result<Kinds, Error> {
    let mut named = Kinds::default();
    for export in &kinds.export {
        let (api_version, kind) = name(host, "export", &export.name).await?;
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
        let (api_version, kind) = name(host, "import", &import.name).await?;
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

/// The engine's configuration of the kinds.
#[derive(Clone, Debug, Default)]
pub(super) struct Kinds {
    pub(super) exports: Vec<sync::Export>,
    pub(super) imports: Vec<sync::Import>,
}

impl Kinds {
    /// Returns true if foreign pods of the host are shown in the guest.
    pub(super) fn imports_pods(&self) -> bool {
        self.imports.iter().any(sync::Import::is_of_pods)
    }
}

async fn name(host: &Client, list: &'static str, name: &KindName) -> Result<(String, String), Error> {
    let found = discovery::resolve(host, name).await?;
    found.ok_or_else(|| Error::Unknown(list, name.to_string()))
}
