//! Errors with their causes, on one line.

use std::error::Error;

use kube::core::Status;

/// Returns an error and its causes on one line; a message of an API appears once.
pub(crate) fn error_chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let (said, last) = match refusal(error) {
            Some(status) => (format!("{} ({})", status.message, status.code), true),
            None => (error.to_string(), false),
        };
        if !text.ends_with(&said) {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{said}");
        }
        next = if last { None } else { error.source() };
    }
    text
}

/// Returns the `Status` with which an API refused something.
fn refusal<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error Status> {
    let error = error
        .downcast_ref::<kube::Error>()
        .or_else(|| error.downcast_ref::<Box<kube::Error>>().map(Box::as_ref))?;
    if let kube::Error::Api(status) = error {
        Some(status)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host;

    #[test]
    fn a_message_of_an_api_appears_once() {
        let status = Status {
            message: "pods is forbidden".to_owned(),
            code: 403,
            ..Status::default()
        };
        let source = Box::new(kube::Error::Api(Box::new(status)));
        let error = crate::run::Error::Host(host::Error::Asked {
            attempt: "read pods".to_owned(),
            source,
        });
        assert_eq!(error_chain(&error), "read pods: pods is forbidden (403)");
    }
}
