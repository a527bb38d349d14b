//! Deleting the object that was seen, and none that has got its name since.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, Preconditions};

/// How to delete just the object with this metadata; what it owns goes after it.
pub(crate) fn of(seen: &ObjectMeta) -> DeleteParams {
    DeleteParams::background().preconditions(Preconditions {
        uid: seen.uid.clone(),
        ..Preconditions::default()
    })
}

/// How to delete the object with this metadata if nothing of it has changed since: its marks may have been taken off
/// meanwhile, by which whoever did so keeps it. If something has, the answer is a conflict.
pub(crate) fn as_seen(seen: &ObjectMeta) -> DeleteParams {
    DeleteParams::background().preconditions(Preconditions {
        uid: seen.uid.clone(),
        resource_version: seen.resource_version.clone(),
    })
}

/// How to delete just the object with this metadata, with a grace, in seconds; its own if there is none.
pub(crate) fn within(seen: &ObjectMeta, grace: Option<i64>) -> DeleteParams {
    DeleteParams {
        grace_period_seconds: grace.and_then(|seconds| u32::try_from(seconds).ok()),
        ..of(seen)
    }
}
