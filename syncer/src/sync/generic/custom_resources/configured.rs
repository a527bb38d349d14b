//! The export and import of one kind, as the values configure them.

use std::collections::BTreeMap;

use vcluster_values::kinds;

use crate::discovery::Served;
use crate::sync::config::{Config, Export, Import};
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::key::Key;

/// The export and import of one kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Configured {
    pub(super) api_version: String,
    pub(super) kind: String,
    pub(super) export: Option<Export>,
    pub(super) import: Option<Import>,
}

impl Configured {
    /// Returns true if a CRD, of which the name is known, is of the kind's group.
    pub(super) fn may_be(&self, definition: &str) -> bool {
        let group = self.api_version.split_once('/').map(|(group, _)| group);
        definition.split_once('.').map(|(_, of)| of) == group
    }

    pub(super) fn is_optional(&self) -> bool {
        self.export.as_ref().is_none_or(|export| export.optional)
            && self.import.as_ref().is_none_or(|import| import.optional)
    }

    /// Returns the lists that name the kind.
    pub(super) fn lists(&self) -> &'static str {
        match (&self.export, &self.import) {
            (Some(_), Some(_)) => "export and import",
            (Some(_), None) => "export",
            _ => "import",
        }
    }

    /// Refuses exports and imports that the kind, as the host serves it, does not support.
    pub(super) fn fits(&self, served: &Served, context: &kinds::Context) -> Result<(), ReconcileError> {
        let export = self.export.as_ref().map(Export::entry);
        let import = self.import.as_ref().map(Import::entry);
        let scope = served.scope();
        let mut entries = export.into_iter().chain(import);
        match entries.find_map(|entry| kinds::refusal(&entry, Some(&scope), context)) {
            Some(why) => Err(ReconcileError::Refused(why)),
            None => Ok(()),
        }
    }

    /// Returns its name in the readiness report.
    pub(super) fn name(&self) -> String {
        let kind = kinds::shown(&self.api_version, &self.kind);
        format!("{} of {kind}", self.lists())
    }
}

/// Returns the configured kinds, by API version and kind.
pub(super) fn configured(config: &Config) -> BTreeMap<Key, Configured> {
    let mut all: BTreeMap<Key, Configured> = BTreeMap::new();
    let mut entry = |api_version: &str, kind: &str, set: &dyn Fn(&mut Configured)| {
        let key = Key::new("", kinds::shown(api_version, kind));
        let configured = all.entry(key).or_default();
        api_version.clone_into(&mut configured.api_version);
        kind.clone_into(&mut configured.kind);
        set(configured);
    };
    for export in &config.exports {
        entry(&export.api_version, &export.kind, &|configured| {
            configured.export = Some(export.clone());
        });
    }
    for import in config.imports.iter().filter(|import| !import.is_of_pods()) {
        entry(&import.api_version, &import.kind, &|configured| {
            configured.import = Some(import.clone());
        });
    }
    all
}
