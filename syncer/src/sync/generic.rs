//! Generic sync: the kinds that the values export and import.

/// The configured kinds, and when each can be synced.
pub(crate) mod custom_resources;

/// CRDs.
pub(crate) mod crds;

/// Export of one kind.
pub(crate) mod export;

/// Import of one kind.
pub(crate) mod import;

/// Patches of an export or import.
pub(crate) mod patch_rule;
