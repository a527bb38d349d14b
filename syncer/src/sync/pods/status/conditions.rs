//! The conditions of a guest pod: the host's, and those of the tenant's own controllers.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodCondition};

use super::super::gates;
use super::super::generation::Generations;

/// The type of the condition of a pod that was disrupted.
pub(in super::super) const DISRUPTED: &str = "DisruptionTarget";

/// The types of condition that a kubelet sets and removes.
const OF_KUBELETS: [&str; 8] = [
    "AllContainersRestarting",
    "ContainersReady",
    "Initialized",
    "PodReadyToStartContainers",
    "PodResizeInProgress",
    "PodResizePending",
    "PodScheduled",
    "Ready",
];

/// The treatment of guest conditions whose type the host pod does not have.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Others<'a> {
    /// They stay, except for those of a kubelet and of these types, which the host pod has had.
    Stay(&'a BTreeSet<String>),
    /// They are removed.
    Go,
}

/// Returns the conditions to show: those of gates from the guest, others from the host, and the rest from the guest.
pub(super) fn shown(
    guest: &Pod,
    host: &Pod,
    generations: &Generations,
    others: Others<'_>,
) -> Option<Vec<PodCondition>> {
    let gates = gates::of(guest);
    let mut theirs: Vec<_> = all(host)
        .filter(|condition| !gates.contains(&*condition.type_))
        .cloned()
        .collect();
    for condition in &mut theirs {
        let before = all(guest).find(|ours| ours.type_ == condition.type_);
        condition.observed_generation = generations.observed(
            condition.observed_generation,
            before.and_then(|before| before.observed_generation),
        );
    }
    let stays = |type_: &str| {
        gates.contains(type_)
            || match others {
                Others::Stay(but) => !OF_KUBELETS.contains(&type_) && !but.contains(type_),
                Others::Go => false,
            }
    };
    let mut shown = Vec::new();
    for ours in all(guest) {
        match theirs.iter().position(|theirs| theirs.type_ == ours.type_) {
            Some(index) => shown.push(theirs.remove(index)),
            None if stays(&ours.type_) => shown.push(ours.clone()),
            None => {}
        }
    }
    shown.append(&mut theirs);
    (!shown.is_empty()).then_some(shown)
}

/// Returns the types of a pod's conditions that controllers other than a kubelet set.
pub(in super::super) fn of_others(pod: &Pod) -> impl Iterator<Item = &str> {
    let types = all(pod).map(|condition| &*condition.type_);
    types.filter(|type_| !OF_KUBELETS.contains(type_))
}

/// Returns a pod's condition of a type.
pub(in super::super) fn of_type<'a>(pod: &'a Pod, type_: &str) -> Option<&'a PodCondition> {
    all(pod).find(|condition| condition.type_ == type_)
}

/// Returns all conditions of a pod.
pub(in super::super) fn all(pod: &Pod) -> impl Iterator<Item = &PodCondition> {
    let status = pod.status.iter();
    status.flat_map(|status| status.conditions.iter().flatten())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    fn pod(conditions: &[(&str, &str)]) -> Pod {
        let conditions: Vec<_> = (conditions.iter())
            .map(|(type_, status)| json!({"type": type_, "status": status}))
            .collect();
        serde_json::from_value(json!({
            "spec": {"containers": [], "readinessGates": [{"conditionType": "example.org/gate"}]},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    #[rstest]
    #[case::the_hosts(&[("Ready", "False")], &[("Ready", "True")], &[("Ready", "True")])]
    #[case::the_tenants(&[("example.org/noted", "True")], &[], &[("example.org/noted", "True")])]
    #[case::an_eviction_in_the_guest(&[(DISRUPTED, "True")], &[("Ready", "True")], &[(DISRUPTED, "True"), ("Ready", "True")])]
    #[case::an_eviction_on_the_host(&[], &[(DISRUPTED, "True")], &[(DISRUPTED, "True")])]
    #[case::of_one_name(&[("example.org/noted", "True")], &[("example.org/noted", "False")], &[("example.org/noted", "False")])]
    #[case::of_a_gate(&[("example.org/gate", "True")], &[("example.org/gate", "False")], &[("example.org/gate", "True")])]
    #[case::a_kubelets_that_is_over(&[("PodResizePending", "True")], &[], &[])]
    #[case::the_hosts_that_is_over(&[("example.com/neg-ready", "True")], &[], &[])]
    fn a_condition_is_its_owners(
        #[case] guest: &[(&str, &str)],
        #[case] host: &[(&str, &str)],
        #[case] expected: &[(&str, &str)],
    ) {
        let (guest, host) = (pod(guest), pod(host));
        let had = BTreeSet::from(["example.com/neg-ready".to_owned()]);
        let generations = Generations::of(&guest, &host);
        let shown = shown(&guest, &host, &generations, Others::Stay(&had)).unwrap_or_default();
        let shown: Vec<_> = (shown.iter())
            .map(|condition| (&*condition.type_, &*condition.status))
            .collect();
        assert_eq!(shown, expected);
    }
}
