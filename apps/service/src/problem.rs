//! The answer to a request that has failed.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::sidecar::Error;
use crate::telemetry::chain;

/// A status, a code for programs and a sentence for people: `{"error":{"code":"…","message":"…"}}`.
///
/// The cause is logged and not sent, because it may name addresses and users of the store.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Problem {
    /// Creates a problem that the caller or this app caused.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, message) = match &error {
            Error::Away(_) | Error::Broken(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the Dapr sidecar does not answer".to_owned(),
            ),
            Error::Slow => (
                StatusCode::GATEWAY_TIMEOUT,
                "the Dapr sidecar did not answer in time; a write may have been taken or not".to_owned(),
            ),
            Error::TokenRefused => (
                StatusCode::BAD_GATEWAY,
                "the Dapr sidecar refuses this app's API token".to_owned(),
            ),
            Error::UnknownStore { store } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                format!("the Dapr sidecar has no state store named {store}; see STATE_STORE_NAME"),
            ),
            Error::NoStore => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the Dapr sidecar has no state store: no Component has reached it".to_owned(),
            ),
            Error::Failing { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the state store is failing".to_owned(),
            ),
            // A mismatch although nobody wrote: this is how Redis reports that it is in trouble.
            Error::Outdated { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the state store takes no writes".to_owned(),
            ),
            Error::Refused { .. } => (
                StatusCode::BAD_GATEWAY,
                "the Dapr sidecar does not take this app's request".to_owned(),
            ),
            Error::Unpublished { .. } => (
                StatusCode::SERVICE_UNAVAILABLE,
                "the Dapr sidecar did not get the message to the topic".to_owned(),
            ),
            Error::Unreadable(_) => (
                StatusCode::BAD_GATEWAY,
                "what is stored is not a list of strings; DELETE / of the write app replaces it".to_owned(),
            ),
            Error::Full => (
                StatusCode::INSUFFICIENT_STORAGE,
                "the list is as long as Dapr takes; DELETE / of the write app empties it".to_owned(),
            ),
            Error::Contended => (
                StatusCode::SERVICE_UNAVAILABLE,
                "too many others are writing; try again".to_owned(),
            ),
        };
        tracing::error!(
            code = error.code(),
            cause = chain(&error),
            "failed to answer a request"
        );
        Self::new(status, error.code(), message)
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_query", rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = Json(json!({"error": {"code": self.code, "message": self.message}}));
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => {
                (self.status, [(header::RETRY_AFTER, "1")], body).into_response()
            }
            status => (status, body).into_response(),
        }
    }
}
