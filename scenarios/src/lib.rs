//! The words that scenarios are written in: tenants and what both sides of one show, apps, stores, disturbances.
//!
//! A scenario attaches to a running environment and looks at two sides: the **guest**, which is what a tenant sees of
//! its own cluster, and the **host**, which is what really runs. Whatever it makes has a name of its own, derived from
//! the run's seed.

/// The environment that a scenario runs against.
pub mod environment;

/// One tenant, or two of them.
pub mod tenant;

/// A namespace of a tenant, seen from both sides.
pub mod space;

/// What one side has: Components, pods, and objects of any kind.
pub mod side;

/// Dapr's Components: as declared, and as found.
pub mod component;

/// What rules sidecars besides Components: Dapr's Subscriptions, Configurations and Resiliencies.
pub mod sidecars;

/// Objects of any kind: as declared, and as found.
pub mod object;

/// Pods as found.
pub mod pod;

/// A pod with a shell, and what is done in pods.
pub mod toolbox;

/// The write and the read app, spoken to.
pub mod apps;

/// What Redis really holds.
pub mod state;

/// A user of a Redis: of the shared one, or of one that a tenant runs for itself.
pub mod redis_user;

/// What guest DNS answers.
pub mod dns;

/// Who gets a sidecar.
pub mod admission;

/// Attempts to reach what is not the tenant's.
pub mod attack;

/// Killing and freezing a container's processes.
pub mod process;

/// A host namespace that refuses Components for a while.
pub mod quota;

/// A machine whose processors are all busy.
pub mod busy;

/// Requests that go on while something is disturbed.
pub mod load;

/// What must not have changed when a scenario ends.
pub mod witness;

/// Names that are unique to a run.
pub mod names;

/// Waiting for what must become true.
pub mod eventually;

/// The catalogue of all scenarios.
pub mod catalogue;

pub use apps::{ReadApp, WriteApp};
pub use component::Component;
pub use environment::Environment;
pub use eventually::eventually;
pub use object::Object;
pub use space::Space;
pub use tenant::{Pair, Tenant};
pub use toolbox::Toolbox;

/// How a scenario ends: well, or with what it found instead of what it promises.
pub type Outcome = anyhow::Result<()>;
