//! What the dialects of vcluster 0.20 to 0.25 and of 0.28 and later have in common: keys of its chart
//! (`chart/values.schema.json`), and what becomes of them.

/// What is synced, and how each side reaches the other.
pub(super) mod sync;

/// What the control plane is made of.
pub(super) mod control_plane;

/// What is around the two.
pub(super) mod around;
