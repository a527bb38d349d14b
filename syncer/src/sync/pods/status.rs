//! The guest's view of a host pod's status: without the containers that the host has added, except that the pod's readiness
//! includes them.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateWaiting, ContainerStatus, Pod, PodStatus, ResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

pub(crate) use self::conditions::Others;
pub(super) use self::patch::patch;
use super::generation::Generations;
use super::own::{Own, has_name};

/// The owners of conditions.
pub(super) mod conditions;

/// The patch from one status to another.
mod patch;

/// Reason of a waiting container that the host pod does not have (yet).
const NOT_ON_HOST: &str = "NotOnHost";

/// Reason of a waiting container whose name another container of the host pod has.
const NAME_TAKEN: &str = "NameTaken";

/// Returns the status to show.
pub(crate) fn shown(guest: &Pod, host: &Pod, others: Others<'_>) -> PodStatus {
    let generations = Generations::of(guest, host);
    let theirs = host.status.clone().unwrap_or_default();
    let ours = guest.status.clone().unwrap_or_default();
    let spec = guest.spec.clone().unwrap_or_default();
    let own = Own::of(guest, host);
    let ephemeral: Vec<_> = (spec.ephemeral_containers.iter().flatten())
        .map(|container| (&*container.name, container.image.as_deref()))
        .collect();
    PodStatus {
        conditions: conditions::shown(guest, host, &generations, others),
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
        observed_generation: generations.observed(theirs.observed_generation, ours.observed_generation),
        // Where the guest bounds the whole pod, the host's sidecars are within these; else they would be added.
        resources: (theirs.resources).and_then(|theirs| bounded(theirs, spec.resources.as_ref()?)),
        allocated_resources: (theirs.allocated_resources)
            .and_then(|theirs| only(theirs, spec.resources.as_ref()?.requests.as_ref())),
        // Nothing of what these name exists in the guest.
        nominated_node_name: None,
        resource_claim_statuses: None,
        extended_resource_claim_status: None,
        node_allocatable_resource_claim_statuses: None,
        ..theirs
    }
}

/// Returns those of a host pod's pod-level resources that the guest pod has requests or limits of.
fn bounded(theirs: ResourceRequirements, ours: &ResourceRequirements) -> Option<ResourceRequirements> {
    let kept = ResourceRequirements {
        claims: None,
        limits: theirs
            .limits
            .and_then(|theirs| only(theirs, ours.limits.as_ref())),
        requests: theirs
            .requests
            .and_then(|theirs| only(theirs, ours.requests.as_ref())),
    };
    (kept != ResourceRequirements::default()).then_some(kept)
}

/// Returns the quantities of those resources that the guest has quantities of, too.
fn only(
    mut theirs: BTreeMap<String, Quantity>,
    ours: Option<&BTreeMap<String, Quantity>>,
) -> Option<BTreeMap<String, Quantity>> {
    theirs.retain(|resource, _| ours.is_some_and(|ours| ours.contains_key(resource)));
    (!theirs.is_empty()).then_some(theirs)
}

/// Returns true if a guest pod's status already shows that another container on the host has the name of an ephemeral container.
pub(super) fn shows_taken(guest: &Pod, name: &str) -> bool {
    let statuses =
        (guest.status.iter()).flat_map(|status| status.ephemeral_container_statuses.iter().flatten());
    let mut waiting = statuses
        .filter(|status| status.name == name)
        .filter_map(|status| status.state.as_ref()?.waiting.as_ref()?.reason.as_deref());
    waiting.any(|reason| reason == NAME_TAKEN)
}

/// Returns the containers of a list by name, each with its image.
fn named(list: &[Container]) -> Vec<(&str, Option<&str>)> {
    list.iter()
        .map(|container| (&*container.name, container.image.as_deref()))
        .collect()
}

/// Returns the statuses of the guest's own containers in a list; a container that the host does not have is shown as waiting.
fn statuses(
    theirs: Option<Vec<ContainerStatus>>,
    own: &BTreeSet<&str>,
    guests: &[(&str, Option<&str>)],
    host: &Pod,
) -> Option<Vec<ContainerStatus>> {
    let mut shown: Vec<_> = theirs
        .into_iter()
        .flatten()
        .filter(|status| own.contains(&*status.name))
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

/// Returns the reason that a container of the guest does not run.
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
