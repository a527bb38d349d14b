//! Writing one object, on either side: over the syncer's own objects alone.

/// Objects of any kind.
pub(crate) mod object;

/// Server-side apply of an object.
pub(crate) mod apply;

/// Deletion of an object that is unchanged.
pub(crate) mod delete;

/// Versions that were last written.
pub(crate) mod last_applied;

/// Annotations that say whose an object is.
pub(crate) mod ownership;

/// Labels and annotations that the host has set.
pub(crate) mod host_metadata;
