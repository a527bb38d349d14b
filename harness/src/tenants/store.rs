//! The check that a tenant's cluster is the one that its namespaces on the host were created for. If it is another
//! one, its syncer syncs nothing until an administrator decides, so waiting for it would be in vain.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Namespace, Service};
use kube::{Api, Client, ResourceExt};
use provision::wait::{self, Budget, Seen};
use vcluster_values::identity::{Mismatch, SYSTEM, is_accepted, made_for};
use vcluster_values::naming::Tenant;

use super::Error;
use crate::answer::said;

/// An API server answers 2 s after it was started; several at once on two busy cores need a minute.
const ANSWERS: Budget = Budget {
    at_most: Duration::from_mins(3),
    every: Duration::from_millis(150),
};

/// Returns an error if the cluster of a tenant is not the one that its namespaces on the host were created for.
pub(super) async fn is_the_same(
    name: &str,
    namespace: &str,
    host: &Client,
    guest: &Client,
) -> Result<(), Error> {
    let tenant = Tenant::new(name, namespace);
    let what = format!("{name} to answer with the identity of its cluster");
    let identity = wait::until(what, ANSWERS, || async {
        let system = Api::<Namespace>::all(guest.clone()).get_opt(SYSTEM).await;
        Ok::<_, kube::Error>(match system {
            Ok(Some(system)) => Seen::Ready(system.uid().unwrap_or_default()),
            Ok(None) => Seen::not_yet(format!("it has no namespace {SYSTEM}")),
            Err(error) => Seen::not_yet(said(&error)),
        })
    })
    .await?;
    let asked = |source| Error::Host {
        action: "ask for the identity of",
        tenant: name.to_owned(),
        source,
    };
    let namespaces: Api<Namespace> = Api::all(host.clone());
    let former = namespaces.get_opt(&tenant.host_namespace(SYSTEM)).await;
    let Some(former) = former.map_err(asked)? else {
        return Ok(());
    };
    match made_for(&tenant, former.labels(), former.annotations()) {
        Some(uid) if uid != identity => {}
        Some(_) | None => return Ok(()),
    }
    let services: Api<Service> = Api::namespaced(host.clone(), namespace);
    let service = services.get(name).await.map_err(asked)?;
    if is_accepted(service.annotations(), &identity) {
        return Ok(());
    }
    Err(Error::Store {
        tenant: name.to_owned(),
        source: Mismatch::new(&tenant, &identity),
    })
}
