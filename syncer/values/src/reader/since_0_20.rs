//! Keys that the dialects of vcluster 0.20 to 0.25 and of 0.28 and later have in common, from its chart
//! (`chart/values.schema.json`), and their handling.

/// Keys of the sync, and of networking between the two sides.
pub(super) mod sync;

/// Keys of the control plane.
pub(super) mod control_plane;

/// Other keys.
pub(super) mod around;
