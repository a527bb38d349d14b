//! (tenants)
