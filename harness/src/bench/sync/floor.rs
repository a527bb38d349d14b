//! What a request costs that does nothing.

use std::time::Instant;

use kube::Client;
use serde::Serialize;

use super::ground::Ground;
use super::{Error, Latency};

/// Enough for a median that does not depend on a few.
const REQUESTS: usize = 100;

/// The median of `GET /version`, in milliseconds: the way there and back, TLS, and the API server's own handling, but
/// no etcd.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// Of the guest's API.
    pub guest: f64,
    /// Of the host's.
    pub host: f64,
}

/// Asks both sides, one request after the other.
pub(super) async fn measure(ground: &Ground) -> Result<Floor, Error> {
    Ok(Floor {
        guest: median(&ground.guest, &ground.tenant).await?,
        host: median(&ground.host, "the host cluster").await?,
    })
}

async fn median(client: &Client, cluster: &str) -> Result<f64, Error> {
    let mut took = Vec::new();
    for _ in 0..REQUESTS {
        let sent = Instant::now();
        let answered = client.apiserver_version().await;
        answered.map_err(Error::refused("ask for the version", cluster))?;
        took.push(sent.elapsed());
    }
    Ok(Latency::of(took).p50)
}
