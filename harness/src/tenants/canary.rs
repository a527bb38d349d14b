//! A Component that is created in the guest, to check that it arrives on the host.
//!
//! vcluster's API server answers, and its kubeconfig is there, before its syncer exports anything. A Component that
//! could not be created on the host then is not retried until it changes (0.21 to 0.27). So the canary changes with
//! each look, and a tenant is ready when the host has it.

use kube::Client;
use kube::api::{Api, DeleteParams, DynamicObject, Patch, PatchParams};
use provision::wait::{self, Budget, Seen};
use serde_json::json;

use super::Error;
use crate::answer::said;
use crate::manifests;
use crate::platform::dapr;

/// Its name on both sides.
const NAME: &str = "canary";

/// The guest namespace in which it is created, which every cluster has.
pub(super) const NAMESPACE: &str = "default";

/// On an idle machine it takes milliseconds once the syncer runs; that takes as long as its control plane does to start.
const EXPORTED: Budget = Budget::seconds(180);

/// Returns when a Component of the guest has arrived in `host_namespace` of the host and gone from there again.
pub(super) async fn flies(
    tenant: &str,
    guest: &Client,
    host: &Client,
    host_namespace: &str,
) -> Result<(), Error> {
    let inside: Api<DynamicObject> = Api::namespaced_with(guest.clone(), NAMESPACE, &dapr::components());
    let outside: Api<DynamicObject> = Api::namespaced_with(host.clone(), host_namespace, &dapr::components());
    let mut look = 0_u32;
    wait::until(format!("a Component of {tenant} on the host"), EXPORTED, || {
        look += 1;
        let object = canary(look);
        let (inside, outside) = (inside.clone(), outside.clone());
        async move {
            if outside.get_metadata_opt(NAME).await?.is_some() {
                return Ok(Seen::Ready(()));
            }
            let params = PatchParams::apply(manifests::MANAGER).force();
            // While the control plane starts, anything may fail; the last error is reported if it never gets better.
            Ok::<_, kube::Error>(match inside.patch(NAME, &params, &Patch::Apply(&object)).await {
                Ok(_) => Seen::not_yet(format!("nothing in {host_namespace}")),
                Err(error) => Seen::not_yet(said(&error)),
            })
        }
    })
    .await?;
    wait::until(format!("the Component of {tenant} to go"), EXPORTED, || async {
        match inside.delete(NAME, &DeleteParams::default()).await {
            Err(kube::Error::Api(status)) if status.code == 404 => {}
            Err(error) => return Ok(Seen::not_yet(said(&error))),
            Ok(_) => {}
        }
        Ok::<_, kube::Error>(match outside.get_metadata_opt(NAME).await? {
            None => Seen::Ready(()),
            Some(_) => Seen::not_yet(format!("it is still in {host_namespace}")),
        })
    })
    .await?;
    Ok(())
}

fn canary(look: u32) -> serde_json::Value {
    json!({
        "apiVersion": "dapr.io/v1alpha1", "kind": "Component",
        "metadata": { "name": NAME, "annotations": { "shared-dapr/look": look.to_string() } },
        "spec": { "type": "state.in-memory", "version": "v1", "metadata": [] },
    })
}
