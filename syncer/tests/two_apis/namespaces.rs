//! Namespaces, and objects that are created in them before the host has them.

use futures::future::join_all;
use serde_json::{Value, json};
use vcluster_values::naming;

use crate::rig::{NamespacePair, Tenant, VALUE, component, namespace, unique};

#[tokio::test]
async fn fifty_namespaces_that_are_each_created_together_with_a_component_reach_the_host() {
    let tenant = Tenant::shared().await;
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    let names: Vec<String> = (0..50).map(|_| unique("fresh")).collect();
    let made = names.iter().map(|name| async {
        guest.create(namespace(name)).await;
        guest.within(name).create(component("store", name.as_str())).await;
    });
    join_all(made).await;
    for name in &names {
        let mirror = host.within(&tenant.host_namespace(name));
        mirror.shows("Component", "store", VALUE, name.as_str()).await;
    }
}

#[tokio::test]
async fn a_namespaces_labels_are_on_the_host_under_keys_of_its_own() {
    let (tenant, space) = (Tenant::shared().await, NamespacePair::shared().await);
    let (guest, host) = (space.guest.everywhere(), space.host.everywhere());
    let (name, mirror) = (space.guest.namespace(), space.host.namespace());
    let key = naming::Tenant::new(tenant.name(), tenant.namespace()).namespace_label("team");
    assert!(key.starts_with("vcluster.loft.sh/label-"), "{key}");
    let label = &format!("/metadata/labels/{}", key.replace('/', "~1"));
    let labelled = |value: Value| json!({"metadata": {"labels": {"team": value}}});
    guest.merge("Namespace", name, &labelled(json!("a"))).await;
    host.shows("Namespace", mirror, label, "a").await;
    guest.merge("Namespace", name, &labelled(Value::Null)).await;
    host.sees("Namespace", mirror, "without the label", |found| {
        found.pointer(label).is_none().then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_namespace_takes_its_mirror_with_it() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    space
        .guest
        .everywhere()
        .delete("Namespace", space.guest.namespace())
        .await;
    space
        .host
        .everywhere()
        .until_gone("Namespace", space.host.namespace())
        .await;
    space
        .guest
        .everywhere()
        .until_gone("Namespace", space.guest.namespace())
        .await;
}

#[tokio::test]
async fn a_mirror_that_somebody_deletes_comes_back_with_all_that_was_in_it() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    let host = space.host.everywhere();
    let before = host
        .get("Namespace", space.host.namespace())
        .await
        .expect("it is there");
    host.delete("Namespace", space.host.namespace()).await;
    host.sees("Namespace", space.host.namespace(), "recreated", |found| {
        (found["metadata"]["uid"] != before["metadata"]["uid"]).then_some(())
    })
    .await;
    space.host.shows("Component", "store", VALUE, "1").await;
}
