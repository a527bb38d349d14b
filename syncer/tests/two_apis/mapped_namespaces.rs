//! Guest namespaces with configured host names.

use serde_json::{Value, json};

use crate::rig::{Tenant, Uninstalled, VALUE, component, namespace};

const VALUES: &str = r"
sync:
  toHost:
    namespaces:
      enabled: true
      mappings:
        byName: {default: '${name}-house', 'team-*': '${name}-t-*', blue: '${name}-t-blue'}
    customResources: {components.dapr.io: {enabled: true}}
";

#[tokio::test]
async fn a_namespace_has_the_name_in_the_values_and_is_deleted_like_any_other() {
    let tenant = Tenant::with_values("mapped", VALUES).await;
    let name = tenant.name();
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    guest.create(namespace("team-red")).await;
    let house = format!("{name}-house");
    let red = format!("{name}-t-red");
    for (namespace, mirror) in [("default", &house), ("team-red", &red)] {
        guest.within(namespace).create(component("store", "1")).await;
        host.within(mirror).shows("Component", "store", VALUE, "1").await;
        let made = host.get("Namespace", mirror).await.expect("it is there");
        assert_eq!(made["metadata"]["labels"]["vcluster.loft.sh/vcluster-name"], name);
        assert_eq!(
            made["metadata"]["annotations"]["vcluster.loft.sh/object-name"],
            namespace
        );
    }
    let system = host.get("Namespace", &tenant.host_namespace("kube-system")).await;
    assert!(system.is_some(), "what is not chosen is called by the rule");

    guest.delete("Namespace", "team-red").await;
    host.until_gone("Namespace", &red).await;
    Uninstalled::of(tenant).await.removes().await;
    host.until_gone("Namespace", &house).await;
}

#[tokio::test]
async fn a_chosen_name_that_is_taken_stays_whose_it_is() {
    let tenant = Tenant::with_values("taken", VALUES).await;
    let name = tenant.name();
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    let foreign = host.create(namespace(&format!("{name}-t-red"))).await;
    guest.create(namespace("team-red")).await;
    guest
        .has_event("Namespace", "team-red", "team-red is not synced")
        .await;
    // Two that would meet: the first has it.
    guest.create(namespace("blue")).await;
    host.appears("Namespace", &format!("{name}-t-blue")).await;
    guest.create(namespace("team-blue")).await;
    guest
        .has_event(
            "Namespace",
            "team-blue",
            "is of another virtual cluster or namespace",
        )
        .await;
    let mirror = host
        .get("Namespace", &format!("{name}-t-blue"))
        .await
        .expect("it stays");
    assert_eq!(
        mirror["metadata"]["annotations"]["vcluster.loft.sh/object-name"],
        "blue"
    );
    let now = host.get("Namespace", &format!("{name}-t-red")).await;
    assert_eq!(now.map(without_version), Some(without_version(foreign)));
}

#[tokio::test]
async fn neither_its_account_nor_an_upgrade_calls_a_namespace_otherwise() {
    let tenant = Tenant::with_values("fenced", VALUES).await;
    let name = tenant.name();
    let account = tenant.account().await;
    let mut wanted = namespace(&format!("{name}x"));
    wanted["metadata"]["labels"] = json!({
        "vcluster.loft.sh/vcluster-name": name,
        "vcluster.loft.sh/vcluster-namespace": tenant.namespace(),
    });
    let refusal = account.try_create(&wanted).await.expect_err("it is refused");
    assert!(
        refusal
            .to_string()
            .contains("is no name for a namespace of the virtual cluster"),
        "{refusal}"
    );
    wanted["metadata"]["name"] = json!(format!("{name}-t-x"));
    account.create(wanted).await;

    let refused = tenant.upgrade(&VALUES.replace("house", "home")).await;
    let told = refused.expect_err("it is refused");
    assert!(
        told.contains("what namespaces are called on the host can't be changed"),
        "{told}"
    );
    let further = VALUES.replace("components.dapr.io:", "configurations.dapr.io:");
    assert_eq!(tenant.upgrade(&further).await, Ok(()));
}

fn without_version(mut object: Value) -> Value {
    object["metadata"]["resourceVersion"].take();
    object["metadata"]["managedFields"].take();
    object
}
