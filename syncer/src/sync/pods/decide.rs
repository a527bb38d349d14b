//! The decision about a guest pod and its mirror, as a pure function of both.
//!
//! It differs from that of the other kinds (`to_host/decide.rs`): both sides have grace periods, a pod that was bound is never
//! created again, and a mirror that the host deletes takes the guest pod with it, held or not.

use k8s_openapi::api::core::v1::Pod;
use kube::core::ApiResource;

use super::{is_going, was_bound};
use crate::sync::write::ownership;

/// A step for one pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: the guest has no such pod, and the host has no mirror that is still to be deleted.
    Nothing,
    /// Nothing yet: the mirror of an earlier guest pod is being deleted, and its name is needed.
    Wait,
    /// Create the mirror.
    Create,
    /// Synchronize the guest pod and its mirror; first, make the change.
    Keep(Change),
    /// Delete the mirror: its guest pod is gone.
    DeleteHost,
    /// Delete the mirror of an earlier guest pod: its name is needed.
    DeleteFormer,
    /// End the guest pod: it has no mirror, and gets none.
    End,
    /// Refuse: the host pod of that name is foreign.
    Refuse,
}

/// A change of a guest pod and its mirror.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Apply the tenant's changes to the mirror.
    Update,
    /// Delete the mirror with this grace period in seconds: the guest pod is being deleted, and the mirror is not, or later.
    DeleteHost(Option<i64>),
    /// Delete the guest pod with this grace period in seconds: the host is deleting the mirror.
    DeleteGuest(Option<i64>),
    /// No change: both are being deleted.
    None,
}

/// Returns the step for a guest pod and the host pod of its name. The guest pod is not a copy.
pub(super) fn decide(guest: Option<&Pod>, host: Option<&Pod>) -> Step {
    let kind = ApiResource::erase::<Pod>(&());
    let owner = host.and_then(|host| ownership::owner_of(&host.metadata, &kind));
    match (guest, host, owner) {
        (None, Some(host), Some(_)) if !is_going(host) => Step::DeleteHost,
        (None, ..) => Step::Nothing,
        (Some(guest), None, _) if is_going(guest) || was_bound(guest) => Step::End,
        (Some(_), None, _) => Step::Create,
        (Some(guest), Some(_), None) if is_going(guest) => Step::End,
        (Some(_), Some(_), None) => Step::Refuse,
        (Some(guest), Some(host), Some(owner)) if guest.metadata.uid.as_ref() != Some(&owner.uid) => {
            if is_going(host) {
                Step::Wait
            } else {
                Step::DeleteFormer
            }
        }
        (Some(guest), Some(host), Some(_)) => Step::Keep(change(guest, host)),
    }
}

/// Returns the change of a guest pod and its mirror.
fn change(guest: &Pod, host: &Pod) -> Change {
    let grace = |pod: &Pod| pod.metadata.deletion_grace_period_seconds;
    match (is_going(guest), is_going(host)) {
        (false, false) => Change::Update,
        (false, true) => Change::DeleteGuest(grace(host)),
        (true, true) if grace(guest) >= grace(host) => Change::None,
        (true, _) => Change::DeleteHost(grace(guest)),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::sync::write::ownership::HostName;

    /// Returns a pod that has not been scheduled.
    fn guest(uid: &str) -> Pod {
        let pod = json!({"metadata": {"name": "app", "namespace": "default", "uid": uid}});
        serde_json::from_value(pod).expect("a pod")
    }

    /// Returns a guest pod that ran on a node.
    fn bound() -> Pod {
        let ran = json!({
            "spec": {"containers": [], "nodeName": "worker-1"},
            "status": {"startTime": "2026-01-01T00:00:00Z"},
        });
        Pod {
            metadata: guest("1").metadata,
            ..serde_json::from_value(ran).expect("a pod")
        }
    }

    /// Returns a host pod of the name, without an owner.
    fn foreign() -> Pod {
        let pod = json!({"metadata": {"name": "app", "namespace": "host", "uid": "host-1"}});
        serde_json::from_value(pod).expect("a pod")
    }

    /// Returns the mirror of the guest pod with this UID.
    fn mirror(uid: &str) -> Pod {
        let name = HostName {
            namespace: "host",
            name: "app",
        };
        let kind = ApiResource::erase::<Pod>(&());
        let mut pod = foreign();
        pod.metadata.annotations = Some(ownership::annotations(&guest(uid).metadata, &kind, &name));
        pod
    }

    /// Marks a pod as being deleted, with this grace period in seconds.
    fn going(mut pod: Pod, seconds: i64) -> Pod {
        pod.metadata.deletion_timestamp =
            serde_json::from_value(json!("2026-01-01T00:00:00Z")).expect("a time");
        pod.metadata.deletion_grace_period_seconds = Some(seconds);
        pod
    }

    #[rstest]
    #[case::nothing_on_either_side(None, None, Step::Nothing)]
    #[case::a_foreign_pod_alone(None, Some(foreign()), Step::Nothing)]
    #[case::a_mirror_alone(None, Some(mirror("1")), Step::DeleteHost)]
    #[case::a_mirror_alone_that_is_being_deleted(None, Some(going(mirror("1"), 30)), Step::Nothing)]
    #[case::a_guest_pod_alone(Some(guest("1")), None, Step::Create)]
    #[case::a_guest_pod_alone_that_is_being_deleted(Some(going(guest("1"), 30)), None, Step::End)]
    #[case::a_guest_pod_alone_that_ran(Some(bound()), None, Step::End)]
    #[case::a_foreign_pod_of_the_name(Some(guest("1")), Some(foreign()), Step::Refuse)]
    #[case::a_foreign_pod_beside_one_that_is_being_deleted(
        Some(going(guest("1"), 30)),
        Some(foreign()),
        Step::End
    )]
    #[case::the_mirror_of_the_one_before(Some(guest("2")), Some(mirror("1")), Step::DeleteFormer)]
    #[case::a_mirror_of_the_one_before_that_is_being_deleted(
        Some(guest("2")),
        Some(going(mirror("1"), 30)),
        Step::Wait
    )]
    #[case::a_pair(Some(guest("1")), Some(mirror("1")), Step::Keep(Change::Update))]
    #[case::a_pair_that_runs(Some(bound()), Some(mirror("1")), Step::Keep(Change::Update))]
    #[case::a_guest_pod_that_is_being_deleted(
        Some(going(guest("1"), 5)),
        Some(mirror("1")),
        Step::Keep(Change::DeleteHost(Some(5)))
    )]
    #[case::a_mirror_that_is_being_deleted(
        Some(guest("1")),
        Some(going(mirror("1"), 5)),
        Step::Keep(Change::DeleteGuest(Some(5)))
    )]
    #[case::both_are_being_deleted(
        Some(going(guest("1"), 30)),
        Some(going(mirror("1"), 30)),
        Step::Keep(Change::None)
    )]
    #[case::the_mirror_is_being_deleted_sooner(
        Some(going(guest("1"), 30)),
        Some(going(mirror("1"), 5)),
        Step::Keep(Change::None)
    )]
    #[case::the_guest_pod_is_being_deleted_sooner(
        Some(going(guest("1"), 5)),
        Some(going(mirror("1"), 30)),
        Step::Keep(Change::DeleteHost(Some(5)))
    )]
    fn the_step_follows_from_both_sides(
        #[case] guest: Option<Pod>,
        #[case] host: Option<Pod>,
        #[case] expected: Step,
    ) {
        assert_eq!(decide(guest.as_ref(), host.as_ref()), expected);
    }
}
