//! Whether the guest is the one that the host's objects come from.
//!
//! A guest whose store was lost comes up empty. Taken at its word, everything of the tenant would be deleted on the
//! host: pods, volumes, what other operators keep for it. So a guest that is not the one that the host's namespaces
//! were made for is refused, until somebody says that it is meant.
//!
//! A guest is told by the UID of its namespace `kube-system`, as is usual for clusters; the host namespace that
//! belongs to it carries that UID.

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::core::PartialObjectMeta;
use kube::{Api, Client, ResourceExt};

use crate::host::namespaces::{self, Found};
use crate::naming::{self, Tenant};

/// Annotation on the Service of the virtual cluster: the UID of the guest that may take the place of the former.
pub const ACCEPTED: &str = "vcluster.loft.sh/accepted-guest";

/// The namespace whose UID stands for the cluster.
const SYSTEM: &str = "kube-system";

/// Why the guest can't be synced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A side did not answer.
    #[error("{attempt}")]
    Asked {
        /// What was asked.
        attempt: &'static str,
        /// Why.
        source: Box<kube::Error>,
    },
    /// The guest's API has not made its own namespaces yet.
    #[error("find the guest's namespace {SYSTEM}")]
    Young,
    /// The host has namespaces of another guest.
    #[error(
        "sync this guest: it is not the one that the host's namespaces of {tenant} were made for. Was its store \
         lost? Nothing of the tenant is touched on the host. Restore the store; or start anew: kubectl delete \
         namespace --selector {name_label}={tenant},{namespace_label}={namespace}; or have this guest take over the \
         namespaces, without what is in them: kubectl annotate --overwrite --namespace {namespace} service {tenant} \
         {ACCEPTED}={guest}",
        name_label = naming::VCLUSTER_NAME,
        namespace_label = naming::VCLUSTER_NAMESPACE,
    )]
    Other {
        /// The virtual cluster.
        tenant: String,
        /// The host namespace of its control plane.
        namespace: String,
        /// The UID of the guest that is there now.
        guest: String,
    },
}

/// Checks that the host's namespaces, if there are any, were made for this guest.
///
/// # Errors
///
/// They were not, and nobody has said that this is meant; or a side did not answer.
pub async fn check(host: &Client, guest: &Client, tenant: &Tenant) -> Result<(), Error> {
    let asked = |attempt| {
        move |error| Error::Asked {
            attempt,
            source: Box::new(error),
        }
    };
    let guests: Api<Namespace> = Api::all(guest.clone());
    let system = guests.get_metadata_opt(SYSTEM).await;
    let system = system.map_err(asked("read the guest's namespace kube-system"))?;
    let Some(guest) = system.and_then(|system| system.uid()) else {
        return Err(Error::Young);
    };
    let twin = namespaces::look(host, &tenant.host_namespace(SYSTEM)).await;
    let twin = twin.map_err(asked("read the host's namespace for kube-system"))?;
    let former = match &twin {
        Found::Own(twin) => made_for(tenant, twin),
        Found::Nothing | Found::Foreign(_) => None,
    };
    let Some(former) = former else { return Ok(()) };
    if former == guest {
        return Ok(());
    }
    let services: Api<Service> = Api::namespaced(host.clone(), tenant.namespace());
    let service = services.get_metadata(tenant.name()).await;
    let service = service.map_err(asked("read the virtual cluster's Service"))?;
    if service.annotations().get(ACCEPTED) == Some(&guest) {
        return Ok(());
    }
    Err(Error::Other {
        tenant: tenant.name().to_owned(),
        namespace: tenant.namespace().to_owned(),
        guest,
    })
}

/// The UID of the guest namespace that a host namespace was made for. Of another tenant's, that says nothing here.
fn made_for<'twin>(tenant: &Tenant, twin: &'twin PartialObjectMeta<Namespace>) -> Option<&'twin str> {
    let of = twin.labels().get(naming::MANAGED_BY)?;
    let uid = twin.annotations().get(naming::OBJECT_UID)?;
    (*of == tenant.managed_by()).then_some(uid)
}
