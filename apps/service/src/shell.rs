//! Probes, metrics and JSON answers that all apps have in common.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use tracing::Instrument;

use crate::call::Call;
use crate::metrics::Metrics;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::sidecar::Sidecar;
use crate::trace::Trace;
use crate::values::Values;

/// Shorter than the second that Kubernetes gives a probe by default, so that it learns the reason.
const PROBE_LIMIT: Duration = Duration::from_millis(900);

/// The state that the handlers of an app share.
#[derive(Clone, Debug)]
pub struct App {
    /// The list in the state store.
    pub values: Arc<Values>,
    /// The sidecar, for requests other than for values.
    pub sidecar: Arc<Sidecar>,
    metrics: Arc<Metrics>,
    limit: Duration,
}

impl App {
    /// Creates an app with `settings`.
    ///
    /// # Errors
    ///
    /// Fails if the HTTP client cannot be set up.
    pub fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let metrics = Arc::new(Metrics::new());
        let sidecar = Arc::new(Sidecar::new(settings, Arc::clone(&metrics))?);
        let values = Arc::new(Values::new(Arc::clone(&sidecar), &metrics));
        Ok(Self {
            values,
            sidecar,
            metrics,
            limit: settings.request_timeout_ms,
        })
    }

    /// Returns the call that a request with `headers` makes. Its time runs from now on.
    #[must_use]
    pub fn call(&self, headers: &HeaderMap) -> Call {
        Call::within(self.limit, Trace::of(headers))
    }
}

/// Completes an app's own `routes`: probes, metrics, and JSON where nothing matches.
pub fn complete(routes: Router<App>, app: App) -> Router {
    routes
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .fallback(async || {
            Problem::new(
                StatusCode::NOT_FOUND,
                "not_found",
                "there is nothing at this path",
            )
        })
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "this path takes other methods",
            )
        })
        .layer(middleware::from_fn_with_state(app.clone(), observed))
        .with_state(app)
}

/// Answers that the process runs, whatever the state of the sidecar: a restart of the app would not repair the sidecar.
pub async fn alive() -> Json<Value> {
    Json(json!({"status": "UP"}))
}

/// Reports that the app can answer requests: the sidecar has connected its Components, including the store.
///
/// # Errors
///
/// Fails with the reason if they cannot.
pub async fn ready(State(app): State<App>, headers: HeaderMap) -> Result<Json<Value>, Problem> {
    app.sidecar
        .ready(&Call::within(PROBE_LIMIT, Trace::of(&headers)))
        .await?;
    Ok(Json(json!({"status": "UP"})))
}

async fn metrics(State(app): State<App>) -> Response {
    ([(header::CONTENT_TYPE, Metrics::MEDIA_TYPE)], app.metrics.text()).into_response()
}

/// Counts and logs every request. Routes other than `/` are logged at the level `debug`.
async fn observed(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let trace = Trace::of(request.headers());
    let span = tracing::info_span!("request", method, route, trace_id = trace.id());
    async {
        let response = next.run(request).await;
        let (status, took) = (response.status().as_u16(), started.elapsed());
        app.metrics.answered(method, &route, status, took);
        let milliseconds = took.as_secs_f64() * 1000.0;
        if route == "/" {
            tracing::info!(status, milliseconds, "answered");
        } else {
            tracing::debug!(status, milliseconds, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

/// Returns the method as a label. A caller may send any word.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        _ => "other",
    }
}
