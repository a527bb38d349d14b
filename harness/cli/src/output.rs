//! Data, on standard output. Everything else goes to standard error.

use std::io::{self, Write};

use serde::Serialize;

use super::Failure;

/// Prints `text` as it stands. A reader that has gone away, as `head` does, is no failure.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(Failure::Output),
    }
}

/// Prints `value` as JSON.
pub(super) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let json = serde_json::to_string_pretty(value).map_err(|error| Failure::Output(error.into()))?;
    text(&(json + "\n"))
}
