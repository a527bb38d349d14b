//! Removal of the objects that remain when the release is gone: the host namespaces, and replicated Services in other namespaces.
//!
//! They are not part of the release, so Helm does not know of them; its post-delete hook runs this. By then the syncer's own
//! account has no permissions any more, so nothing is created during the removal.

use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{DeleteParams, ListParams, Preconditions};
use kube::core::{PartialObjectMeta, Selector};
use kube::runtime::conditions::is_deleted;
use kube::runtime::wait::{self, await_condition};
use kube::{Api, Client, ResourceExt};
use tracing::{info, warn};
use vcluster_values::naming::{self, Tenant};

use crate::host;

pub use self::replica::Replica;

/// A Service in a foreign namespace.
mod replica;

/// Failure of the removal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host did not do what was asked.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// The host does not say whether a namespace is gone.
    #[error("wait until namespace {name} is gone")]
    Waited {
        /// The namespace.
        name: String,
        /// The cause.
        source: Box<wait::Error>,
    },
}

/// Deletes these Services, if they are the virtual cluster's, and its host namespaces with everything in them. Waits until they
/// are gone.
///
/// The wait has no limit: the status of a namespace says what blocks its deletion.
///
/// # Errors
///
/// The host refused. Objects that were deleted before stay deleted; a retry goes on.
pub async fn run(client: &Client, tenant: &Tenant, replicas: &[Replica]) -> Result<(), Error> {
    try_join_all(replicas.iter().map(|replica| replica.remove(client, tenant))).await?;
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let labels = Selector::from_iter(tenant.labels());
    let found = namespaces
        .list_metadata(&ListParams::default().labels_from(&labels))
        .await
        .map_err(|source| host::asked("list the virtual cluster's namespaces", source))?;
    let removals = found
        .items
        .iter()
        .filter(|namespace| is_own(tenant, namespace))
        .map(|namespace| remove(&namespaces, namespace));
    let removed = try_join_all(removals).await?.len();
    info!(removed, "removed all objects of the virtual cluster");
    Ok(())
}

/// Returns true if a namespace was created for a guest namespace. Labels alone can be put on any namespace; names follow a rule.
fn is_own(tenant: &Tenant, namespace: &PartialObjectMeta<Namespace>) -> bool {
    let mirrored = namespace.annotations().get(naming::OBJECT_NAME);
    let own = mirrored.is_some_and(|guest| tenant.host_namespace(guest) == namespace.name_any());
    if !own {
        warn!(
            namespace = namespace.name_any(),
            "did not delete a namespace that has the virtual cluster's labels, but no name of its host namespaces"
        );
    }
    own
}

async fn remove(namespaces: &Api<Namespace>, namespace: &PartialObjectMeta<Namespace>) -> Result<(), Error> {
    let name = namespace.name_any();
    let uid = namespace.uid().unwrap_or_default();
    // One that was recreated under the name was not looked at.
    let looked_at = DeleteParams::default().preconditions(Preconditions {
        uid: Some(uid.clone()),
        resource_version: None,
    });
    match namespaces.delete(&name, &looked_at).await {
        Ok(_) => info!(namespace = name, "deleted a namespace, waiting until it is gone"),
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
        Err(source) => return Err(host::asked(format!("delete namespace {name}"), source).into()),
    }
    await_condition(namespaces.clone(), &name, is_deleted(&uid))
        .await
        .map_err(|source| Error::Waited {
            name: name.clone(),
            source: Box::new(source),
        })?;
    info!(namespace = name, "the namespace is gone");
    Ok(())
}
