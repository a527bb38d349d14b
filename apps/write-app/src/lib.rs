//! Appends values to a Dapr state store.
//!
//! `POST /?value=42` appends and answers the whole list, `{"values":["42"]}`; `GET /` answers it as it is, and
//! `DELETE /` empties it. A value may come as an event as well; see [`events`].

use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Form, FromRequest, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use service::problem::Problem;
use service::shell::{self, App, alive};

/// Values that go through a topic: published here, and appended on delivery.
pub mod events;

/// The longest value that is taken, in bytes.
pub const LONGEST_VALUE: usize = 64 * 1024;

/// The longest form that can hold such a value: each byte may be written as `%2F`.
const LONGEST_FORM: usize = "value=".len() + 3 * LONGEST_VALUE;

/// Returns the app's routes. The tutorial's manifests use `/actuator/health` for both probes. It must not fail when
/// only the sidecar does, so it is an alias of `/healthz`.
pub fn router(app: App) -> Router {
    let routes = Router::new()
        .route("/", get(list).post(append).delete(clear))
        .route("/events", post(events::take))
        .route("/topics/{pubsub}/{topic}", post(events::publish))
        .route("/actuator/health", get(alive))
        .layer(DefaultBodyLimit::max(LONGEST_FORM));
    shell::complete(routes, app)
}

#[derive(Serialize)]
struct Answer {
    values: Vec<String>,
}

async fn list(State(app): State<App>, headers: HeaderMap) -> Result<Json<Answer>, Problem> {
    let values = app.values.read(&app.call(&headers)).await?;
    Ok(Json(Answer { values }))
}

async fn append(
    State(app): State<App>,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
    request: Request,
) -> Result<Json<Answer>, Problem> {
    let call = app.call(&headers);
    let value = match query?.0.value {
        Some(value) => Some(value),
        None => call.wait(in_form(request)).await??,
    };
    let value = valid(value)?;
    Ok(Json(Answer {
        values: app.values.append(&call, value).await?,
    }))
}

async fn clear(State(app): State<App>, headers: HeaderMap) -> Result<Json<Answer>, Problem> {
    app.values.clear(&app.call(&headers)).await?;
    Ok(Json(Answer { values: Vec::new() }))
}

/// The one parameter, in the query or in a form.
#[derive(Deserialize)]
struct Asked {
    value: Option<String>,
}

/// Returns the value in a request's body, if that is a form. A long value has to come this way: the HTTP server takes
/// no more than 64 KiB of path and query together.
async fn in_form(request: Request) -> Result<Option<String>, Problem> {
    let form = request
        .headers()
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    if !form.is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded")) {
        return Ok(None);
    }
    match Form::<Asked>::from_request(request, &()).await {
        Ok(Form(asked)) => Ok(asked.value),
        Err(rejection) => Err(unreadable(&rejection)),
    }
}

fn unreadable(rejection: &FormRejection) -> Problem {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => Problem::new(status, "bad_form", rejection.body_text()),
    }
}

fn valid(value: Option<String>) -> Result<String, Problem> {
    match value {
        Some(value) if value.len() > LONGEST_VALUE => Err(too_large()),
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "missing_value",
            "say what to append: POST /?value=42, or value=42 as a form",
        )),
    }
}

fn too_large() -> Problem {
    let message = format!("a value may have {LONGEST_VALUE} bytes");
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "value_too_large", message)
}
