//! Service accounts have mirrors, which the tenant's pods use on the host.

use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::Tenant;

const VALUES: &str = "multiNamespaceMode: {enabled: true}\nsync: {serviceaccounts: {enabled: true}}\n";

const ROLE: &str = "/metadata/annotations/cloud.example.org~1role";

#[tokio::test]
async fn a_pod_is_its_accounts_mirror_on_the_host() {
    let tenant = Tenant::with_values("accounts", VALUES).await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    guest.create(account("store", "reader")).await;
    let mirror = host.shows("ServiceAccount", "store", ROLE, "reader").await;
    assert_eq!(mirror["automountServiceAccountToken"], false);
    assert_eq!(mirror["secrets"], Value::Null);

    made(guest, pod_of("one", "store")).await;
    let there = host.appears("Pod", "one").await;
    assert_eq!(there["spec"]["serviceAccountName"], "store");
    assert_eq!(there["spec"]["automountServiceAccountToken"], false);
    made(guest, pod("two")).await;
    let there = host.appears("Pod", "two").await;
    let workload = format!("vc-workload-{}", tenant.name());
    assert_eq!(there["spec"]["serviceAccountName"], workload);

    let change = json!({"metadata": {"annotations": {"cloud.example.org/role": "writer"}}});
    guest.merge("ServiceAccount", "store", &change).await;
    host.shows("ServiceAccount", "store", ROLE, "writer").await;
    host.delete("ServiceAccount", "store").await;
    host.shows("ServiceAccount", "store", ROLE, "writer").await;
    guest.delete("ServiceAccount", "store").await;
    host.until_gone("ServiceAccount", "store").await;
    assert_eq!(host.names("ServiceAccount").await, ["default", &workload]);
}

#[tokio::test]
async fn an_account_of_the_hosts_own_is_left_alone_and_its_pods_wait() {
    let tenant = Tenant::with_values("taken", VALUES).await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    let theirs = host.create(account("store", "admin")).await;
    guest.create(account("store", "reader")).await;
    guest
        .has_event("ServiceAccount", "store", "not this virtual cluster's")
        .await;
    made(guest, pod_of("one", "store")).await;
    made(guest, pod("two")).await;
    host.appears("Pod", "two").await;
    guest
        .has_event("Pod", "one", "needs ServiceAccount default/store")
        .await;
    assert_eq!(host.get("Pod", "one").await, None);
    assert_eq!(host.get("ServiceAccount", "store").await, Some(theirs));
    host.delete("ServiceAccount", "store").await;
    host.appears("Pod", "one").await;
    host.shows("ServiceAccount", "store", ROLE, "reader").await;
}

fn account(name: &str, role: &str) -> Value {
    let annotations = json!({"cloud.example.org/role": role});
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "annotations": annotations}})
}

fn pod_of(name: &str, account: &str) -> Value {
    let mut pod = pod(name);
    pod["spec"]["serviceAccountName"] = json!(account);
    pod
}
