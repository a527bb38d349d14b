//! A sidecar for tests that fails on demand.
//!
//! It answers as Dapr 1.16 does with one state store, `my-statestore`, in front of Redis: the rules for `ETags`
//! are those of the scripts that Dapr has Redis run, and so are the misleading answers.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::{Body, Bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::settings::Settings;

/// A sidecar on a loopback port, which ends when it is dropped.
#[derive(Debug)]
pub struct FakeSidecar {
    memory: Arc<Mutex<Memory>>,
    called: Arc<Notify>,
    port: u16,
    server: JoinHandle<()>,
}

/// Something that goes wrong with a call to the state API.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// No answer, ever.
    Silence,
    /// The connection ends before the answer does; nothing was done.
    HangsUp,
    /// The connection ends before the answer does, but the request has been done.
    LosesTheAnswer,
    /// This status and text are the answer; nothing was done.
    Says(u16, &'static str),
    /// Another writer stores this just before.
    ComesSecondTo(&'static str),
    /// Nothing goes wrong: to let a call pass before the next fault.
    Nothing,
}

/// The treatment of an `ETag` by the store if nothing is stored.
#[derive(Clone, Copy, Debug, Default)]
pub enum Store {
    /// It takes any, as Redis does.
    #[default]
    Redis,
    /// It takes none, as SQL databases do.
    Sql,
}

#[derive(Debug, Default)]
struct Memory {
    store: Store,
    stored: HashMap<String, Entry>,
    faults: VecDeque<Fault>,
    heard: Vec<HeaderMap>,
    published: Vec<(String, String, Value)>,
    called: Arc<Notify>,
}

#[derive(Clone, Debug)]
struct Entry {
    value: Value,
    version: u64,
    first_write: bool,
}

/// One write, as Dapr's clients send it.
#[derive(Deserialize)]
struct Item {
    key: String,
    value: Value,
    etag: Option<String>,
    #[serde(default)]
    options: Options,
}

#[derive(Default, Deserialize)]
struct Options {
    concurrency: Option<String>,
}

impl FakeSidecar {
    /// Starts a sidecar that works, with nothing stored.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    pub async fn start() -> Self {
        Self::of(Store::default()).await
    }

    /// Starts a sidecar like [`Self::start`], with a store of another kind.
    ///
    /// # Panics
    ///
    /// Panics if there is no free port.
    pub async fn of(store: Store) -> Self {
        let called = Arc::default();
        let memory = Memory {
            store,
            called: Arc::clone(&called),
            ..Memory::default()
        };
        let memory = Arc::new(Mutex::new(memory));
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let router = router(Arc::clone(&memory));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it never ends") });
        Self {
            memory,
            called,
            port,
            server,
        }
    }

    /// Returns the settings of an app that uses this sidecar. One of its requests may take half a second.
    ///
    /// # Panics
    ///
    /// Never panics, because the settings are valid.
    #[must_use]
    pub fn settings(&self) -> Settings {
        settings_for(self.port)
    }

    /// Makes the next calls to the state API go wrong, one after another.
    pub fn will(&self, faults: impl IntoIterator<Item = Fault>) {
        self.memory().faults.extend(faults);
    }

    /// Stores `value` at `key`, as some other program would.
    pub fn store(&self, key: &str, value: Value) {
        self.memory().write(key, value, false);
    }

    /// Returns the value that is stored at `key`.
    #[must_use]
    pub fn stored(&self, key: &str) -> Option<Value> {
        self.memory().stored.get(key).map(|entry| entry.value.clone())
    }

    /// Returns true if a write to `key` without an `ETag` would be refused from now on.
    #[must_use]
    pub fn is_first_write(&self, key: &str) -> bool {
        self.memory()
            .stored
            .get(key)
            .is_some_and(|entry| entry.first_write)
    }

    /// Returns the headers of every call so far.
    #[must_use]
    pub fn heard(&self) -> Vec<HeaderMap> {
        self.memory().heard.clone()
    }

    /// Returns the messages that were published so far: the component, the topic and the message.
    #[must_use]
    pub fn published(&self) -> Vec<(String, String, Value)> {
        self.memory().published.clone()
    }

    /// Waits for the next call to the state API.
    pub async fn called(&self) {
        self.called.notified().await;
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        lock(&self.memory)
    }
}

impl Drop for FakeSidecar {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Returns the settings for a sidecar at `port`, if no sidecar needs to run.
///
/// # Panics
///
/// Never panics, because the settings are valid.
#[must_use]
pub fn settings_for(port: u16) -> Settings {
    #[derive(Parser)]
    struct Arguments {
        #[command(flatten)]
        settings: Settings,
    }
    let endpoint = format!("http://127.0.0.1:{port}");
    let arguments = [
        "app",
        "--dapr-http-endpoint",
        &endpoint,
        "--request-timeout-ms",
        "500",
    ];
    Arguments::parse_from(arguments).settings
}

fn lock(memory: &Mutex<Memory>) -> MutexGuard<'_, Memory> {
    memory.lock().expect("no test panicked while it held this")
}

