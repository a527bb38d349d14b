//! The cost of requests without the syncer.

use std::time::Instant;

use kube::Client;
use kube::api::{Api, DynamicObject, Patch, PatchParams};
use serde::Serialize;

use super::bench_namespace::BenchNamespace;
use super::{Error, Latency, load};

/// Enough for a median that does not depend on a few.
const REQUESTS: usize = 100;

/// The other side, in messages.
const HOST: &str = "the host cluster";

/// Medians, in milliseconds. Of `GET /version`: the way there and back, TLS, and the API server's own handling, but no
/// etcd. Of a server-side apply that makes a Component on the host: what a syncer can't do without.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// The median of `GET /version` at the guest's API.
    pub guest: f64,
    /// The median of `GET /version` at the host's API.
    pub host: f64,
    /// The median of an apply that creates a Component directly on the host, as the syncer does.
    pub apply: f64,
}

/// Asks both sides, one request after the other.
pub(super) async fn measure(namespace: &BenchNamespace) -> Result<Floor, Error> {
    Ok(Floor {
        guest: median(&namespace.guest, &namespace.tenant).await?,
        host: median(&namespace.host, HOST).await?,
        apply: apply(namespace).await?,
    })
}

async fn apply(namespace: &BenchNamespace) -> Result<f64, Error> {
    let components: Api<DynamicObject> = namespace.mirrored();
    let mut took = Vec::new();
    for number in 0..REQUESTS {
        let name = format!("direct-{number:04}");
        let component = load::component(&name).map_err(Error::refused("describe a Component", HOST))?;
        let sent = Instant::now();
        let applied = components
            .patch(
                &name,
                &PatchParams::apply("harness-bench").force(),
                &Patch::Apply(&component),
            )
            .await;
        applied.map_err(Error::refused("make a Component", HOST))?;
        took.push(sent.elapsed());
    }
    Ok(Latency::of(took).p50)
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
