//! JSON logs on standard output.

use std::error::Error;

use tracing_subscriber::EnvFilter;

/// Starts logging, with a line of JSON for each event. A panic is logged in the same form.
///
/// # Errors
/// `filter` is neither a level nor a list of tracing's directives.
pub fn start(filter: &str) -> Result<(), tracing_subscriber::filter::ParseError> {
    let filter = EnvFilter::try_new(filter)?;
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_env_filter(filter)
        .init();
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panicked")));
    Ok(())
}

/// Returns an error and its causes, in one line.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
