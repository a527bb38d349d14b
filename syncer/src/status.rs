//! Probes and metrics over HTTP.
//!
//! Liveness and readiness are for the kubelet's probes, which reach only the pod's address. Every other pod of the host reaches
//! that address too, so nothing else is served there. The details of readiness and the metrics name namespaces and kinds of the
//! tenant. They have an address of their own, which is on the pod's loopback unless the values say otherwise.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::error_chain::error_chain;

/// Readiness of the syncer; clones share it.
#[derive(Clone, Debug)]
pub struct Status(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// The step that is waited for; `None` once everything is done.
    waiting: watch::Sender<Option<String>>,
    registry: Registry,
}

impl Status {
    /// Creates the status of a syncer that has just started; `registry` holds its metrics.
    #[must_use]
    pub fn starting(registry: Registry) -> Self {
        Self(Arc::new(Inner {
            waiting: watch::Sender::new(Some("the start".to_owned())),
            registry,
        }))
    }

    /// Sets the step that is waited for.
    pub fn waits_for(&self, what: impl Into<String>) {
        self.set(Some(what.into()));
    }

    /// Makes an attempt that the syncer waits for. If it fails, its error becomes the step that is waited for.
    pub async fn hear<T, E: Error + 'static>(
        &self,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let outcome = attempt.await;
        if let Err(error) = &outcome {
            self.waits_for(format!(
                "the next attempt, as the last one failed to {}",
                error_chain(error)
            ));
        }
        outcome
    }

    /// Marks the virtual cluster as ready.
    pub fn ready(&self) {
        self.set(None);
    }

    /// Returns a receiver of the step that is waited for; `None` once the virtual cluster is ready.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<String>> {
        self.0.waiting.subscribe()
    }

    fn set(&self, waiting: Option<String>) {
        self.0.waiting.send_if_modified(|was| {
            let is_news = *was != waiting;
            *was = waiting;
            is_news
        });
    }

    fn waiting(&self) -> Option<String> {
        self.0.waiting.borrow().clone()
    }
}

/// Serves probes at `address` until stopped. The log names the port, in case the address leaves it open.
pub async fn serve_probes(
    status: Status,
    address: SocketAddr,
    shutdown: CancellationToken,
) -> Result<(), std::io::Error> {
    serve(probes(status), address, "answering probes", shutdown).await
}

/// Serves metrics and the details of readiness at `address` until stopped. The log names the port.
pub async fn serve_metrics(
    status: Status,
    address: SocketAddr,
    shutdown: CancellationToken,
) -> Result<(), std::io::Error> {
    serve(details(status), address, "answering with metrics", shutdown).await
}

async fn serve(
    router: Router,
    address: SocketAddr,
    what: &str,
    shutdown: CancellationToken,
) -> Result<(), std::io::Error> {
    let listener = TcpListener::bind(address).await?;
    info!(address = %listener.local_addr()?, "{what}");
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

/// Returns the routes for probes.
fn probes(status: Status) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(is_ready))
        .with_state(status)
}

/// Returns the routes for the operator of the control plane.
fn details(status: Status) -> Router {
    Router::new()
        .route("/readyz", get(waits_for))
        .route("/metrics", get(metrics))
        .with_state(status)
}

async fn is_ready(State(status): State<Status>) -> Response {
    match status.waiting() {
        None => "ok".into_response(),
        Some(_) => (StatusCode::SERVICE_UNAVAILABLE, "not ready\n").into_response(),
    }
}

async fn waits_for(State(status): State<Status>) -> Response {
    match status.waiting() {
        None => "ok".into_response(),
        Some(what) => (StatusCode::SERVICE_UNAVAILABLE, format!("waiting for {what}\n")).into_response(),
    }
}

async fn metrics(State(status): State<Status>) -> Response {
    const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let mut text = String::new();
    match encode(&mut text, &status.0.registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};
    use axum::http::Request;
    use tower::ServiceExt;

    use super::*;

    async fn asked(router: Router, path: &str) -> (u16, String) {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answer = router.oneshot(request).await.unwrap();
        let code = answer.status().as_u16();
        let body = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        (code, String::from_utf8(body.to_vec()).unwrap())
    }

    fn waiting() -> Status {
        let status = Status::starting(Registry::default());
        status.waits_for("namespace vcluster-37a8eec1-ccd63636");
        status
    }

    #[tokio::test]
    async fn a_probe_learns_only_if_it_is_ready() {
        let status = waiting();
        let answer = asked(probes(status.clone()), "/readyz").await;
        assert_eq!(answer, (503, "not ready\n".to_owned()));
        status.ready();
        let ok = (200, "ok".to_owned());
        assert_eq!(asked(probes(status.clone()), "/readyz").await, ok);
        assert_eq!(asked(probes(status.clone()), "/healthz").await, ok);
        assert_eq!(asked(probes(status), "/metrics").await, (404, String::new()));
    }

    #[tokio::test]
    async fn an_administrator_sees_what_it_waits_for() {
        let words = "waiting for namespace vcluster-37a8eec1-ccd63636\n";
        let answer = asked(details(waiting()), "/readyz").await;
        assert_eq!(answer, (503, words.to_owned()));
        assert_eq!(asked(details(waiting()), "/metrics").await.0, 200);
    }
}
