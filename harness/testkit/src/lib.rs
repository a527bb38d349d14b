//! Programs and images for the tests of other crates. No program depends on this crate.

pub use binaries::binaries;
pub use images::images;

/// Programs for tests that run them.
mod binaries;

/// Images for tests that run containers.
mod images;
