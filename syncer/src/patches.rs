//! Changes to objects on their way between guest and host, in the terms of vcluster's generic sync.

mod model;

pub use model::{Condition, Operation, Patch, Synced};
