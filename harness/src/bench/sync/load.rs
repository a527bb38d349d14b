//! Making, changing and deleting Components in the guest, at a pace or as fast as it goes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams, PostParams};
use provision::wait;
use serde_json::json;
use tokio::task::JoinSet;

use super::Error;
use super::bench_namespace::BenchNamespace;

/// A change to Components.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Create,
    Update,
    Delete,
}

impl Change {
    /// Returns the word for the change that is done.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Create => "made",
            Self::Update => "changed",
            Self::Delete => "deleted",
        }
    }

    /// Asks the guest's API for it.
    async fn ask(self, components: &Api<DynamicObject>, name: &str) -> Result<(), kube::Error> {
        match self {
            Self::Create => {
                let component = component(name)?;
                components
                    .create(&PostParams::default(), &component)
                    .await
                    .map(drop)
            }
            Self::Update => {
                let changed = Patch::Merge(json!({"spec": {"version": "v2"}}));
                components
                    .patch(name, &PatchParams::default(), &changed)
                    .await
                    .map(drop)
            }
            Self::Delete => components.delete(name, &DeleteParams::default()).await.map(drop),
        }
    }
}

/// A request about a Component, which the guest's API has accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Made {
    /// The Component's name.
    pub(super) name: String,
    /// When the request was to be sent.
    pub(super) due: Instant,
    /// Right before it was sent.
    pub(super) sent: Instant,
    /// When it was answered.
    pub(super) accepted: Instant,
}

/// Makes one Component, which is due now.
pub(super) async fn create(components: &Api<DynamicObject>, name: String) -> Result<Made, kube::Error> {
    request(Change::Create, components, name, Instant::now()).await
}

async fn request(
    change: Change,
    components: &Api<DynamicObject>,
    name: String,
    due: Instant,
) -> Result<Made, kube::Error> {
    let sent = Instant::now();
    change.ask(components, &name).await?;
    Ok(Made {
        name,
        due,
        sent,
        accepted: Instant::now(),
    })
}

/// Returns a Component of the size of the tutorial's. Dapr loads it nowhere, because no app is in its scope.
pub(super) fn component(name: &str) -> Result<DynamicObject, kube::Error> {
    serde_json::from_value(json!({
        "apiVersion": "dapr.io/v1alpha1",
        "kind": "Component",
        "metadata": {"name": name},
        "spec": {
            "type": "state.redis",
            "version": "v1",
            "metadata": [
                {"name": "keyPrefix", "value": "name"},
                {"name": "redisHost", "value": "redis-master.shared-dapr.svc.cluster.local:6379"},
                {"name": "redisPassword", "value": "none"},
            ],
        },
        "scopes": ["nobody"],
    }))
    .map_err(kube::Error::SerdeError)
}

/// Requests a change of `count` Components, one at each interval `every`, without waiting for the answers to earlier
/// requests.
pub(super) async fn paced(
    namespace: &BenchNamespace,
    change: Change,
    count: usize,
    every: Duration,
) -> Result<Vec<Made>, Error> {
    let components = namespace.components(namespace.guest.clone());
    let mut making = JoinSet::new();
    let mut due = Instant::now();
    for number in 0..count {
        wait::rest(due.saturating_duration_since(Instant::now())).await;
        let (components, this) = (components.clone(), due);
        making.spawn(
            async move { vec![request(change, &components, format!("paced-{number:04}"), this).await] },
        );
        due += every;
    }
    collect(namespace, change, making).await
}

/// Asks for a change of `count` Components as fast as `clients` get answers.
pub(super) async fn burst(
    namespace: &BenchNamespace,
    change: Change,
    clients: Vec<Client>,
    count: usize,
) -> Result<Vec<Made>, Error> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut making = JoinSet::new();
    for client in clients {
        let (components, next) = (namespace.components(client), Arc::clone(&next));
        making.spawn(async move {
            let mut made = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return made;
                }
                let name = format!("burst-{number:04}");
                made.push(request(change, &components, name, Instant::now()).await);
            }
        });
    }
    collect(namespace, change, making).await
}

async fn collect(
    namespace: &BenchNamespace,
    change: Change,
    mut making: JoinSet<Vec<Result<Made, kube::Error>>>,
) -> Result<Vec<Made>, Error> {
    let attempt = match change {
        Change::Create => "make a Component",
        Change::Update => "change a Component",
        Change::Delete => "delete a Component",
    };
    let mut all = Vec::new();
    while let Some(ended) = making.join_next().await {
        for made in ended.map_err(Error::Ended)? {
            all.push(made.map_err(Error::refused(attempt, &namespace.tenant))?);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_component_has_the_shape_that_dapr_defines() {
        let component = component("paced-0001").unwrap();
        assert_eq!(component.metadata.name.as_deref(), Some("paced-0001"));
        let types = component.types.unwrap();
        assert_eq!(
            (types.api_version.as_str(), types.kind.as_str()),
            ("dapr.io/v1alpha1", "Component")
        );
        assert_eq!(component.data["spec"]["type"], "state.redis");
    }
}
