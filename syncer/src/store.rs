//! The check that the guest is the one that the host's objects come from: compares the identity of the guest with that of the
//! host's namespaces.

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::{Api, Client, ResourceExt};
use vcluster_values::identity::{Mismatch, SYSTEM, is_accepted, made_for};
use vcluster_values::naming::Tenant;

use crate::host::namespaces::{self, Found};

/// Failure of the check of the guest.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A side did not answer.
    #[error("{attempt}")]
    Asked {
        /// The request that failed.
        attempt: &'static str,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// The guest's API has not created its own namespaces yet.
    #[error("find the guest's namespace {SYSTEM}")]
    Young,
    /// The host has namespaces of another guest.
    #[error(transparent)]
    Other(#[from] Mismatch),
}

/// Checks that the host's namespaces, if there are any, were made for this guest.
///
/// # Errors
///
/// They were not, and nobody has stated that this is intended; or a side did not answer.
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
    let mirror = namespaces::look(host, &tenant.host_namespace(SYSTEM)).await;
    let mirror = mirror.map_err(asked("read the host's namespace for kube-system"))?;
    let former = match &mirror {
        Found::Own(mirror) => made_for(tenant, mirror.labels(), mirror.annotations()),
        Found::Nothing | Found::Foreign(_) => None,
    };
    let Some(former) = former else { return Ok(()) };
    if former == guest {
        return Ok(());
    }
    let services: Api<Service> = Api::namespaced(host.clone(), tenant.namespace());
    let service = services.get_metadata(tenant.name()).await;
    let service = service.map_err(asked("read the virtual cluster's Service"))?;
    if is_accepted(service.annotations(), &guest) {
        return Ok(());
    }
    Err(Mismatch::new(tenant, &guest).into())
}
