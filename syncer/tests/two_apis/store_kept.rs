//! An upgrade of the release and the store of its virtual cluster.

use serde_json::json;

use crate::rig::Tenant;

const VALUES: &str = "multiNamespaceMode: {enabled: true}\nfallbackHostDns: true\n";

const OTHERS: &str = "multiNamespaceMode: {enabled: true}\nfallbackHostDns: false\n";

/// Values without persistence, as another test creates a default storage class at the same time.
const NO_VOLUME: &str = "etcd: {storage: {persistence: false}}\n";

#[tokio::test]
async fn an_upgrade_that_would_lose_the_virtual_cluster_is_refused_unless_it_is_meant() {
    let (values, others) = (format!("{VALUES}{NO_VOLUME}"), format!("{OTHERS}{NO_VOLUME}"));
    let tenant = Tenant::with_values("kept", &values).await;
    let release = tenant.host().await.within(tenant.namespace());
    let set = |set: &serde_json::Value| {
        (
            set["metadata"]["generation"].clone(),
            set["spec"]["template"].clone(),
        )
    };
    let before = set(&release.appears("StatefulSet", tenant.name()).await);

    // The same values make the same pod.
    assert_eq!(tenant.upgrade_with(&values, &[]).await, Ok(()));
    let refused = tenant
        .upgrade_with(&others, &[])
        .await
        .expect_err("its store is on no volume");
    assert!(
        refused.contains("all objects of the virtual cluster would be lost"),
        "{refused}"
    );
    assert!(refused.contains("allowDataLoss=true"), "{refused}");
    assert_eq!(set(&release.appears("StatefulSet", tenant.name()).await), before);
    // The key itself starts no pod.
    let meant = ["allowDataLoss=true".to_owned()];
    assert_eq!(tenant.upgrade_with(&values, &meant).await, Ok(()));
    assert_eq!(set(&release.appears("StatefulSet", tenant.name()).await), before);

    assert_eq!(tenant.upgrade_with(&others, &meant).await, Ok(()));
    let after = set(&release.appears("StatefulSet", tenant.name()).await);
    assert_ne!(after.1, before.1);

    // A StatefulSet cannot be given a volume.
    let persistent = [
        "allowDataLoss=true".to_owned(),
        "etcd.storage.persistence=true".to_owned(),
    ];
    let refused = tenant
        .upgrade_with(&others, &persistent)
        .await
        .expect_err("it has none");
    assert!(
        refused.contains("is on no volume, and a StatefulSet cannot change that"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_store_on_a_volume_outlives_an_upgrade() {
    let values = format!("{VALUES}etcd: {{storage: {{persistence: true}}}}\n");
    let tenant = Tenant::with_values("volume", &values).await;
    let release = tenant.host().await.within(tenant.namespace());
    let others = format!("{OTHERS}etcd: {{storage: {{persistence: auto}}}}\n");
    // `auto` is what it was installed with.
    assert_eq!(tenant.upgrade_with(&others, &[]).await, Ok(()));
    let set = release.appears("StatefulSet", tenant.name()).await;
    assert_eq!(set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "data");
}

#[tokio::test]
async fn a_store_is_on_a_volume_where_there_is_a_default_class() {
    let class = format!("default-{}", std::process::id());
    let host = Tenant::shared().await.host().await;
    let default = json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "provisioner": "example.com/none",
        "metadata": {"name": class, "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
    });
    host.create(default).await;
    let tenant = Tenant::with_values("default-class", VALUES).await;
    host.delete("StorageClass", &class).await;

    let release = tenant.host().await.within(tenant.namespace());
    let set = release.appears("StatefulSet", tenant.name()).await;
    assert_eq!(set["spec"]["volumeClaimTemplates"][0]["metadata"]["name"], "data");
    // It stays so without the class.
    assert_eq!(tenant.upgrade_with(OTHERS, &[]).await, Ok(()));
}
