//! (environment)
