//! The host pod that a request is about.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Api, ResourceExt};

use super::Sides;
use super::request::KubeletRequest;
use super::status_error::StatusError;
use crate::sync::{Own, is_copy_of, is_made_from};

/// A pod of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TargetPod {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

/// Finds the host pod of the guest pod of a request. The container has to be the guest's own: a container that the host added to
/// its pod is not the tenant's.
pub(super) async fn find(sides: &Sides, asked: &KubeletRequest) -> Result<TargetPod, StatusError> {
    let KubeletRequest {
        namespace, pod: name, ..
    } = asked;
    let guests: Api<Pod> = Api::namespaced(sides.guest.clone(), namespace);
    let guest = guests.get_opt(name).await;
    let guest = guest
        .map_err(|error| StatusError::of_api("read a pod of the guest", &error))?
        .filter(|guest| asked.uid.is_none() || asked.uid == guest.uid())
        .ok_or_else(|| StatusError::not_found(format!("there is no pod {namespace}/{name}")))?;
    let mirror = TargetPod {
        namespace: sides.tenant.host_namespace(namespace),
        name: name.clone(),
    };
    let hosts: Api<Pod> = Api::namespaced(sides.host.clone(), &mirror.namespace);
    let host = hosts.get_opt(name).await;
    let host = host
        .map_err(|error| StatusError::of_api("read a pod of the host", &error))?
        .filter(|host| is_pair(sides, &guest.metadata, &host.metadata))
        .ok_or_else(|| StatusError::not_found(format!("pod {namespace}/{name} is not on the host")))?;
    if let Some(container) = &asked.container
        && !Own::of(&guest, &host).has(container)
    {
        // As a bad request: of "not found", an API server passes no words on.
        return Err(StatusError::bad(format!(
            "container {container} of pod {namespace}/{name} is not one that this virtual cluster has on the host; \
             the pod's status and Events say why"
        )));
    }
    Ok(mirror)
}

/// Returns true if a host pod is the mirror of a guest pod, or the guest pod is a copy of it.
pub(super) fn is_pair(sides: &Sides, guest: &ObjectMeta, host: &ObjectMeta) -> bool {
    is_made_from(host, guest) || (sides.imports_pods && is_copy_of(guest, host))
}
