//! An API server of a tenant's own, which serves one kind and reports the client of a request.

use std::future::ready;

use hyper::body::Incoming;
use hyper::{Request, Response};
use serde_json::{Value, json};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use super::Host;
use super::https::{self, Body, whole};

/// The version of the API.
pub(crate) const VERSION: &str = "own.example.com/v1";

/// Serves at the port that it returns, for clients with a certificate of the authority with this certificate, PEM.
pub(crate) async fn extension(authority: &str) -> u16 {
    let authority = CertificateDer::from_pem_slice(authority.as_bytes()).expect("it is a certificate");
    let host = Host::shared().await;
    https::serve_to(&host, Some(authority), |request| ready(answer(&request))).await
}

fn answer(request: &Request<Incoming>) -> Response<Body> {
    let header = |name: &str| {
        let values = request.headers().get_all(name).into_iter();
        values
            .map(|value| json!(value.to_str().ok()))
            .collect::<Vec<Value>>()
    };
    let answer = if request.uri().path().ends_with("/boats") {
        json!({
            "kind": "BoatList", "apiVersion": VERSION, "metadata": {}, "items": [],
            "user": header("x-remote-user"), "groups": header("x-remote-group"),
        })
    } else {
        json!({
            "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": VERSION,
            "resources": [{
                "name": "boats", "singularName": "boat", "namespaced": false, "kind": "Boat", "verbs": ["list"],
            }],
        })
    };
    let response = Response::builder().header("content-type", "application/json");
    response.body(whole(answer.to_string())).expect("a response")
}
