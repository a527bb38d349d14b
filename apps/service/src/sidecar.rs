//! One call to Dapr's HTTP API at a time.
//!
//! The state API is described at <https://docs.dapr.io/reference/api/state_api/>, and publishing at
//! <https://docs.dapr.io/reference/api/pubsub_api/>. Its error answers are from the source of Dapr 1.16.

use std::sync::Arc;
use std::time::Instant;

use reqwest::header::{CONTENT_TYPE, ETAG, HeaderName};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;

use crate::call::Call;
use crate::metrics::Metrics;
use crate::settings::Settings;

const TOKEN: HeaderName = HeaderName::from_static("dapr-api-token");

/// Dapr's own limit for a request, which a saved value must not exceed (`--dapr-http-max-request-size`).
pub const LARGEST_STATE: usize = 4 * 1024 * 1024;

/// The sidecar, and the state store in it that is used.
#[derive(Debug)]
pub struct Sidecar {
    client: Client,
    endpoint: Url,
    store: String,
    settings: Settings,
    metrics: Arc<Metrics>,
    /// Held while a long answer is read.
    long: Semaphore,
}

/// A stored value.
#[derive(Clone, Debug)]
pub struct Found {
    /// Changes with every write.
    pub etag: Option<String>,
    /// The value, as it is stored.
    pub body: Vec<u8>,
}

/// The condition on which a write is accepted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Only<'a> {
    /// Nobody wrote since the value with this `ETag` was read.
    IfStill(&'a str),
    /// Nothing is stored. The request expresses this by an `ETag` that no value has.
    IfNothing,
    /// Nothing is stored. The request expresses this by Dapr's first-write option.
    IfFirst,
}

