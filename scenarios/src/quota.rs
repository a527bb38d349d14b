//! A host namespace that refuses Components for a while, as if its quota were used up.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::component::Component;
use crate::eventually::{SOON, becomes};
use crate::side::Side;

/// The quota's name.
const NAME: &str = "no-components";

/// Makes the namespace refuse every Component, and waits until it does.
pub async fn refuse(host: &Side) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(host.client().clone(), host.namespace());
    let quota = json!({"metadata": {"name": NAME}, "spec": {"hard": {"count/components.dapr.io": "0"}}});
    quotas
        .create(&PostParams::default(), &serde_json::from_value(quota)?)
        .await?;
    // The API server observes a quota a moment after its creation.
    becomes(format!("{host} to refuse Components"), SOON, false, || {
        host.takes(Component::redis("probe"))
    })
    .await
}

/// Makes the namespace accept Components again, and waits until it does.
pub async fn allow(host: &Side) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(host.client().clone(), host.namespace());
    quotas.delete(NAME, &DeleteParams::default()).await?;
    becomes(format!("{host} to take Components"), SOON, true, || {
        host.takes(Component::redis("probe"))
    })
    .await
}
