//! The state store that both apps share.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, DynamicObject};
use minijinja::context;
use provision::wait::{self, Budget, Seen};

use super::{Error, NAMESPACE};
use crate::manifests;
use crate::platform::dapr;
use crate::tenants::Tenant;

/// The store's name, as in the blog.
pub const NAME: &str = "my-statestore";

/// The Secret with the password of the tenant's user.
pub const SECRET: &str = "redis";

/// A syncer takes milliseconds; one that was just started first lists everything.
const SYNCED: Budget = Budget {
    at_most: Duration::from_mins(1),
    every: Duration::from_millis(50),
};

/// Declares the store in a tenant and returns when the host has it.
///
/// A sidecar asks for its stores once, when it starts; an app that came first would never get this one.
pub(super) async fn declare(tenant: &Tenant) -> Result<(), Error> {
    let (username, password) = (tenant.login.username.as_str(), tenant.login.password.as_str());
    manifests::apply(
        &tenant.client,
        NAMESPACE,
        "workloads/state-store.yaml",
        include_str!("../../manifests/workloads/state-store.yaml"),
        context! { username => username, password => password },
    )
    .await?;
    let namespace = tenant.host_namespace(NAMESPACE);
    let host = &tenant.cluster.client;
    let secrets: Api<Secret> = Api::namespaced(host.clone(), &namespace);
    let components: Api<DynamicObject> = Api::namespaced_with(host.clone(), &namespace, &dapr::components());
    wait::until(
        format!("the state store of {} on the host", tenant.name),
        SYNCED,
        || async {
            Ok::<_, kube::Error>(if components.get_metadata_opt(NAME).await?.is_none() {
                Seen::not_yet(format!("no Component {namespace}/{NAME}"))
            } else if secrets.get_metadata_opt(SECRET).await?.is_none() {
                Seen::not_yet(format!("no Secret {namespace}/{SECRET}"))
            } else {
                Seen::Ready(())
            })
        },
    )
    .await?;
    Ok(())
}
