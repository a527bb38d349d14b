//! The words of an API server's answer.

use std::error::Error;

/// Returns the text of an error. For an answer of an API server, that is its message and its reason: the client's own text
/// also prints all fields of the answer in Rust's debug notation.
pub(crate) fn said(error: &(dyn Error + 'static)) -> String {
    answered(error).unwrap_or_else(|| error.to_string())
}

/// Returns the message and the reason of an API server's answer, if the error is one.
pub(crate) fn answered(error: &(dyn Error + 'static)) -> Option<String> {
    let boxed = || error.downcast_ref::<Box<kube::Error>>().map(AsRef::as_ref);
    match error.downcast_ref::<kube::Error>().or_else(boxed)? {
        kube::Error::Api(status) => Some(status.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_said_without_the_notation_of_its_fields() {
        let status = kube::core::Status::failure("namespaces \"blue\" not found", "NotFound");
        let error = kube::Error::Api(Box::new(status));
        assert!(
            error.to_string().contains("Status {"),
            "else there is nothing to do"
        );
        assert_eq!(said(&error), "namespaces \"blue\" not found: NotFound");
        assert_eq!(said(&Box::new(error)), "namespaces \"blue\" not found: NotFound");
        assert_eq!(said(&std::io::Error::other("refused")), "refused");
    }
}
