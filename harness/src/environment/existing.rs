//! An existing cluster as the host cluster: the objects that a run adds to it, and the check that they can be added.

use std::path::PathBuf;

use kube::config::Kubeconfig;

use crate::plan::{self, Dapr, Plan};
use crate::platform::{dapr, redis};
use crate::substrate::existing::{self, Error, Request};

/// Existing objects of others that conflict with a run.
mod foreign;

/// Returns the request for an existing cluster, by a run with this id.
pub(crate) fn request(plan: &Plan, folder: PathBuf, run: String) -> Request {
    let plan::Existing {
        kubeconfig,
        context,
        registry,
        dapr,
    } = plan.existing.clone();
    let installs_dapr = dapr == Dapr::Install;
    let tenants = plan.tenants.iter().map(|tenant| tenant.namespace.clone());
    Request {
        folder,
        kubeconfig,
        context,
        run,
        namespaces: tenants
            .chain([redis::NAMESPACE.to_owned()])
            .chain(installs_dapr.then(|| dapr::NAMESPACE.to_owned()))
            .collect(),
        installs_dapr,
        registry,
    }
}

/// Checks that the cluster can be used, and that it has no objects of others that conflict with the run. Returns the
/// part of the user's kubeconfig that describes it. Creates nothing, neither there nor here.
pub(crate) async fn check(request: &Request) -> Result<Kubeconfig, Error> {
    let (kubeconfig, client) = existing::check(request).await?;
    foreign::check(request, &client).await?;
    Ok(kubeconfig)
}
