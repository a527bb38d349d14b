//! The promises that must hold when many tenants share one Dapr. This file is the table of contents.
//!
//! Every scenario attaches to a running environment, creates the objects that it needs under names of its own, and
//! looks at both sides: the tenant's view, and the objects that the host really has. `cargo harness test` runs them.

/// SH: one Dapr serves every tenant.
mod shared_state;

/// SH, continued: the kinds that configure a tenant's sidecars besides Components.
mod sidecars;

/// IS: no tenant reaches the objects of another.
mod isolation;

/// IS, continued: attempts of a tenant's administrator, and with a stolen token.
mod attacks;

/// IS, continued: a tenant's actions on the Redis that all tenants share, and on one of its own.
mod redis;

/// IS, continued: a tenant reaches its limits.
mod limits;

/// SY: the host has the objects that a tenant declares.
mod sync;

/// SY, continued: actions in a tenant's pods.
mod inside;

/// RE: the operations that continue without a control plane. These scenarios run alone.
mod disruption;

/// RE, continued: the operations that continue under too much load. These scenarios run alone.
mod load;

/// Fixtures: the environment and the tenants that a scenario runs in.
mod fixtures;
