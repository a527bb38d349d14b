//! What the syncer tells about itself over HTTP: `/healthz`, `/readyz` and `/metrics`.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::patience::chain;

/// How far the syncer has got; copies tell the same.
#[derive(Clone, Debug)]
pub struct Status(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// What is waited for; nothing once everything is done.
    waiting: Mutex<Option<String>>,
    registry: Registry,
}

impl Status {
    /// A syncer that has just started and counts in `registry`.
    #[must_use]
    pub fn starting(registry: Registry) -> Self {
        Self(Arc::new(Inner {
            waiting: Mutex::new(Some("the start".to_owned())),
            registry,
        }))
    }

    /// Says what is waited for now.
    pub fn waits_for(&self, what: impl Into<String>) {
        self.set(Some(what.into()));
    }

    /// Makes an attempt that is waited for; should it fail, what is waited for is its reason.
    pub async fn hear<T, E: Error + 'static>(
        &self,
        attempt: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let outcome = attempt.await;
        if let Err(error) = &outcome {
            self.waits_for(format!("something that failed to {}", chain(error)));
        }
        outcome
    }

    /// Says that the virtual cluster can be used.
    pub fn ready(&self) {
        self.set(None);
    }

    fn set(&self, waiting: Option<String>) {
        *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    fn waiting(&self) -> Option<String> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Answers at `address` until told to stop; the log says at which port, should the address leave it open.
pub async fn serve(
    status: Status,
    address: SocketAddr,
    shutdown: CancellationToken,
) -> Result<(), std::io::Error> {
    let listener = TcpListener::bind(address).await?;
    info!(address = %listener.local_addr()?, "listening");
    axum::serve(listener, router(status))
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
}

/// The routes.
pub fn router(status: Status) -> Router {
    Router::new()
        .route("/healthz", get(async || "ok"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(status)
}

async fn readyz(State(status): State<Status>) -> Response {
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
