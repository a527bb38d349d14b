//! Prerequisites of a guest: an API that answers, the API's own Service, DNS, and the service account that pods run as.

/// Objects that a guest's administrator may change.
mod defaults;

/// The guest's DNS server.
pub mod dns;

/// The Service `kubernetes`, by which the guest's pods reach its API.
pub mod kubernetes;

/// The API `metrics.k8s.io`.
pub mod metrics;

use std::path::PathBuf;

use k8s_openapi::api::core::v1::ServiceAccount;
use kube::{Api, Client};

/// Failure to set up the guest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The guest's API did not do what was asked.
    #[error("{attempt}")]
    Asked {
        /// The request that failed.
        attempt: String,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// The API answers, but is not ready.
    #[error("use the guest's API: it is not ready: {0}")]
    NotReady(String),
    /// A file that `syncer init` writes cannot be read.
    #[error("read {}, which `syncer init` writes", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// An object that the guest's own controllers create does not exist yet.
    #[error("find {0}, which the guest's controller manager creates")]
    Missing(&'static str),
}

/// Checks that the guest's API is ready to be used.
pub async fn answers(guest: &Client) -> Result<(), Error> {
    let request = http_get("/readyz");
    let said = guest
        .request_text(request)
        .await
        .map_err(|source| asked("ask the guest's API", source))?;
    if said == "ok" {
        Ok(())
    } else {
        Err(Error::NotReady(said))
    }
}

/// Checks that a pod can be created: admission refuses pods in a namespace without the default service account.
pub async fn takes_pods(guest: &Client) -> Result<(), Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(guest.clone(), "default");
    let found = accounts
        .get_opt("default")
        .await
        .map_err(|source| asked("read a service account", source))?;
    found.map(drop).ok_or(Error::Missing("service account default"))
}

fn http_get(path: &str) -> axum::http::Request<Vec<u8>> {
    let mut request = axum::http::Request::new(Vec::new());
    *request.uri_mut() = axum::http::Uri::try_from(path).unwrap_or_default();
    request
}

fn asked(attempt: impl Into<String>, source: kube::Error) -> Error {
    Error::Asked {
        attempt: attempt.into(),
        source: Box::new(source),
    }
}
