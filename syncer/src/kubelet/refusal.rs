//! What is said where nothing is passed on.

use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, StatusCode};
use kube::client::Body;
use serde_json::json;

use super::asked::{Asked, Verb};

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: StatusCode,
    message: String,
}

impl Refusal {
    /// For whoever is not this guest's API server.
    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "only the API server may ask this kubelet")
    }

    /// For what is not there.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// For what cannot be meant.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// For a method that does nothing there.
    pub(super) fn method(method: &Method) -> Self {
        Self::method_not_allowed(format!("{method} does nothing here"))
    }

    /// For a way of asking that there is not.
    pub(super) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    /// For what an API did not do, in its words; `attempt` is what was asked of it.
    pub(super) fn of_api(attempt: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::new(
                StatusCode::from_u16(status.code).unwrap_or(StatusCode::BAD_GATEWAY),
                status.message.clone(),
            ),
            error => Self::new(
                StatusCode::BAD_GATEWAY,
                format!("failed to {attempt}: {}", crate::patience::chain(error)),
            ),
        }
    }

    fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// The status code.
    #[cfg(test)]
    pub(super) fn code(&self) -> u16 {
        self.code.as_u16()
    }

    /// It as a kubelet says it.
    pub(super) fn response(&self) -> Response<Body> {
        text(self.code, self.message.clone())
    }

    /// It as whoever asked for this understands it: an API server puts a text in its own words, but hands on as it is
    /// what comes in place of a stream, and a client finds a `Status` in it.
    pub(super) fn response_to(&self, asked: &Asked) -> Response<Body> {
        if asked.verb == Verb::Log {
            return self.response();
        }
        self.as_status()
    }

    /// It as an API says it.
    pub(super) fn as_status(&self) -> Response<Body> {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        content(self.code, "application/json", status.to_string())
    }
}

/// A text as an answer.
pub(super) fn text(code: StatusCode, text: String) -> Response<Body> {
    content(code, "text/plain; charset=utf-8", text)
}

/// A text of some kind as an answer.
pub(super) fn content(code: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into_bytes()));
    *response.status_mut() = code;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