/// Errors of a call. Their texts follow "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing listens there, so nothing was sent.
    #[error("reach the sidecar")]
    Away(#[source] reqwest::Error),
    /// The connection ended before the answer did. A write may have been taken or not.
    #[error("hear the sidecar out")]
    Broken(#[source] reqwest::Error),
    /// No answer came in time. A write may have been taken or not.
    #[error("get an answer from the sidecar in time")]
    Slow,
    /// The sidecar asks for a token and this is not the one.
    #[error("show the sidecar the API token that it wants")]
    TokenRefused,
    /// The sidecar has state stores, but none of that name.
    #[error("find a state store named {store}")]
    UnknownStore {
        /// The name.
        store: String,
    },
    /// The sidecar has no state store at all: no Component reached it.
    #[error("find any state store")]
    NoStore,
    /// The store reports that the write is based on an outdated value. Redis reports all its errors in this way.
    #[error("write over the value that was read ({message})")]
    Outdated {
        /// Dapr's own words.
        message: String,
    },
    /// The store or the sidecar is in trouble.
    #[error("use the state store ({status} {code}: {message})")]
    Failing {
        /// The HTTP status.
        status: StatusCode,
        /// Dapr's code of the error.
        code: String,
        /// Dapr's own words.
        message: String,
    },
    /// The sidecar considers the request invalid, and a retry would not change this.
    #[error("have the request taken ({status} {code}: {message})")]
    Refused {
        /// The HTTP status.
        status: StatusCode,
        /// Dapr's code of the error.
        code: String,
        /// Dapr's own words.
        message: String,
    },
    /// The broker or the sidecar did not take a message.
    #[error("publish ({status}: {message})")]
    Unpublished {
        /// The HTTP status.
        status: StatusCode,
        /// Dapr's own words.
        message: String,
    },
    /// The stored value is not a list of strings.
    #[error("read what is stored as a list of strings")]
    Unreadable(#[source] serde_json::Error),
    /// The list is as long as Dapr takes.
    #[error("keep a list of more than {LARGEST_STATE} bytes")]
    Full,
    /// Other writers came first, too many times.
    #[error("write before others do")]
    Contended,
}

impl Sidecar {
    /// Creates the sidecar that `settings` name. It makes no connection yet.
    ///
    /// # Errors
    ///
    /// Fails if the HTTP client cannot be set up.
    pub fn new(settings: &Settings, metrics: Arc<Metrics>) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: Client::builder().build()?,
            endpoint: settings.sidecar(),
            store: settings.state_store_name.clone(),
            settings: settings.clone(),
            metrics,
            long: Semaphore::new(1),
        })
    }

    /// Reads the value that is stored at `key`. Returns `None` if there is none.
    pub async fn get(&self, call: &Call, key: &str) -> Result<Option<Found>, Error> {
        self.counted("get", async {
            let request = self.request(call, Method::GET, &["v1.0", "state", &self.store, key]);
            let response = call.wait(self.answer(request)).await??;
            if response.status() == StatusCode::NO_CONTENT {
                return Ok(None);
            }
            let etag = response
                .headers()
                .get(ETAG)
                .and_then(|etag| etag.to_str().ok())
                .map(ToOwned::to_owned);
            let body = call.wait(self.body(response)).await??;
            Ok(Some(Found { etag, body }))
        })
        .await
    }

    /// Writes `value` to `key`, on one condition.
    ///
    /// The `ETag` alone makes the store compare, although Dapr's documentation leaves that open. The option
    /// `first-write` is needed only if there is no `ETag` yet. It is avoided if possible, because Redis remembers it
    /// with the key and from then on refuses every write without an `ETag`, even those of others.
    pub async fn save(
        &self,
        call: &Call,
        key: &str,
        value: &impl Serialize,
        only: Only<'_>,
    ) -> Result<(), Error> {
        self.counted("save", async {
            let (etag, concurrency) = match only {
                Only::IfStill(etag) => (Some(etag), None),
                Only::IfNothing => (Some(NO_VALUES_ETAG), None),
                Only::IfFirst => (None, Some("first-write")),
            };
            let item = Item {
                key,
                value,
                etag,
                options: concurrency.map(|concurrency| Options { concurrency }),
            };
            let body = serde_json::to_vec(&[item]).expect("text is always JSON");
            if body.len() > LARGEST_STATE {
                return Err(Error::Full);
            }
            let request = self
                .request(call, Method::POST, &["v1.0", "state", &self.store])
                .body(body);
            call.wait(self.answer(request)).await??;
            Ok(())
        })
        .await
    }

    /// Publishes a text to a topic. Returns when the broker has it, delivered or not.
    pub async fn publish(&self, call: &Call, pubsub: &str, topic: &str, text: &str) -> Result<(), Error> {
        self.counted("publish", async {
            let body = serde_json::to_vec(text).expect("text is always JSON");
            let request = self
                .request(call, Method::POST, &["v1.0", "publish", pubsub, topic])
                .header(CONTENT_TYPE, "application/json")
                .body(body);
            call.wait(self.answer(request)).await??;
            Ok(())
        })
        .await
    }

    /// Returns successfully if the sidecar has connected its components and the store is one of them.
    pub async fn ready(&self, call: &Call) -> Result<(), Error> {
        self.counted("ready", async {
            let outbound = self.request(call, Method::GET, &["v1.0", "healthz", "outbound"]);
            call.wait(self.answer(outbound)).await??;
            let metadata = self.request(call, Method::GET, &["v1.0", "metadata"]);
            let response = call.wait(self.answer(metadata)).await??;
            let status = response.status();
            let body = call.wait(self.body(response)).await??;
            let Metadata { components } = serde_json::from_slice(&body).map_err(|error| Error::Refused {
                status,
                code: "none".to_owned(),
                message: format!("its metadata are of an unknown form: {error}"),
            })?;
            let stores = components
                .iter()
                .filter(|component| component.kind.starts_with("state."));
            let names: Vec<_> = stores.map(|store| store.name.as_str()).collect();
            match names.as_slice() {
                [] => Err(Error::NoStore),
                names if names.contains(&self.store.as_str()) => Ok(()),
                _ => Err(Error::UnknownStore {
                    store: self.store.clone(),
                }),
            }
        })
        .await
    }

    fn request(&self, call: &Call, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.endpoint.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let request = self
            .client
            .request(method, url)
            .headers(call.trace.headers().clone());
        match self.settings.token() {
            Some(token) => request.header(TOKEN, token.clone()),
            None => request,
        }
    }

    /// Sends a request; any answer but a success is an error.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, Error> {
        let response = request.send().await.map_err(|error| {
            if error.is_connect() {
                Error::Away(error)
            } else {
                Error::Broken(error)
            }
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        Err(self.error(status, &self.body(response).await?))
    }

    /// Returns the whole body of an answer. Long ones are read one after another: a pod has room for one, not for
    /// fifty.
    async fn body(&self, mut response: Response) -> Result<Vec<u8>, Error> {
        let mut body = Vec::new();
        let mut turn = None;
        while let Some(chunk) = response.chunk().await.map_err(Error::Broken)? {
            let length = body.len() + chunk.len();
            if length > LARGEST_STATE {
                return Err(Error::Full);
            }
            if length > LONG && turn.is_none() {
                turn = self.long.acquire().await.ok();
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// Converts an answer with an error's status to an error.
    fn error(&self, status: StatusCode, body: &[u8]) -> Error {
        // All but the refusal of a token is JSON; a proxy in between may say anything.
        let Complaint { code, message } = serde_json::from_slice(body).unwrap_or_else(|_| Complaint {
            code: "none".to_owned(),
            message: String::from_utf8_lossy(body)
                .chars()
                .take(LONGEST_MESSAGE)
                .collect(),
        });
        match (status, code.as_str()) {
            (StatusCode::UNAUTHORIZED, _) => Error::TokenRefused,
            (_, "ERR_STATE_STORE_NOT_FOUND") => Error::UnknownStore {
                store: self.store.clone(),
            },
            (_, "ERR_STATE_STORE_NOT_CONFIGURED") => Error::NoStore,
            (_, code) if code.starts_with(PUBSUB_ERRORS) => Error::Unpublished { status, message },
            (StatusCode::CONFLICT, _) => Error::Outdated { message },
            (StatusCode::PAYLOAD_TOO_LARGE, _) => Error::Full,
            (StatusCode::TOO_MANY_REQUESTS, _) => Error::Failing {
                status,
                code,
                message,
            },
            _ if status.is_server_error() => Error::Failing {
                status,
                code,
                message,
            },
            _ => Error::Refused {
                status,
                code,
                message,
            },
        }
    }

    async fn counted<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        tracing::debug!(operation, "calling the sidecar");
        let started = Instant::now();
        let result = work.await;
        let outcome = result.as_ref().err().map_or("ok", Error::code);
        self.metrics.called(operation, outcome, started.elapsed());
        result
    }
}

/// An `ETag` that Redis, which counts writes, reaches after four billion of them; other stores that count or
/// number take it for valid too.
const NO_VALUES_ETAG: &str = "4294967295";

/// An answer of more bytes is long.
const LONG: usize = 64 * 1024;

/// The number of characters that are logged of an answer that is not JSON.
const LONGEST_MESSAGE: usize = 200;

/// The prefix of the codes of all errors of publishing.
const PUBSUB_ERRORS: &str = "ERR_PUBSUB_";

/// Dapr's form of a write; it takes a list of them.
#[derive(Serialize)]
struct Item<'a, V> {
    key: &'a str,
    value: &'a V,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<Options<'a>>,
}

#[derive(Serialize)]
struct Options<'a> {
    concurrency: &'a str,
}

/// Dapr's form of an error.
#[derive(Deserialize)]
struct Complaint {
    #[serde(rename = "errorCode")]
    code: String,
    #[serde(default)]
    message: String,
}

/// The used parts of the sidecar's metadata.
#[derive(Deserialize)]
struct Metadata {
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    #[serde(rename = "type")]
    kind: String,
}

impl Error {
    /// Returns a word for each kind of error, for callers and metrics.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Away(_) | Self::Broken(_) => "sidecar_away",
            Self::Slow => "sidecar_slow",
            Self::TokenRefused => "token_refused",
            Self::UnknownStore { .. } => "unknown_store",
            Self::NoStore => "no_store",
            Self::Outdated { .. } | Self::Contended => "contended",
            Self::Failing { .. } => "store_failing",
            Self::Refused { .. } => "store_refused",
            Self::Unpublished { .. } => "unpublished",
            Self::Unreadable(_) => "unreadable_state",
            Self::Full => "list_full",
        }
    }

    /// Returns true if the same call may well succeed a moment later.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Away(_) | Self::Broken(_) | Self::Failing { .. })
    }
}
