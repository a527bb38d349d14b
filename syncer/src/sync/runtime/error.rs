//! Why one look at one object did not bring it in step.

use std::time::Duration;

use kube::core::Status;

use super::budget::Over;

/// What was attempted, and why it did not work. It is retried in any case.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReconcileError {
    /// A request to one of the sides was refused or got no answer.
    #[error("{attempted}")]
    Request {
        /// What was attempted.
        attempted: String,
        /// The answer.
        source: kube::Error,
    },
    /// An object can't be read as what it should be.
    #[error("read {what}")]
    Unreadable {
        /// The object or field.
        what: String,
        /// Why not.
        source: serde_json::Error,
    },
    /// Something is in the way that is not the syncer's to remove.
    #[error("{0}")]
    Refused(String),
    /// Something that the object needs could not be brought to the host.
    #[error("{why}")]
    Unmet {
        /// The object that it needs, and why that is not there.
        why: String,
        /// See [`ReconcileError::is_lasting`], of what it needs.
        is_lasting: bool,
    },
    /// The tenant writes too much at a time. Nothing is wrong with the object, which is written later.
    #[error("{why}")]
    Delayed {
        /// What is delayed, and why.
        why: String,
        /// The time after which to try again.
        pause: Duration,
    },
}

impl ReconcileError {
    /// Makes the failure of an attempt that would exceed the tenant's budget.
    pub(crate) fn over(attempted: &str, over: &Over) -> Self {
        match over {
            Over::Total { .. } => Self::Refused(format!("failed to {attempted}: {over}")),
            Over::Rate { pause, .. } => Self::Delayed {
                why: format!("did not {attempted} yet: {over}"),
                pause: *pause,
            },
        }
    }

    /// Returns true if trying again will not help before somebody changes something.
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

    /// Returns true if the host namespace may be missing or going away. The syncer's role is bound in it and goes with it, so
    /// that then nothing is found to be missing: it is forbidden to look.
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

    /// What went wrong in one word, for counting.
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

    /// The whole chain in one line, with the words of the side that refused.
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

/// Says what a request was for, should it fail.
pub(crate) trait Attempt<T> {
    /// `attempted` follows "failed to".
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

/// The status that the API refused a request with.
pub(crate) fn refusal<T>(result: &Result<T, kube::Error>) -> Option<&Status> {
    match result {
        Err(kube::Error::Api(status)) => Some(status),
        _ => None,
    }
}

/// Takes a "not found" for success: what was to go is gone.
pub(crate) fn unless_gone<T>(result: Result<T, kube::Error>) -> Result<(), kube::Error> {
    match result {
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        other => other.map(drop),
    }
}
