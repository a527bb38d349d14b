//! A pod that is created as a tenant's are, to check that it gets a working sidecar.
//!
//! Dapr's injector silently lets a pod pass without a sidecar if it is not up or does not know the pod's creator. So
//! "all pods of dapr-system are ready" proves nothing for the next pod; a canary does.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use kube::api::{Api, DeleteParams, PostParams};
use kube::core::Request;
use kube::{Client, Resource};
use minijinja::context;
use provision::images;
use provision::wait::{self, Budget, Seen};

use super::{Error, Settings};
use crate::answer::said;
use crate::manifests;
use crate::substrate::Cluster;

/// The canary's namespace, named as a tenant's.
const NAMESPACE: &str = "vcluster-canary";

/// The container that Dapr's injector adds.
const SIDECAR: &str = "daprd";

/// The port on the pod's address on which a sidecar reports its health (`--dapr-public-port`, Dapr's default).
const PUBLIC_PORT: u16 = 3501;

/// Dapr's control plane takes 5 s on an idle machine; cold caches and two busy cores make that a minute.
const CONTROL_PLANE: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(150),
};

/// A sidecar takes 2 s, or 10 s more for each time that it was refused and the kubelet backed off.
const SIDECAR_ANSWERS: Budget = Budget {
    at_most: Duration::from_secs(90),
    every: Duration::from_millis(100),
};

/// A namespace takes 5 to 10 s to go. A repeated `up` of an environment that is up takes no longer.
const GONE: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(100),
};

/// Returns when a pod that a tenant's service account created has a sidecar, and the sidecar's way to its components
/// works. Then it removes the canary. On failure the canary stays for inspection.
pub(super) async fn fly(settings: &Settings, cluster: &Cluster) -> Result<(), Error> {
    let client = &cluster.client;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    wait::until("the former canary's namespace to go", GONE, || async {
        let former = namespaces.get_metadata_opt(NAMESPACE).await;
        Ok::<_, Infallible>(match former {
            Ok(Some(former)) if former.metadata.deletion_timestamp.is_some() => {
                Seen::not_yet("it is being deleted")
            }
            Ok(_) => Seen::Ready(()),
            Err(error) => Seen::not_yet(said(&error)),
        })
    })
    .await?;
    manifests::apply(
        client,
        NAMESPACE,
        "platform/canary.yaml",
        include_str!("../../manifests/platform/canary.yaml"),
        context! { run => settings.run.as_str() },
    )
    .await?;
    let pod = canary(settings)?;
    let account = format!("system:serviceaccount:{NAMESPACE}:vc-canary");
    wait::until("Dapr's injector to add a sidecar", CONTROL_PLANE, || async {
        Ok::<_, Infallible>(match create_as(client, &account, &pod, true).await {
            Ok(created) if has_sidecar(&created) => Seen::Ready(()),
            Ok(_) => Seen::not_yet("a pod without a sidecar"),
            Err(error) => Seen::not_yet(said(&error)),
        })
    })
    .await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let at_once = DeleteParams::default().grace_period(0);
    let _none_there = pods.delete("canary", &at_once).await;
    let created = wait::until("the canary to be made", SIDECAR_ANSWERS, || async {
        Ok::<_, Infallible>(match create_as(client, &account, &pod, false).await {
            Ok(created) => Seen::Ready(created),
            Err(error) => Seen::not_yet(said(&error)),
        })
    })
    .await?;
    if !has_sidecar(&created) {
        return Err(Error::NoSidecar {
            account,
            seen: "one container".to_owned(),
        });
    }
    wait::until("the canary's sidecar to answer", SIDECAR_ANSWERS, || async {
        Ok::<_, Infallible>(match answers(cluster, &pods).await {
            Ok(()) => Seen::Ready(()),
            Err(seen) => Seen::NotYet(seen),
        })
    })
    .await?;
    let _gone_already = pods.delete("canary", &at_once).await;
    namespaces
        .delete(NAMESPACE, &DeleteParams::default())
        .await
        .map_err(|source| Error::Host {
            action: "delete",
            object: format!("namespace {NAMESPACE}"),
            source,
        })?;
    Ok(())
}

fn canary(settings: &Settings) -> Result<Pod, Error> {
    let objects = manifests::objects(
        "platform/canary-pod.yaml",
        include_str!("../../manifests/platform/canary-pod.yaml"),
        context! {
            run => settings.run.as_str(),
            image => settings.pause_image.as_str(),
            architecture => images::architecture(),
        },
    )?;
    objects
        .into_iter()
        .next()
        .and_then(|object| object.try_parse().ok())
        .ok_or(Error::Incomplete {
            what: "a pod",
            object: "platform/canary-pod.yaml".to_owned(),
        })
}

/// Creates a pod as a service account would, by impersonation. With `only_try`, it is a dry run.
pub async fn create_as(client: &Client, user: &str, pod: &Pod, only_try: bool) -> Result<Pod, kube::Error> {
    let namespace = pod.metadata.namespace.as_deref();
    let params = PostParams {
        dry_run: only_try,
        ..PostParams::default()
    };
    let body = serde_json::to_vec(pod).map_err(kube::Error::SerdeError)?;
    let mut request = Request::new(Pod::url_path(&(), namespace))
        .create(&params, body)
        .map_err(kube::Error::BuildRequest)?;
    let headers = request.headers_mut();
    if let Ok(user) = user.parse() {
        headers.insert("Impersonate-User", user);
    }
    client.request(request).await
}

/// Returns true if the injector added its container.
#[must_use]
pub fn has_sidecar(pod: &Pod) -> bool {
    pod.spec
        .as_ref()
        .is_some_and(|spec| spec.containers.iter().any(|container| container.name == SIDECAR))
}

async fn answers(cluster: &Cluster, pods: &Api<Pod>) -> Result<(), String> {
    let pod = pods.get("canary").await.map_err(|error| error.to_string())?;
    let status = pod.status.unwrap_or_default();
    let address: IpAddr = status
        .pod_ip
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| format!("phase {}, no address", status.phase.unwrap_or_default()))?;
    let reached = cluster
        .reach
        .open(SocketAddr::new(address, PUBLIC_PORT))
        .await
        .map_err(|error| error.to_string())?;
    let answer = reqwest::get(format!("http://{reached}/v1.0/healthz/outbound"))
        .await
        .map_err(|error| format!("no answer from {address}: {error}"))?;
    if answer.status().is_success() {
        Ok(())
    } else {
        Err(format!("it answered {}", answer.status()))
    }
}
