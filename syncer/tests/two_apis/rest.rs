//! Nothing is written if nothing changes.

use std::collections::BTreeMap;
use std::time::Duration;

use provision::wait::{self, Budget, Seen};
use serde_json::{Value, json};

use crate::pods::pod;
use crate::rig::{Refusal, Side, Tenant, VALUE, component};

/// Longer than the pause of any hot loop of retries, and than the interval of the syncer's checks while something is in progress.
const AT_REST: Duration = Duration::from_secs(6);

/// Time without writes after which the syncer is idle.
const A_MOMENT: Duration = Duration::from_secs(1);

/// Time until everything is done that a start and the objects of the test cause.
const SETTLED: Budget = Budget::seconds(60);

/// All kinds that the syncer writes, on either side.
const KINDS: [&str; 8] = [
    "Component",
    "ConfigMap",
    "EndpointSlice",
    "Event",
    "Pod",
    "Secret",
    "Service",
    "ServiceAccount",
];

#[tokio::test]
async fn a_tenant_at_rest_is_written_to_by_no_one() {
    let tenant = Tenant::new("resting").await;
    let space = tenant.space("default").await;
    let values =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"}, "data": {"a": "b"}});
    let password = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"}, "stringData": {"a": "b"}});
    space.guest.create(values).await;
    space.guest.create(password).await;
    space.guest.create(pod("app")).await;
    space.host.appears("Pod", "app").await;
    let before = tenant.writes().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    assert!(tenant.writes().await > before);

    let look = async || {
        let versions = [versions(&space.guest).await, versions(&space.host).await];
        (tenant.writes().await, versions)
    };
    let settled = wait::until("everything to be done", SETTLED, || async {
        let before = look().await;
        wait::rest(A_MOMENT).await;
        let after = look().await;
        Ok::<_, Refusal>(if before == after {
            Seen::Ready(after)
        } else {
            Seen::NotYet(format!("{before:?} became {after:?}"))
        })
    })
    .await
    .expect("it is");
    wait::rest(AT_REST).await;
    assert_eq!(look().await, settled);
}

/// Returns the version of each object in a namespace, and of the namespace.
async fn versions(side: &Side) -> BTreeMap<String, Value> {
    let mut all = Vec::new();
    for kind in KINDS {
        all.extend(side.list(kind).await.into_iter().map(|object| (kind, object)));
    }
    let namespace = side.everywhere().get("Namespace", side.namespace()).await;
    all.extend(namespace.map(|namespace| ("Namespace", namespace)));
    all.into_iter()
        .map(|(kind, object)| {
            let metadata = &object["metadata"];
            (
                format!("{kind} {}", metadata["name"]),
                metadata["resourceVersion"].clone(),
            )
        })
        .collect()
}
