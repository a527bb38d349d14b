//! The decision about a guest object and its mirror, as a pure function of their metadata.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;

use crate::sync::write::delete::is_going;
use crate::sync::write::ownership;

/// A step for one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: neither side has an object that the other should have.
    Nothing,
    /// Nothing yet: the mirror is being deleted, and a change follows.
    Wait,
    /// Create or update the mirror.
    Write,
    /// Delete the mirror.
    DeleteHost,
    /// Delete the guest object: its mirror is being deleted, and a finalizer on the host holds it.
    DeleteGuest,
    /// Refuse: the host object of that name is foreign.
    Refuse,
}

/// Returns the step for a guest object that should have a mirror, and the host object of its name.
///
/// A mirror that is deleted on the host and held there takes the guest object with it, as with vcluster. A mirror that nobody
/// holds is recreated once it is gone, and so is the mirror of a guest object that was recreated meanwhile.
pub(crate) fn decide(guest: Option<&ObjectMeta>, host: Option<&ObjectMeta>, kind: &ApiResource) -> Step {
    let owner = host.and_then(|host| ownership::owner_of(host, kind));
    match (guest, host, owner) {
        (None, Some(host), Some(_)) if !is_going(host) => Step::DeleteHost,
        (None, ..) => Step::Nothing,
        (Some(_), Some(_), None) => Step::Refuse,
        (Some(guest), Some(host), Some(owner)) if is_going(host) => {
            let is_held = host.finalizers.as_ref().is_some_and(|held| !held.is_empty());
            let is_its = guest.uid.as_ref() == Some(&owner.uid);
            if is_held && is_its {
                Step::DeleteGuest
            } else {
                Step::Wait
            }
        }
        (Some(guest), Some(_), Some(owner)) if guest.uid.as_ref() != Some(&owner.uid) => Step::DeleteHost,
        (Some(_), ..) => Step::Write,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;
    use crate::sync::write::ownership::HostName;

    fn kind() -> ApiResource {
        ApiResource {
            group: "dapr.io".to_owned(),
            version: "v1alpha1".to_owned(),
            api_version: "dapr.io/v1alpha1".to_owned(),
            kind: "Component".to_owned(),
            plural: "components".to_owned(),
        }
    }

    fn meta(value: Value) -> ObjectMeta {
        serde_json::from_value(value).expect("metadata")
    }

    fn guest(uid: &str) -> ObjectMeta {
        meta(json!({"name": "store", "namespace": "default", "uid": uid}))
    }

    /// Returns a host object of the name, without an owner.
    fn foreign() -> ObjectMeta {
        meta(json!({"name": "store", "namespace": "host", "uid": "host-1"}))
    }

    /// Returns the mirror of the guest object with this UID.
    fn mirror(uid: &str) -> ObjectMeta {
        let name = HostName {
            namespace: "host",
            name: "store",
        };
        ObjectMeta {
            annotations: Some(ownership::annotations(&guest(uid), &kind(), &name)),
            ..foreign()
        }
    }

    fn going(mut object: ObjectMeta, finalizers: &[&str]) -> ObjectMeta {
        object.deletion_timestamp =
            meta(json!({"deletionTimestamp": "2026-01-01T00:00:00Z"})).deletion_timestamp;
        object.finalizers = Some(finalizers.iter().map(|&held| held.to_owned()).collect());
        object
    }

    #[rstest]
    #[case::nothing_on_either_side(None, None, Step::Nothing)]
    #[case::a_foreign_object_alone(None, Some(foreign()), Step::Nothing)]
    #[case::a_mirror_alone(None, Some(mirror("1")), Step::DeleteHost)]
    #[case::a_mirror_alone_that_is_being_deleted(None, Some(going(mirror("1"), &[])), Step::Nothing)]
    #[case::a_guest_object_alone(Some(guest("1")), None, Step::Write)]
    #[case::a_pair(Some(guest("1")), Some(mirror("1")), Step::Write)]
    #[case::a_foreign_object_of_the_name(Some(guest("1")), Some(foreign()), Step::Refuse)]
    #[case::a_foreign_object_that_is_being_deleted(Some(guest("1")), Some(going(foreign(), &["held"])), Step::Refuse)]
    #[case::the_mirror_of_the_one_before(Some(guest("2")), Some(mirror("1")), Step::DeleteHost)]
    #[case::a_mirror_that_is_being_deleted(Some(guest("1")), Some(going(mirror("1"), &[])), Step::Wait)]
    #[case::a_mirror_that_is_held(Some(guest("1")), Some(going(mirror("1"), &["held"])), Step::DeleteGuest)]
    #[case::a_held_mirror_of_the_one_before(Some(guest("2")), Some(going(mirror("1"), &["held"])), Step::Wait)]
    fn the_step_follows_from_both_sides(
        #[case] guest: Option<ObjectMeta>,
        #[case] host: Option<ObjectMeta>,
        #[case] expected: Step,
    ) {
        assert_eq!(decide(guest.as_ref(), host.as_ref(), &kind()), expected);
    }

    #[test]
    fn a_mirror_of_another_kind_is_foreign() {
        let other = ApiResource {
            kind: "Subscription".to_owned(),
            ..kind()
        };
        assert_eq!(
            decide(Some(&guest("1")), Some(&mirror("1")), &other),
            Step::Refuse
        );
        assert_eq!(decide(None, Some(&mirror("1")), &other), Step::Nothing);
    }
}
