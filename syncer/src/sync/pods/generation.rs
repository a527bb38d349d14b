//! The generation of a guest pod that the host's kubelet has observed.
//!
//! Each side counts the changes of its own pod. An annotation of the host pod has the guest generation of its last update. So an
//! observation of the host pod's latest generation is one of that guest generation. An observation of an earlier host generation
//! does not say anything about it, so the guest shows the previous value.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use vcluster_values::naming::own::OBJECT_GENERATION;

use super::{ephemeral, is_going};

/// The generations of a guest pod and its host pod.
#[derive(Debug)]
pub(super) struct Generations {
    /// The guest generation of the host pod's last update.
    passed: Option<i64>,
    /// The guest generation that is only the pod's deletion, if the host pod is being deleted, too.
    deletion: Option<i64>,
    /// The host's generation.
    host: i64,
    /// The host generation of that update.
    carrying: i64,
}

impl Generations {
    /// Compares a guest pod with its host pod.
    pub(super) fn of(guest: &Pod, host: &Pod) -> Self {
        let now = host.metadata.generation.unwrap_or_default();
        let noted = host.annotations().get(OBJECT_GENERATION);
        let noted = noted
            .and_then(|noted| noted.parse().ok())
            .filter(|noted| *noted > 0);
        let passed = noted.filter(|_| ephemeral::are_all_added(guest, host));
        let both_go = is_going(guest) && is_going(host);
        Self {
            passed,
            deletion: passed
                .map(|passed: i64| passed + 1)
                .filter(|next| both_go && guest.metadata.generation == Some(*next)),
            host: now,
            // A deletion counts as a generation, and changes nothing of what was passed.
            carrying: now - i64::from(is_going(host)),
        }
    }

    /// Translates an observed generation of the host pod; `before` is the guest generation that was shown last.
    pub(super) fn observed(&self, theirs: Option<i64>, before: Option<i64>) -> Option<i64> {
        let theirs = theirs?;
        if self.deletion.is_some() && theirs >= self.host {
            return self.deletion;
        }
        let passed = self.passed.filter(|_| theirs >= self.carrying);
        passed.or(before)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn pod(metadata: &Value) -> Pod {
        serde_json::from_value(json!({"metadata": metadata, "spec": {"containers": []}})).unwrap()
    }

    fn host(generation: i64, passed: &str) -> Value {
        json!({"generation": generation, "annotations": {OBJECT_GENERATION: passed}})
    }

    #[rstest]
    #[case::what_was_passed(host(3, "2"), Some(3), Some(2))]
    #[case::the_change_before(host(3, "2"), Some(2), Some(1))]
    #[case::all_but_what_was_not_passed_yet(host(3, "1"), Some(3), Some(1))]
    #[case::nothing(host(3, "2"), None, None)]
    #[case::without_a_note(json!({"generation": 1}), Some(1), Some(1))]
    fn an_observation_counts_once_it_is_of_the_hosts_latest_generation(
        #[case] host: Value,
        #[case] observed: Option<i64>,
        #[case] expected: Option<i64>,
    ) {
        let generations = Generations::of(&pod(&json!({"generation": 2})), &pod(&host));
        assert_eq!(generations.observed(observed, Some(1)), expected);
    }

    #[rstest]
    #[case::of_the_host_alone(2, None, 2, Some(2))]
    #[case::of_both(3, Some("2026-01-01T00:00:00Z"), 3, Some(3))]
    #[case::of_both_not_observed(3, Some("2026-01-01T00:00:00Z"), 2, Some(2))]
    #[case::of_both_after_a_change_that_was_not_passed(4, Some("2026-01-01T00:00:00Z"), 3, Some(2))]
    fn a_deletion_counts_as_a_generation(
        #[case] guest: i64,
        #[case] deleted: Option<&str>,
        #[case] observed: i64,
        #[case] expected: Option<i64>,
    ) {
        let guest = pod(&json!({"generation": guest, "deletionTimestamp": deleted}));
        let mut host = pod(&host(3, "2"));
        host.metadata.deletion_timestamp = pod(&json!({"deletionTimestamp": "2026-01-01T00:00:00Z"}))
            .metadata
            .deletion_timestamp;
        let generations = Generations::of(&guest, &host);
        assert_eq!(generations.observed(Some(observed), None), expected);
    }

    #[test]
    fn a_container_that_is_still_to_be_added_is_not_observed() {
        let mut guest = pod(&json!({"generation": 2}));
        let added = json!([{"name": "debugger", "image": "a"}]);
        guest.spec.as_mut().unwrap().ephemeral_containers = Some(serde_json::from_value(added).unwrap());
        let generations = Generations::of(&guest, &pod(&host(1, "2")));
        assert_eq!(generations.observed(Some(1), Some(1)), Some(1));
    }
}
