//! `bench`.

use super::Context;
use crate::cli::arguments::Bench;
use crate::cli::{Exit, Failure};

/// Measures.
pub(super) async fn run(_context: &Context, _wanted: &Bench) -> Result<Exit, Failure> {
    Err(Failure::Interrupted)
}
