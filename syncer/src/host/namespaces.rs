//! Reads of the virtual cluster's namespaces on the host.
//!
//! A role that lets the syncer read its own namespaces would let it read all, as their names are not known before. It may ask to
//! change any namespace, and a policy of the chart refuses changes of those that are not its own. So the syncer sends an empty
//! change, which is answered like a read and writes nothing.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Patch, PatchParams};
use kube::core::{PartialObjectMeta, Status};
use kube::{Api, Client};
use serde_json::json;

/// Result of a read of a namespace.
#[derive(Debug)]
pub(crate) enum Found {
    /// There is no namespace of that name.
    Nothing,
    /// A namespace that the virtual cluster may change.
    Own(Box<PartialObjectMeta<Namespace>>),
    /// A namespace that it may not change, with the host's message.
    Foreign(String),
}

/// Reads a namespace.
pub(crate) async fn look(host: &Client, name: &str) -> kube::Result<Found> {
    let namespaces: Api<Namespace> = Api::all(host.clone());
    let nothing = Patch::Merge(json!({}));
    let answer = namespaces
        .patch_metadata(name, &PatchParams::default(), &nothing)
        .await;
    match answer {
        Ok(namespace) => Ok(Found::Own(Box::new(namespace))),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(Found::Nothing),
        Err(kube::Error::Api(status)) if is_by_policy(&status) => Ok(Found::Foreign(status.message)),
        Err(error) => Err(error),
    }
}

/// Returns true if a policy refused the request, and not the role, which may not be bound yet
/// (<https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/>).
fn is_by_policy(status: &Status) -> bool {
    status.is_forbidden() && status.message.contains("ValidatingAdmissionPolicy")
}
