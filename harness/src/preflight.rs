//! (preflight)
