//! Reads the values of a Dapr state store.
//!
//! `GET /` answers `{"Values":["42"]}`, and `{"Values":null}` when nothing is stored: the tutorial's app is in Go,
//! which names the field so and has no empty list there.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use service::problem::Problem;
use service::shell::{self, App, alive, ready};

/// Returns the app's routes. Those under `/health` are the tutorial's names for the probes.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/", get(read))
        .route("/health/liveness", get(alive))
        .route("/health/readiness", get(ready));
    shell::complete(routes, app)
}

#[derive(Serialize)]
struct Answer {
    #[serde(rename = "Values")]
    values: Option<Vec<String>>,
}

async fn read(State(app): State<App>, headers: HeaderMap) -> Result<Json<Answer>, Problem> {
    let values = app.values.read(&app.call(&headers)).await?;
    Ok(Json(Answer {
        values: Some(values).filter(|values| !values.is_empty()),
    }))
}
