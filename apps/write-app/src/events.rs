//! Values that go through a topic: published here, and appended where they are delivered.
//!
//! `POST /topics/my-pubsub/orders?value=42` has the sidecar publish a value; `POST /events` is where a Subscription of
//! Dapr's has to lead, and takes the `CloudEvent` with such a value.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use service::problem::Problem;
use service::shell::App;

use crate::{Asked, valid};

/// What matters of a `CloudEvent` (<https://github.com/cloudevents/spec>).
#[derive(Deserialize)]
struct Event {
    data: String,
}

pub(crate) async fn publish(
    State(app): State<App>,
    Path((pubsub, topic)): Path<(String, String)>,
    headers: HeaderMap,
    query: Result<Query<Asked>, QueryRejection>,
) -> Result<StatusCode, Problem> {
    let value = valid(query?.0.value)?;
    app.sidecar
        .publish(&app.call(&headers), &pubsub, &topic, &value)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Appends what is delivered. An error has Dapr deliver it again; what is no value never will be one and is dropped.
pub(crate) async fn take(
    State(app): State<App>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<Value>, Problem> {
    let event = body.ok().and_then(|body| serde_json::from_slice(&body).ok());
    let Some(value) = event.and_then(|event: Event| valid(Some(event.data)).ok()) else {
        return Ok(Json(json!({"status": "DROP"})));
    };
    app.values.append(&app.call(&headers), value).await?;
    Ok(Json(json!({"status": "SUCCESS"})))
}
