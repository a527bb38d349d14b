//! A host namespace that refuses Components for a while, as one does whose quota is used up.

use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use crate::component::Component;
use crate::eventually::{SOON, becomes};
use crate::side::Side;

/// The quota's name.
const NAME: &str = "no-components";

/// Has the namespace refuse every Component; returns when it does.
pub async fn refuse(host: &Side) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(host.client().clone(), host.namespace());
    let quota = json!({"metadata": {"name": NAME}, "spec": {"hard": {"count/components.dapr.io": "0"}}});
    quotas
        .create(&PostParams::default(), &serde_json::from_value(quota)?)
        .await?;
    // The API server learns of a quota a moment after it is made.
    becomes(format!("{host} to refuse Components"), SOON, false, || {
        host.takes(Component::redis("probe"))
    })
    .await
}

/// Has it take Components again; returns when it does.
pub async fn allow(host: &Side) -> anyhow::Result<()> {
    let quotas: Api<ResourceQuota> = Api::namespaced(host.client().clone(), host.namespace());
    quotas.delete(NAME, &DeleteParams::default()).await?;
    becomes(format!("{host} to take Components"), SOON, true, || {
        host.takes(Component::redis("probe"))
    })
    .await
}
