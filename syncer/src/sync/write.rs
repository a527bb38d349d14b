//! Writes of single objects, on either side: over the syncer's own objects only.

/// Objects of any kind.
pub(crate) mod object;

/// Server-side apply of an object.
pub(crate) mod apply;

/// Writes to one object that are not of its whole state.
pub(crate) mod writer;

/// Deletion of an object that is unchanged.
pub(crate) mod delete;

/// The versions that were last written.
pub(crate) mod last_applied;

/// Annotations that name the owner of an object.
pub(crate) mod ownership;

/// Labels and annotations that the host has added.
pub(crate) mod host_metadata;