fn router(memory: Arc<Mutex<Memory>>) -> Router {
    Router::new()
        .route("/v1.0/state/my-statestore/{key}", get(read))
        .route("/v1.0/state/my-statestore", post(save))
        .route("/v1.0/state/{store}/{key}", get(unknown))
        .route("/v1.0/state/{store}", post(unknown))
        .route("/v1.0/publish/{pubsub}/{topic}", post(publish))
        .layer(middleware::from_fn_with_state(Arc::clone(&memory), faulty))
        .route("/v1.0/healthz/outbound", get(StatusCode::NO_CONTENT))
        .route("/v1.0/metadata", get(metadata))
        .with_state(memory)
}

async fn faulty(State(memory): State<Arc<Mutex<Memory>>>, request: Request, next: Next) -> Response {
    let fault = {
        let mut memory = lock(&memory);
        memory.heard.push(request.headers().clone());
        memory.called.notify_one();
        memory.faults.pop_front().unwrap_or(Fault::Nothing)
    };
    match fault {
        Fault::Nothing => next.run(request).await,
        Fault::Silence => std::future::pending().await,
        Fault::HangsUp => broken(),
        Fault::LosesTheAnswer => {
            next.run(request).await;
            broken()
        }
        Fault::Says(status, text) => (StatusCode::from_u16(status).expect("a status"), text).into_response(),
        Fault::ComesSecondTo(value) => {
            let value = serde_json::from_str(value).expect("JSON");
            lock(&memory).write("values", value, false);
            next.run(request).await
        }
    }
}

/// Returns an answer whose connection ends in the middle.
fn broken() -> Response {
    let body = futures::stream::iter([Err::<Bytes, _>(std::io::Error::other("hung up"))]);
    (StatusCode::INTERNAL_SERVER_ERROR, Body::from_stream(body)).into_response()
}

async fn read(State(memory): State<Arc<Mutex<Memory>>>, Path(key): Path<String>) -> Response {
    match lock(&memory).stored.get(&key) {
        Some(entry) => (
            [(header::ETAG, entry.version.to_string())],
            Json(entry.value.clone()),
        )
            .into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

async fn publish(
    State(memory): State<Arc<Mutex<Memory>>>,
    Path((pubsub, topic)): Path<(String, String)>,
    Json(message): Json<Value>,
) -> StatusCode {
    lock(&memory).published.push((pubsub, topic, message));
    StatusCode::NO_CONTENT
}

async fn save(State(memory): State<Arc<Mutex<Memory>>>, body: Bytes) -> Response {
    let items: Vec<Item> = serde_json::from_slice(&body).expect("Dapr's form of a write");
    let mut memory = lock(&memory);
    for item in items {
        let first_write = item.options.concurrency.as_deref() == Some("first-write");
        let stored = memory
            .stored
            .get(&item.key)
            .map(|entry| (entry.version.to_string(), entry.first_write));
        let taken = match (&item.etag, stored, memory.store) {
            (Some(etag), Some((version, _)), _) => *etag == version,
            (Some(_), None, Store::Redis) | (None, None, _) => true,
            (Some(_), None, Store::Sql) => false,
            (None, Some((_, was_first_write)), _) => !first_write && !was_first_write,
        };
        if !taken {
            let status = if item.etag.is_some() {
                StatusCode::CONFLICT
            } else {
                StatusCode::INTERNAL_SERVER_ERROR
            };
            return complaint(status, "ERR_STATE_SAVE");
        }
        memory.write(&item.key, item.value, first_write);
    }
    StatusCode::NO_CONTENT.into_response()
}

impl Memory {
    fn write(&mut self, key: &str, value: Value, first_write: bool) {
        let (version, sticky) = self
            .stored
            .get(key)
            .map_or((0, false), |old| (old.version, old.first_write));
        let entry = Entry {
            value,
            version: version + 1,
            first_write: first_write || sticky,
        };
        self.stored.insert(key.to_owned(), entry);
    }
}

async fn unknown() -> Response {
    complaint(StatusCode::BAD_REQUEST, "ERR_STATE_STORE_NOT_FOUND")
}

fn complaint(status: StatusCode, code: &str) -> Response {
    (status, Json(json!({"errorCode": code, "message": "as told to"}))).into_response()
}

async fn metadata() -> Json<Value> {
    Json(json!({"id": "fake", "components": [
        {"name": "my-secrets", "type": "secretstores.kubernetes", "version": "v1"},
        {"name": "my-statestore", "type": "state.redis", "version": "v1"},
    ]}))
}
