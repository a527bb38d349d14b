//! When a tenant's cluster is ready to be used.
//!
//! Its API server answers before its syncer works, so that alone is not enough: the kinds that it exports must be
//! known to it, and its DNS must run, which shows that pods get to the host and their status comes back.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Client;
use kube::api::Api;
use provision::wait::{self, Budget, Seen};

use super::Error;
use crate::answer::said;
use crate::manifests;

/// The kind that the apps' state store is declared with.
const COMPONENTS: &str = "components.dapr.io";

/// A tenant is usable 5 s after its API server answers; several at once on two busy cores need a minute.
const USABLE: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(150),
};

/// Returns when a tenant's API server answers, knows Components, and its DNS runs.
pub(super) async fn usable(tenant: &str, client: &Client) -> Result<(), Error> {
    wait::until(format!("{tenant} to be usable"), USABLE, || async {
        // While it starts, anything may fail; the last error is reported if it never gets better.
        Ok::<_, kube::Error>(lacks(client).await.map_or_else(
            |error| Seen::not_yet(said(&error)),
            |missing| missing.map_or(Seen::Ready(()), Seen::NotYet),
        ))
    })
    .await?;
    Ok(())
}

async fn lacks(client: &Client) -> Result<Option<String>, kube::Error> {
    let kinds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let Some(kind) = kinds.get_opt(COMPONENTS).await? else {
        return Ok(Some(format!("no {COMPONENTS}")));
    };
    if !is_established(&kind) {
        return Ok(Some(format!("{COMPONENTS} is not established")));
    }
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), "kube-system");
    let Some(dns) = deployments.get_opt("coredns").await? else {
        return Ok(Some("no coredns".to_owned()));
    };
    Ok(manifests::lacks(&dns).map(|missing| format!("coredns: {missing}")))
}

fn is_established(kind: &CustomResourceDefinition) -> bool {
    kind.status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten())
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}
