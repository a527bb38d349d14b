//! Readiness gates: conditions that controllers in the guest set, and that the host's kubelet waits for.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Pod, PodCondition};

use super::status::conditions::all;

/// Returns the condition types of a guest pod's gates.
pub(super) fn of(guest: &Pod) -> BTreeSet<&str> {
    let gates = (guest.spec.iter()).flat_map(|spec| spec.readiness_gates.iter().flatten());
    gates.map(|gate| gate.condition_type.as_str()).collect()
}

/// Returns the guest's conditions of its gates.
pub(super) fn conditions(guest: &Pod) -> impl Iterator<Item = &PodCondition> {
    let gates = of(guest);
    all(guest).filter(move |condition| gates.contains(condition.type_.as_str()))
}

/// Returns the conditions of gates that the host pod does not have, or has with other values.
pub(super) fn to_tell(guest: &Pod, host: &Pod) -> Vec<PodCondition> {
    conditions(guest)
        .filter(|ours| !all(host).any(|theirs| theirs.type_ == ours.type_ && theirs.status == ours.status))
        .map(|ours| PodCondition {
            // It counts the guest's changes, not the host's.
            observed_generation: None,
            ..ours.clone()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(conditions: &[(&str, &str)]) -> Pod {
        let conditions: Vec<_> = (conditions.iter())
            .map(|(type_, status)| json!({"type": type_, "status": status}))
            .collect();
        serde_json::from_value(json!({
            "spec": {"containers": [], "readinessGates": [{"conditionType": "example.org/registered"}]},
            "status": {"conditions": conditions},
        }))
        .unwrap()
    }

    fn told(guest: &[(&str, &str)], host: &[(&str, &str)]) -> Vec<(String, String)> {
        let told = to_tell(&pod(guest), &pod(host)).into_iter();
        told.map(|condition| (condition.type_, condition.status))
            .collect()
    }

    const OPEN: (&str, &str) = ("example.org/registered", "True");
    const SHUT: (&str, &str) = ("example.org/registered", "False");

    #[test]
    fn a_gate_that_opens_or_shuts_is_written() {
        let open = vec![("example.org/registered".to_owned(), "True".to_owned())];
        assert_eq!(told(&[OPEN, ("Ready", "False")], &[("Ready", "True")]), open);
        assert_eq!(told(&[OPEN], &[SHUT]), open);
    }

    #[test]
    fn a_condition_that_the_host_has_is_not_written_again() {
        assert_eq!(told(&[OPEN], &[OPEN]), []);
        assert_eq!(told(&[("Ready", "False")], &[]), []);
    }
}
