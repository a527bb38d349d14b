//! What the guest is shown of a host pod: as if the containers that the host added were not there, but for their
//! part in whether the pod is ready.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Container, ContainerStatus, Pod, PodCondition, PodStatus};

use super::gates;
use crate::sync::mutation::{self, Mutation};

/// The status to show.
pub(crate) fn shown(guest: &Pod, host: &Pod) -> PodStatus {
    let theirs = host.status.clone().unwrap_or_default();
    let ours = guest.status.clone().unwrap_or_default();
    let spec = guest.spec.clone().unwrap_or_default();
    let names = |containers: &[Container]| -> BTreeSet<String> {
        containers
            .iter()
            .map(|container| container.name.clone())
            .collect()
    };
    let ephemeral = spec
        .ephemeral_containers
        .iter()
        .flatten()
        .map(|container| container.name.clone())
        .collect();
    PodStatus {
        conditions: conditions(guest, theirs.conditions),
        container_statuses: known(theirs.container_statuses, &names(&spec.containers)),
        init_container_statuses: known(
            theirs.init_container_statuses,
            &names(spec.init_containers.as_deref().unwrap_or_default()),
        ),
        ephemeral_container_statuses: known(theirs.ephemeral_container_statuses, &ephemeral),
        // It never changes in a pod's life, and the host's counts the containers that it added.
        qos_class: ours.qos_class,
        observed_generation: theirs.observed_generation.and(guest.metadata.generation),
        // Nothing of what these name exists in the guest.
        nominated_node_name: None,
        resource_claim_statuses: None,
        extended_resource_claim_status: None,
        node_allocatable_resource_claim_statuses: None,
        resources: None,
        allocated_resources: None,
        ..theirs
    }
}

/// The host's conditions, as of the guest's generation, and the guest's own of its gates, of which the host is told.
fn conditions(guest: &Pod, theirs: Option<Vec<PodCondition>>) -> Option<Vec<PodCondition>> {
    let gates = gates::of(guest);
    let mut all = theirs.unwrap_or_default();
    all.retain(|condition| !gates.contains(condition.type_.as_str()));
    for condition in &mut all {
        condition.observed_generation = condition.observed_generation.and(guest.metadata.generation);
    }
    all.extend(gates::conditions(guest).cloned());
    (!all.is_empty()).then_some(all)
}

fn known(statuses: Option<Vec<ContainerStatus>>, names: &BTreeSet<String>) -> Option<Vec<ContainerStatus>> {
    let known: Vec<_> = statuses
        .into_iter()
        .flatten()
        .filter(|status| names.contains(&status.name) || mutation::is(Mutation::ShowSidecars))
        .collect();
    (!known.is_empty()).then_some(known)
}

#[cfg(test)]
mod tests;
