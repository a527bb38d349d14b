//! A webhook of the host's: it answers its API servers as a test says.

use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::{Request, Response};
use k8s_openapi::ByteString;
use serde_json::{Value, json};

use super::Host;
use super::https::{self, Body, whole};

/// A webhook that listens. It ends with the test.
pub(crate) struct Webhook {
    /// The `clientConfig` of a webhook configuration.
    pub(crate) client_config: Value,
}

impl Webhook {
    /// Starts a webhook that answers the `request` of a review with its `response`.
    pub(crate) async fn new(answer: fn(&Value) -> Value) -> Self {
        let host = Host::shared().await;
        let port = https::serve(&host, move |request| review(request, answer)).await;
        let authority = std::fs::read(host.pki().join("ca.crt")).expect("it was written");
        Self {
            client_config: json!({"url": format!("https://localhost:{port}/"), "caBundle": ByteString(authority)}),
        }
    }
}

async fn review(request: Request<Incoming>, answer: fn(&Value) -> Value) -> Response<Body> {
    let body = request.into_body().collect().await.expect("it comes whole");
    let mut review: Value = serde_json::from_slice(&body.to_bytes()).expect("it is JSON");
    let asked = review["request"].take();
    review["response"] = answer(&asked);
    review["response"]["uid"] = asked["uid"].clone();
    let answered = Response::builder().header("content-type", "application/json");
    answered.body(whole(review.to_string())).expect("a response")
}
