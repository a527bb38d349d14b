//! What must hold when many tenants share one Dapr. This file is the table of contents.
//!
//! Every scenario attaches to a running environment, makes what it needs under names of its own, and looks at both
//! sides: what the tenant sees, and what the host really has. `cargo harness test` runs them.

/// SH: one Dapr serves every tenant.
mod shared_state;

/// SH, continued: what rules a tenant's sidecars besides Components.
mod sidecars;

/// IS: no tenant reaches what is another's.
mod isolation;

/// IS, continued: attempts of a tenant's administrator, and with a stolen token.
mod attacks;

/// IS, continued: what a tenant does to the Redis that all tenants share, and to one of its own.
mod redis;

/// IS, continued: a tenant comes to the ends of what it may have.
mod limits;

/// SY: what a tenant declares is what the host has.
mod sync;

/// SY, continued: what is done in a tenant's pods.
mod inside;

/// RE: what goes on when a control plane does not. These run alone.
mod disruption;

/// RE, continued: what goes on when there is too much to do. These run alone.
mod load;

/// Who and where: the tenants that a scenario runs in.
mod cast;
