//! What the guest is shown of a host pod: as if the containers that the host added were not there, but for their
//! part in whether the pod is ready.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateWaiting, ContainerStatus, Pod, PodCondition, PodStatus,
};

use super::gates;
use super::own::{Own, has_name};
use crate::sync::mutation::{self, Mutation};

/// The reason that a container waits for which the host's pod does not have (yet).
const NOT_ON_HOST: &str = "NotOnHost";

/// The reason that a container waits for whose name another container of the host's pod has.
const NAME_TAKEN: &str = "NameTaken";

/// Makes the status to show.
pub(crate) fn shown(guest: &Pod, host: &Pod) -> PodStatus {
    let theirs = host.status.clone().unwrap_or_default();
    let ours = guest.status.clone().unwrap_or_default();
    let spec = guest.spec.clone().unwrap_or_default();
    let own = Own::of(guest, host);
    let ephemeral: Vec<_> = (spec.ephemeral_containers.iter().flatten())
        .map(|container| (&*container.name, container.image.as_deref()))
        .collect();
    PodStatus {
        conditions: conditions(guest, theirs.conditions),
        container_statuses: statuses(
            theirs.container_statuses,
            &own.containers,
            &named(&spec.containers),
            host,
        ),
        init_container_statuses: statuses(
            theirs.init_container_statuses,
            &own.init_containers,
            &named(spec.init_containers.as_deref().unwrap_or_default()),
            host,
        ),
        ephemeral_container_statuses: statuses(
            theirs.ephemeral_container_statuses,
            &own.ephemeral_containers,
            &ephemeral,
            host,
        ),
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

/// Tells whether a guest pod's status shows already that the name of an ephemeral container is another's on the host.
pub(super) fn shows_taken(guest: &Pod, name: &str) -> bool {
    let statuses =
        (guest.status.iter()).flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
    let mut waiting = statuses
        .filter(|status| status.name == name)
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    waiting.any(|reason| reason == NAME_TAKEN)
}

/// Names the containers of a list, each with its image.
fn named(list: &[Container]) -> Vec<(&str, Option<&str>)> {
    list.iter()
        .map(|container| (&*container.name, container.image.as_deref()))
        .collect()
}

/// Keeps of a list's statuses those of the guest's own containers, and has those wait that the host does not have.
fn statuses(
    theirs: Option<Vec<ContainerStatus>>,
    own: &BTreeSet<&str>,
    guests: &[(&str, Option<&str>)],
    host: &Pod,
) -> Option<Vec<ContainerStatus>> {
    let mut shown: Vec<_> = theirs
        .into_iter()
        .flatten()
        .filter(|status| own.contains(&*status.name) || mutation::is(Mutation::ShowSidecars))
        .collect();
    let lacking = guests.iter().filter(|(name, _)| !own.contains(name));
    shown.extend(lacking.map(|(name, image)| ContainerStatus {
        name: (*name).to_owned(),
        image: image.unwrap_or_default().to_owned(),
        state: Some(ContainerState {
            waiting: Some(waiting(name, host)),
            ..ContainerState::default()
        }),
        ..ContainerStatus::default()
    }));
    (!shown.is_empty()).then_some(shown)
}

/// Says why a container of the guest's does not run.
fn waiting(name: &str, host: &Pod) -> ContainerStateWaiting {
    if has_name(host, name) {
        let message = "the pod has another container of that name on the host: choose another name";
        return ContainerStateWaiting {
            reason: Some(NAME_TAKEN.to_owned()),
            message: Some(message.to_owned()),
        };
    }
    ContainerStateWaiting {
        reason: Some(NOT_ON_HOST.to_owned()),
        message: None,
    }
}

#[cfg(test)]
mod tests;
