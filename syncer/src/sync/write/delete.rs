//! Deletion of the object that was seen, and of none that has the same name since.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Preconditions};

/// Returns true if an object is being deleted.
pub(crate) fn is_going(object: &ObjectMeta) -> bool {
    object.deletion_timestamp.is_some()
}

/// Deletes only the object with this UID; its dependents are deleted in the background.
pub(crate) fn if_uid(seen: &ObjectMeta) -> DeleteParams {
    DeleteParams::background().preconditions(Preconditions {
        uid: seen.uid.clone(),
        ..Preconditions::default()
    })
}

/// Deletes only if the object is unchanged (UID and resourceVersion). If someone removed the syncer's ownership annotations in the
/// meantime, the API answers 409 and the object is kept.
pub(crate) fn if_unchanged(seen: &ObjectMeta) -> DeleteParams {
    DeleteParams::background().preconditions(Preconditions {
        uid: seen.uid.clone(),
        resource_version: seen.resource_version.clone(),
    })
}

/// Deletes only the object with this UID, with a grace period in seconds; `None` stands for the object's own.
pub(crate) fn with_grace(seen: &ObjectMeta, grace: Option<i64>) -> DeleteParams {
    DeleteParams {
        grace_period_seconds: grace.and_then(|seconds| u32::try_from(seconds).ok()),
        ..if_uid(seen)
    }
}
