//! The vocabulary of scenarios: tenants and the objects on both sides of one, apps, stores, disturbances.
//!
//! A scenario attaches to a running environment and looks at two sides: the **guest**, which is a tenant's view of
//! its own cluster, and the **host**, where everything really runs. Every object that it creates has a name of its
//! own, derived from the run's seed.

/// The environment that a scenario runs against.
pub mod environment;

/// One tenant, or two of them.
pub mod tenant;

/// A namespace of a tenant, seen from both sides.
pub mod namespace_pair;

/// The objects of one side: Components, pods, and objects of any kind.
pub mod side;

/// Dapr's Components: as declared, and as found.
pub mod component;

/// The kinds that configure sidecars besides Components: Dapr's Subscriptions, Configurations and Resiliencies.
pub mod sidecars;

/// Objects of any kind: as declared, and as found.
pub mod object;

/// Pods as found.
pub mod pod;

/// A pod with a shell, and actions in pods.
pub mod debug_pod;

/// Clients of the write app and the read app.
pub mod apps;

/// The data in Redis.
pub mod state;

/// A user of a Redis: of the shared one, or of one that a tenant runs for itself.
pub mod redis_user;

/// The answers of guest DNS.
pub mod dns;

/// The accounts whose pods get a sidecar.
pub mod admission;

/// Attempts to reach objects that are not the tenant's.
pub mod attack;

/// Killing and freezing a container's processes.
pub mod process;

/// A host namespace that refuses Components for a while.
pub mod quota;

/// A machine whose processors are all busy.
pub mod busy;

/// Requests that continue during a disturbance.
pub mod load;

/// The state that must not have changed when a scenario ends.
pub mod invariants;

/// Names that are unique to a run.
pub mod names;

/// Waiting for an expected state.
pub mod eventually;

/// The catalogue of all scenarios.
pub mod catalogue;

pub use apps::{ReadApp, WriteApp};
pub use component::Component;
pub use debug_pod::DebugPod;
pub use environment::Environment;
pub use eventually::eventually;
pub use namespace_pair::NamespacePair;
pub use object::Object;
pub use tenant::{Pair, Tenant};

/// The end of a scenario: success, or an error that describes what it found instead of its promise.
pub type Outcome = anyhow::Result<()>;
