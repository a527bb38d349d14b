//! The values file of a virtual cluster, in each schema that vcluster has had, and what follows from it without asking a
//! cluster: names of host objects, patches, admission rules, and kinds that cannot be synced.
//!
//! ```
//! let values = vcluster_values::parse("multiNamespaceMode: {enabled: true}", "values.yaml")?;
//! assert!(values.sync.generic.kinds.export.is_empty());
//! # Ok::<(), vcluster_values::Error>(())
//! ```
//!
//! [`parse`] reads a file. [`accept`](accept::accept) also refuses everything that the syncer would refuse when it starts.
//! [`convert`] writes a file in another schema. The crate does no I/O.

/// The reader of values files, with checks and conversion.
mod reader;

/// Values files as the syncer runs with them.
pub mod accept;

/// Names of a virtual cluster and of its objects on the host.
pub mod naming;

/// Fields that a tenant may not set on the host.
pub mod admission;

/// Rules about the kinds that a values file exports and imports.
pub mod kinds;

/// Mappings of host objects to guest objects.
pub mod mapping;

/// Host objects that the guest shows.
pub mod from_host;

/// Services of the guest that are replicated to the host.
pub mod to_host;

/// Changes of objects between guest and host.
pub mod patches;

/// The identity of a guest cluster.
pub mod identity;

pub use reader::*;

/// Files of the repository that tests generate.
#[cfg(test)]
#[path = "../../src/generated.rs"]
mod generated;
