//! Answers to requests that are not passed on.

use hyper::header::CONTENT_TYPE;
use hyper::{Method, Response, StatusCode};
use kube::client::Body;
use serde_json::json;

use super::request::{KubeletRequest, Verb};

/// A refusal of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StatusError {
    code: StatusCode,
    message: String,
}

impl StatusError {
    /// Refuses a client that is not this guest's API server.
    pub(super) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "only the API server may ask this kubelet")
    }

    /// Refuses a request for something that does not exist.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// Refuses an invalid request.
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// Refuses a method that does nothing here.
    pub(super) fn method(method: &Method) -> Self {
        Self::method_not_allowed(format!("{method} does nothing here"))
    }

    /// Refuses a protocol that is not supported.
    pub(super) fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, message)
    }

    /// Refuses with the message of an API that refused; `attempt` is what was asked of it.
    pub(super) fn of_api(attempt: &str, error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::new(
                StatusCode::from_u16(status.code).unwrap_or(StatusCode::BAD_GATEWAY),
                status.message.clone(),
            ),
            error => Self::new(
                StatusCode::BAD_GATEWAY,
                format!("failed to {attempt}: {}", crate::error_chain::error_chain(error)),
            ),
        }
    }

    fn new(code: StatusCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Returns the status code.
    #[cfg(test)]
    pub(super) fn code(&self) -> u16 {
        self.code.as_u16()
    }

    /// Returns the refusal as a kubelet's answer.
    pub(super) fn response(&self) -> Response<Body> {
        text(self.code, self.message.clone())
    }

    /// Returns the refusal in the form that the client understands. An API server wraps a text in its own words; but an answer in
    /// place of a stream is passed on unchanged, and the client expects a `Status` there.
    pub(super) fn response_to(&self, asked: &KubeletRequest) -> Response<Body> {
        if asked.verb == Verb::Log {
            return self.response();
        }
        self.as_status()
    }

    /// Returns the refusal as an API's answer.
    pub(super) fn as_status(&self) -> Response<Body> {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        content(self.code, "application/json", status.to_string())
    }
}

/// Returns a text as an answer.
pub(super) fn text(code: StatusCode, text: String) -> Response<Body> {
    content(code, "text/plain; charset=utf-8", text)
}

/// Returns a text of a content type as an answer.
pub(super) fn content(code: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into_bytes()));
    *response.status_mut() = code;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
