//! The guest's API `metrics.k8s.io`: the usage of its pods and nodes, as the host measures it.
//!
//! The guest's API server has authorized the client, as for every request (RBAC). Objects are selected in the guest; of these,
//! the host's figures are shown under the guest's names and labels. A container that the host has added to a pod is not shown, as
//! it is not the guest's.

/// The request.
mod request;

/// The host's figures, as the guest shows them.
mod measured;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::api::ListParams;
use kube::client::Body;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};

use self::request::{KubeletRequest, What};
use super::Sides;
use super::status_error::{StatusError, content};
use super::target_pod::is_pair;
use crate::guest::metrics::{GROUP, VERSION};

/// Returns true if a path is of this API.
pub(super) fn is_of(path: &str) -> bool {
    path.split('/').skip(1).take(2).eq(["apis", GROUP])
}

/// Answers a request, if the values enable the API.
pub(super) async fn answer(sides: &Sides, request: &Request<Incoming>) -> Response<Body> {
    let answered = async {
        let asked = KubeletRequest::read(request.method(), request.uri())?;
        let found = found(sides, &asked).await?;
        let text = found.to_string();
        Ok::<_, StatusError>(content(StatusCode::OK, "application/json", text))
    };
    answered.await.unwrap_or_else(|refusal| refusal.as_status())
}

async fn found(sides: &Sides, asked: &KubeletRequest) -> Result<Value, StatusError> {
    let shown = sides.metrics;
    match &asked.what {
        What::Group => Ok(group()),
        What::Version => Ok(version(shown.shows_pods(), shown.shows_nodes())),
        What::Pods { namespace, name } if shown.shows_pods() => {
            let found = match namespace {
                Some(namespace) => pods(sides, namespace, &asked.selected(name.as_deref())).await?,
                None => pods_everywhere(sides, &asked.selected(None)).await?,
            };
            of_kind("PodMetrics", found, name.as_deref())
        }
        What::Nodes { name } if shown.shows_nodes() => {
            let found = nodes(sides, &asked.selected(name.as_deref())).await?;
            of_kind("NodeMetrics", found, name.as_deref())
        }
        What::Pods { .. } | What::Nodes { .. } => Err(StatusError::not_found(
            "the values of this virtual cluster do not enable these metrics (integrations.metricsServer)",
        )),
    }
}

/// Returns the usage of the pods of one namespace.
async fn pods(sides: &Sides, namespace: &str, selected: &ListParams) -> Result<Vec<Value>, StatusError> {
    let guests: Api<Pod> = Api::namespaced(sides.guest.clone(), namespace);
    let guests = guests.list(selected).await;
    let guests = guests.map_err(|error| StatusError::of_api("list pods of the guest", &error))?;
    if guests.items.is_empty() {
        return Ok(Vec::new());
    }
    let mirror = sides.tenant.host_namespace(namespace);
    let hosts: Api<Pod> = Api::namespaced(sides.host.clone(), &mirror);
    let hosts = hosts.list(&ListParams::default()).await;
    let hosts = hosts.map_err(|error| StatusError::of_api("list pods of the host", &error))?;
    let measured: Api<DynamicObject> =
        Api::namespaced_with(sides.host.clone(), &mirror, &resource("PodMetrics", "pods"));
    let measured = measured
        .list(&ListParams::default())
        .await
        .map_err(|error| of_metrics(&error))?;
    let shown = guests.iter().filter_map(|guest| {
        let name = guest.name_any();
        let host = (hosts.iter())
            .find(|host| host.name_any() == name && is_pair(sides, &guest.metadata, &host.metadata))?;
        let theirs = measured.iter().find(|theirs| theirs.name_any() == name)?;
        Some(measured::of_pod(guest, host, theirs))
    });
    Ok(shown.collect())
}

/// Returns the usage of the pods of all namespaces.
async fn pods_everywhere(sides: &Sides, selected: &ListParams) -> Result<Vec<Value>, StatusError> {
    let namespaces: Api<Namespace> = Api::all(sides.guest.clone());
    let namespaces = namespaces.list_metadata(&ListParams::default()).await;
    let namespaces =
        namespaces.map_err(|error| StatusError::of_api("list namespaces of the guest", &error))?;
    let mut found = Vec::new();
    for namespace in namespaces {
        found.extend(pods(sides, &namespace.name_any(), selected).await?);
    }
    Ok(found)
}

/// Returns the usage of the nodes that the guest has.
async fn nodes(sides: &Sides, selected: &ListParams) -> Result<Vec<Value>, StatusError> {
    let guests: Api<Node> = Api::all(sides.guest.clone());
    let guests = guests.list_metadata(selected).await;
    let guests = guests.map_err(|error| StatusError::of_api("list nodes of the guest", &error))?;
    let measured: Api<DynamicObject> = Api::all_with(sides.host.clone(), &resource("NodeMetrics", "nodes"));
    let measured = measured
        .list(&ListParams::default())
        .await
        .map_err(|error| of_metrics(&error))?;
    let shown = guests.iter().filter_map(|guest| {
        let theirs = measured
            .iter()
            .find(|theirs| theirs.name_any() == guest.name_any())?;
        Some(measured::of_node(&guest.metadata, theirs))
    });
    Ok(shown.collect())
}

/// Returns the object that was asked for by name, or all as a list.
fn of_kind(kind: &str, mut found: Vec<Value>, name: Option<&str>) -> Result<Value, StatusError> {
    let Some(name) = name else {
        return Ok(json!({
            "kind": format!("{kind}List"), "apiVersion": format!("{GROUP}/{VERSION}"),
            "metadata": {}, "items": found,
        }));
    };
    found
        .pop()
        .ok_or_else(|| StatusError::not_found(format!("there are no metrics of {name}")))
}

/// Returns the refusal for a failure of the host's metrics API.
fn of_metrics(error: &kube::Error) -> StatusError {
    match error {
        kube::Error::Api(status) if status.code == 404 => {
            StatusError::not_found("the host has no API metrics.k8s.io: no metrics server runs there")
        }
        error => StatusError::of_api("ask the host's metrics server", error),
    }
}

fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind), plural)
}

fn group() -> Value {
    let version = json!({"groupVersion": format!("{GROUP}/{VERSION}"), "version": VERSION});
    json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": GROUP,
        "versions": [version], "preferredVersion": version,
    })
}

fn version(pods: bool, nodes: bool) -> Value {
    let kind = |name: &str, kind: &str, namespaced: bool| {
        json!({
            "name": name, "singularName": "", "namespaced": namespaced, "kind": kind,
            "verbs": ["get", "list"],
        })
    };
    let kinds: Vec<Value> = [
        pods.then(|| kind("pods", "PodMetrics", true)),
        nodes.then(|| kind("nodes", "NodeMetrics", false)),
    ]
    .into_iter()
    .flatten()
    .collect();
    json!({
        "kind": "APIResourceList", "apiVersion": "v1",
        "groupVersion": format!("{GROUP}/{VERSION}"), "resources": kinds,
    })
}
