//! Which pod of the host something is about.

use k8s_openapi::api::core::v1::{Pod, PodSpec};
use kube::{Api, ResourceExt};

use super::Sides;
use super::asked::Asked;
use super::refusal::Refusal;
use crate::sync::are_twins;

/// A pod of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Twin {
    /// Its namespace.
    pub(super) namespace: String,
    /// Its name.
    pub(super) name: String,
}

/// Finds the twin of the guest's pod that was asked about. The guest's pod has to have the container; what the host
/// put into the twin is not the tenant's.
pub(super) async fn find(sides: &Sides, asked: &Asked) -> Result<Twin, Refusal> {
    let Asked {
        namespace, pod: name, ..
    } = asked;
    let guests: Api<Pod> = Api::namespaced(sides.guest.clone(), namespace);
    let guest = guests.get_opt(name).await;
    let guest = guest
        .map_err(|error| Refusal::of_api("read a pod of the guest", &error))?
        .filter(|guest| asked.uid.is_none() || asked.uid == guest.uid())
        .ok_or_else(|| Refusal::not_found(format!("there is no pod {namespace}/{name}")))?;
    if let Some(container) = &asked.container
        && !guest.spec.as_ref().is_some_and(|spec| has(spec, container))
    {
        let message = format!("pod {namespace}/{name} has no container {container}");
        return Err(Refusal::not_found(message));
    }
    let twin = Twin {
        namespace: sides.tenant.host_namespace(namespace),
        name: name.clone(),
    };
    let hosts: Api<Pod> = Api::namespaced(sides.host.clone(), &twin.namespace);
    let host = hosts.get_metadata_opt(name).await;
    host.map_err(|error| Refusal::of_api("read a pod of the host", &error))?
        .filter(|host| are_twins(&guest.metadata, &host.metadata))
        .ok_or_else(|| Refusal::not_found(format!("pod {namespace}/{name} is not on the host")))?;
    Ok(twin)
}

/// Whether a pod has a container of any kind.
pub(super) fn has(spec: &PodSpec, container: &str) -> bool {
    let plain = spec.containers.iter().map(|container| &container.name);
    let first = spec
        .init_containers
        .iter()
        .flatten()
        .map(|container| &container.name);
    let added = (spec.ephemeral_containers.iter().flatten()).map(|container| &container.name);
    plain.chain(first).chain(added).any(|name| name == container)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_has_the_containers_of_all_three_lists_and_no_other() {
        let spec: PodSpec = serde_json::from_value(json!({
            "containers": [{"name": "app"}],
            "initContainers": [{"name": "prepare"}],
            "ephemeralContainers": [{"name": "debugger"}],
        }))
        .unwrap();
        let asked = ["app", "prepare", "debugger", "daprd"];
        assert_eq!(asked.map(|name| has(&spec, name)), [true, true, true, false]);
    }
}
