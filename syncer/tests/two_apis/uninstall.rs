//! The objects that `helm uninstall` removes.

use futures::{StreamExt, stream};
use http::Method;
use provision::wait::{self, Seen};
use serde_json::json;

use crate::restart::until_between;
use crate::rig::{NamespacePair, Refusal, SOON, Tenant, Uninstalled, VALUE, component, unique};

#[tokio::test]
async fn uninstall_amid_creations_removes_the_tenants_host_namespaces_and_only_those() {
    let tenant = Tenant::new("leaves").await;
    let space = tenant.space("default").await;
    let host = tenant.host().await;
    let another = NamespacePair::shared().await;
    another.guest.create(component("theirs", "1")).await;
    let theirs = another.host.shows("Component", "theirs", VALUE, "1").await;
    let anothers = another.host.namespace();
    let before = host.get("Namespace", anothers).await;
    // Somebody put the tenant's labels on a namespace that no guest namespace has.
    let labelled = unique("labelled");
    let labels = json!({
        "vcluster.loft.sh/vcluster-name": tenant.name(),
        "vcluster.loft.sh/vcluster-namespace": tenant.namespace(),
    });
    host.create(json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": labelled, "labels": labels, "annotations": {"vcluster.loft.sh/object-name": "default"},
        },
    }))
    .await;

    let names: Vec<String> = (0..200).map(|number| format!("store-{number}")).collect();
    let making = stream::iter(&names)
        .map(|name| space.guest.create(component(name, "1")))
        .buffer_unordered(4)
        .count();
    let removing = async {
        until_between(&space.host, 10, 190).await;
        let uninstalled = Uninstalled::of(tenant).await;
        uninstalled.removes().await;
        uninstalled
    };
    let (_, uninstalled) = futures::join!(making, removing);

    for guest in ["default", "kube-system", "kube-public", "kube-node-lease"] {
        let mirror = uninstalled.tenant.host_namespace(guest);
        assert_eq!(host.get("Namespace", &mirror).await, None, "{guest}");
    }
    let left = host.get("Namespace", &labelled).await.expect("it stays");
    assert_eq!(left["metadata"]["deletionTimestamp"], json!(null));
    assert_eq!(host.get("Namespace", anothers).await, before);
    assert_eq!(another.host.list("Component").await, [theirs]);
    // Once more, as Helm does it after a failure, there is nothing left to do.
    uninstalled.removes().await;
    host.delete("Namespace", &labelled).await;
}

#[tokio::test]
async fn the_account_of_uninstall_may_delete_no_namespace_of_others() {
    let another = Tenant::shared().await;
    let anothers = another.space("default").await.host.namespace().to_owned();
    let uninstalled = Uninstalled::of(Tenant::new("stranger").await).await;
    let account = uninstalled.account().await;

    // A policy holds a moment after it is made, so nothing is deleted here.
    let path = format!("{}?dryRun=All", account.path("Namespace", &anothers));
    let refused = wait::until("the policy to hold", SOON, || async {
        let answer = account.ask(Method::DELETE, &path, "application/json", None).await;
        Ok::<_, Refusal>(match answer {
            Ok(_) => Seen::not_yet("it may"),
            Err(refusal) => Seen::Ready(refusal),
        })
    });
    let refused = refused.await.expect("it does");
    assert_eq!(refused.code, 403, "{refused}");
    let said = format!(
        "Namespace {anothers} is not of the virtual cluster {}",
        uninstalled.tenant.name()
    );
    assert!(refused.message.contains(&said), "{refused}");

    let pods = account.within(&anothers).path("Pod", "");
    let refused = account.ask(Method::GET, &pods, "application/json", None).await;
    assert_eq!(refused.expect_err("it may not").code, 403);
}
