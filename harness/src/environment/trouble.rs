//! Pods that will not start, however long one waits.

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt};
use provision::wait::{self, Budget, Seen};

use super::Error;
use crate::labels::{OF_NAMESPACE, RUN};

/// The reasons of a waiting container that the kubelet sets after more than one attempt, and that only a user can
/// fix.
const REASONS: [&str; 3] = ["ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"];

/// As long as any stage takes. The stage itself reports when it has waited long enough.
const AS_LONG_AS_IT_TAKES: Budget = Budget {
    at_most: Duration::from_hours(24),
    every: Duration::from_secs(2),
};

/// Does `work`, and stops when a pod of the run will not start.
pub(super) async fn watched<T>(
    client: &Client,
    run: &str,
    work: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    tokio::select! {
        done = work => done,
        trouble = seen(client, run) => Err(trouble),
    }
}

/// Returns when there is a pod of the run that will not start.
async fn seen(client: &Client, run: &str) -> Error {
    let watching = wait::until("a pod that will not start", AS_LONG_AS_IT_TAKES, async || {
        // A cluster that does not answer for a moment is the stage's to judge.
        Ok::<_, std::convert::Infallible>(match look(client, run).await {
            Ok(Some(error)) => Seen::Ready(error),
            Ok(None) => Seen::not_yet("all may start"),
            Err(error) => Seen::not_yet(error.to_string()),
        })
    });
    match watching.await {
        Ok(trouble) => trouble,
        Err(_) => std::future::pending().await,
    }
}

async fn look(client: &Client, run: &str) -> Result<Option<Error>, kube::Error> {
    let pods: Api<Pod> = Api::all(client.clone());
    let pending = pods
        .list(&ListParams::default().fields("status.phase=Pending"))
        .await?;
    for pod in &pending.items {
        if let Some(error) = will_not_start(pod)
            && is_of_run(client, run, &pod.namespace().unwrap_or_default()).await?
        {
            return Ok(Some(error));
        }
    }
    Ok(None)
}

fn will_not_start(pod: &Pod) -> Option<Error> {
    let status = pod.status.as_ref()?;
    let containers = status
        .init_container_statuses
        .iter()
        .chain(&status.container_statuses)
        .flatten();
    containers.into_iter().find_map(|container| {
        let waiting = container.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting.reason.as_deref()?;
        REASONS.contains(&reason).then(|| Error::NotStarting {
            pod: format!("{}/{}", pod.namespace().unwrap_or_default(), pod.name_any()),
            image: container.image.clone(),
            why: waiting.message.clone().unwrap_or_else(|| reason.to_owned()),
        })
    })
}

/// Returns true if the run created the namespace, or if it mirrors a namespace of a tenant that the run created.
async fn is_of_run(client: &Client, run: &str, namespace: &str) -> Result<bool, kube::Error> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let Some(found) = namespaces.get_metadata_opt(namespace).await? else {
        return Ok(false);
    };
    if found.labels().get(RUN).is_some_and(|of| of == run) {
        return Ok(true);
    }
    let Some(tenant) = found.labels().get(OF_NAMESPACE) else {
        return Ok(false);
    };
    let tenant = namespaces.get_metadata_opt(tenant).await?;
    Ok(tenant.is_some_and(|tenant| tenant.labels().get(RUN).is_some_and(|of| of == run)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn waiting(reason: &str) -> Pod {
        serde_json::from_value(json!({
            "metadata": {"name": "app-0", "namespace": "team"},
            "status": {"containerStatuses": [{
                "name": "app", "image": "example.com/app:1", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"waiting": {"reason": reason, "message": "Back-off pulling image"}},
            }]},
        }))
        .unwrap()
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_named_with_its_pod() {
        let error = will_not_start(&waiting("ImagePullBackOff")).unwrap();
        assert_eq!(
            error.to_string(),
            "start pod team/app-0 with the image example.com/app:1: Back-off pulling image"
        );
        assert!(will_not_start(&waiting("ContainerCreating")).is_none());
    }
}
