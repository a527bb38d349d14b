//! Failures of reconciliation.

use std::time::Duration;

use kube::core::{ApiResource, Status};

use super::budget::Over;

/// A failure of a reconciliation. It is retried in any case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// A request to one of the sides was refused or got no answer.
    #[error("{attempted}")]
    Request {
        /// The request, as it follows "failed to".
        attempted: String,
        /// The answer.
        source: kube::Error,
    },
    /// An object can't be read as what it should be.
    #[error("read {what}")]
    Unreadable {
        /// The object or field.
        what: String,
        /// The cause.
        source: serde_json::Error,
    },
    /// Something blocks the object that the syncer must not remove.
    #[error("{0}")]
    Refused(String),
    /// A dependency of the object could not be synced to the host.
    #[error("{why}")]
    Unmet {
        /// The dependency, and the reason that it is missing.
        why: String,
        /// The result of [`ReconcileError::is_lasting`] for the dependency.
        is_lasting: bool,
    },
    /// The tenant writes too much at a time. The object is valid and is written later.
    #[error("{why}")]
    Delayed {
        /// The object that is delayed, and the reason.
        why: String,
        /// The time after which it is retried.
        pause: Duration,
    },
}

impl ReconcileError {
    /// Returns the failure of a write that would exceed the tenant's budget.
    pub(crate) fn over(attempted: &str, over: &Over) -> Self {
        match over {
            Over::Total { .. } => Self::Refused(format!("failed to {attempted}: {over}")),
            Over::Rate { pause, .. } => Self::Delayed {
                why: format!("did not {attempted} yet: {over}"),
                pause: *pause,
            },
        }
    }

    /// Returns the refusal to write over a foreign host object.
    pub(crate) fn foreign(kind: &ApiResource, name: &str) -> Self {
        Self::Refused(format!(
            "the host has {} {} {name} that is not this virtual cluster's: it is left as it is",
            article(&kind.kind),
            kind.kind
        ))
    }

    /// Returns true if quick retries do not help: somebody has to change something, or the object has to wait for its turn. The
    /// tenant then gets an Event at the first failure.
    pub(crate) fn is_lasting(&self) -> bool {
        match self {
            Self::Request {
                source: kube::Error::Api(status),
                ..
            } => status.is_invalid(),
            Self::Request { .. } => false,
            Self::Unmet { is_lasting, .. } => *is_lasting,
            Self::Unreadable { .. } | Self::Refused(_) | Self::Delayed { .. } => true,
        }
    }

    /// Returns true if the host namespace may be missing or terminating. The syncer's role is bound in it and is deleted with it,
    /// so the API then answers that access is forbidden, and not that something is missing.
    pub(crate) fn may_be_for_want_of_a_namespace(&self) -> bool {
        let Self::Request {
            source: kube::Error::Api(status),
            ..
        } = self
        else {
            return false;
        };
        let Some(details) = &status.details else {
            return false;
        };
        status.is_forbidden()
            || (status.is_not_found() && details.kind == "namespaces")
            || details
                .causes
                .iter()
                .any(|cause| cause.reason == "NamespaceTerminating")
    }

    /// Returns the reason in one word, for metrics.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Request {
                source: kube::Error::Api(status),
                ..
            } => status.reason.clone(),
            Self::Request { .. } => "Unreachable".to_owned(),
            Self::Unreadable { .. } => "Unreadable".to_owned(),
            Self::Refused(_) => "Refused".to_owned(),
            Self::Unmet { .. } => "Unmet".to_owned(),
            Self::Delayed { .. } => "Delayed".to_owned(),
        }
    }

    /// Returns the whole chain on one line, with the message of the side that refused.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Request {
                attempted,
                source: kube::Error::Api(status),
            } => {
                format!("failed to {attempted}: {}", status.message)
            }
            Self::Request { attempted, source } => format!("failed to {attempted}: {source}"),
            Self::Unreadable { what, source } => format!("failed to read {what}: {source}"),
            Self::Refused(why) | Self::Unmet { why, .. } | Self::Delayed { why, .. } => why.clone(),
        }
    }
}

/// Description of a request for its failure.
pub(crate) trait Attempt<T> {
    /// Adds a description to an error; `attempted` follows "failed to".
    fn attempting(self, attempted: impl FnOnce() -> String) -> Result<T, ReconcileError>;
}

impl<T> Attempt<T> for Result<T, kube::Error> {
    fn attempting(self, attempted: impl FnOnce() -> String) -> Result<T, ReconcileError> {
        self.map_err(|source| {
            let attempted = attempted();
            let source = match source {
                kube::Error::Service(error) => match error.downcast::<Over>() {
                    Ok(over) => return ReconcileError::over(&attempted, &over),
                    Err(error) => kube::Error::Service(error),
                },
                other => other,
            };
            ReconcileError::Request { attempted, source }
        })
    }
}

/// Returns the indefinite article of a kind.
fn article(kind: &str) -> &'static str {
    if kind.starts_with(['A', 'E', 'I', 'O', 'U']) {
        "an"
    } else {
        "a"
    }
}

/// Returns the status with which the API refused a request.
pub(crate) fn refusal<T>(result: &Result<T, kube::Error>) -> Option<&Status> {
    match result {
        Err(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

/// Turns the answer about an object that is gone into success, also if another object has its name since.
pub(crate) fn unless_gone<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() || is_replaced(&status) => Ok(()),
        other => other.map(drop),
    }
}

/// Returns true if a patch was refused because it has the UID of another object.
fn is_replaced(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.is_invalid() && causes.into_iter().any(|cause| cause.field == "metadata.uid")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    /// Returns the answer of an API server to a patch.
    fn answer(reason: &str, code: u16, causes: &Value) -> Result<(), kube::Error> {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "", "reason": reason, "code": code,
            "details": {"name": "job", "kind": "Pod", "causes": causes},
        });
        Err(kube::Error::Api(
            serde_json::from_value(status).expect("a status"),
        ))
    }

    #[rstest]
    #[case::gone("NotFound", 404, json!([]), true)]
    #[case::replaced(
        "Invalid", 422,
        json!([{"reason": "FieldValueInvalid", "message": "field is immutable", "field": "metadata.uid"}]),
        true
    )]
    #[case::invalid(
        "Invalid", 422,
        json!([{"reason": "FieldValueInvalid", "message": "no", "field": "spec.containers"}]),
        false
    )]
    #[case::changed("Conflict", 409, json!([]), false)]
    fn an_object_that_is_gone_needs_no_write(
        #[case] reason: &str,
        #[case] code: u16,
        #[case] causes: Value,
        #[case] expected: bool,
    ) {
        assert_eq!(unless_gone(answer(reason, code, &causes)).is_ok(), expected);
    }
}
