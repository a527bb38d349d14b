//! Values that go through a topic: published here, and appended on delivery.
//!
//! `POST /topics/my-pubsub/orders?value=42` lets the sidecar publish a value. `POST /events` is the route for a
//! Subscription of Dapr's, and takes the `CloudEvent` with such a value.

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

/// The used parts of a `CloudEvent` (<https://github.com/cloudevents/spec>).
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

/// Appends the delivered value. On an error, Dapr delivers it again. An event without a value would never succeed and
/// is dropped.
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
