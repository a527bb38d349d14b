//! ConfigMaps and Secrets that nothing names, with values that sync all of them.

use serde_json::{Value, json};

use crate::rig::Tenant;

const VALUES: &str =
    "multiNamespaceMode: {enabled: true}\nsync:\n  configmaps: {all: true}\n  secrets: {all: true}\n";

#[tokio::test]
async fn all_config_maps_and_secrets_are_on_the_host_if_asked_for() {
    let tenant = Tenant::with_values("all", VALUES).await;
    let space = tenant.space("default").await;
    for kind in ["ConfigMap", "Secret"] {
        space.guest.create(object(kind, "MQ==")).await;
        space.host.shows(kind, "unnamed", "/data/a", "MQ==").await;
        space
            .guest
            .merge(kind, "unnamed", &json!({"data": {"a": "Mg=="}}))
            .await;
        space.host.shows(kind, "unnamed", "/data/a", "Mg==").await;
        space
            .host
            .merge(kind, "unnamed", &json!({"data": {"a": "Mw=="}}))
            .await;
        space.host.shows(kind, "unnamed", "/data/a", "Mg==").await;
        space.host.delete(kind, "unnamed").await;
        space.host.appears(kind, "unnamed").await;
        // What the host shows of its own accord goes back only if something names it.
        let mut copy = object(kind, "MQ==");
        copy["metadata"] = json!({"name": "copy", "annotations": {"shared-dapr.io/source": "shared/copy"}});
        space.guest.create(copy).await;
        space.guest.delete(kind, "unnamed").await;
        space.host.until_gone(kind, "unnamed").await;
        assert_eq!(space.host.get(kind, "copy").await, None);
    }
}

#[tokio::test]
async fn without_being_asked_for_what_nothing_names_stays_in_the_guest() {
    let tenant = Tenant::shared().await;
    let space = tenant.space("default").await;
    let unnamed = crate::rig::unique("unnamed");
    for kind in ["ConfigMap", "Secret"] {
        let mut wanted = object(kind, "MQ==");
        wanted["metadata"]["name"] = json!(unnamed);
        space.guest.create(wanted).await;
    }
    // A later one that is named shows that these have been looked at.
    let mut pod = crate::pods::pod(&unnamed);
    let later = format!("{unnamed}-later");
    pod["spec"]["volumes"] = json!([{"name": "a", "configMap": {"name": later}}]);
    crate::pods::made(&space.guest, pod).await;
    let mut wanted = object("ConfigMap", "MQ==");
    wanted["metadata"]["name"] = json!(later);
    space.guest.create(wanted).await;
    space.host.appears("ConfigMap", &later).await;
    for kind in ["ConfigMap", "Secret"] {
        assert_eq!(space.host.get(kind, &unnamed).await, None);
    }
}

fn object(kind: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "unnamed"}, "data": {"a": value}})
}
