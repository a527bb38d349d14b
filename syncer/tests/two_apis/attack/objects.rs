//! Services, PVCs and Secrets that reach other tenants or the host's own objects.

use serde_json::{Value, json};

use super::{Layers, attempt, claim, says, token_secret};
use crate::rig::{NamespacePair, Tenant, unique};

/// Creates the object in the guest, and checks that it gets an Event and has no mirror.
async fn is_refused(space: &NamespacePair, kind: &str, object: &Value, words: &str) {
    let mut object = object.clone();
    let name = unique("attempt");
    object["apiVersion"] = json!("v1");
    object["kind"] = json!(kind);
    object["metadata"]["name"] = json!(name);
    space.guest.create(object).await;
    space.guest.has_event(kind, &name, words).await;
    assert_eq!(space.host.get(kind, &name).await, None);
}

#[tokio::test]
async fn an_address_of_others_fails_by_two_layers() {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let service = json!({"spec": {"ports": [{"port": 80}], "externalIPs": ["192.0.2.1"]}});
    attempt(&layers.none, "Service", &service)
        .await
        .expect("nothing else refuses it");
    is_refused(&space, "Service", &service, "spec.externalIPs[0]: ").await;
    says(
        attempt(&layers.policies, "Service", &service).await,
        "spec.externalIPs",
    );
    let plain = json!({"spec": {"ports": [{"port": 80}]}});
    attempt(&layers.policies, "Service", &plain)
        .await
        .expect("a plain one is fine");
}

#[tokio::test]
async fn an_address_that_is_added_later_fails_by_two_layers() {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let address = json!({"spec": {"externalIPs": ["192.0.2.1"]}});
    let plain = |name: &str| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": {"ports": [{"port": 80}]}});
    space.guest.create(plain("later")).await;
    space.host.appears("Service", "later").await;
    space.guest.merge("Service", "later", &address).await;
    space
        .guest
        .has_event("Service", "later", "spec.externalIPs[0]: ")
        .await;
    let host = space.host.get("Service", "later").await.expect("it stays");
    assert_eq!(host["spec"].get("externalIPs"), None);
    let name = unique("later");
    layers.policies.create(plain(&name)).await;
    let path = layers.policies.path("Service", &name);
    says(layers.policies.patch(&path, &address).await, "spec.externalIPs");
    // What the host's administrator has set stays, and does not keep the syncer from changing the rest.
    layers.none.merge("Service", &name, &address).await;
    let ports = json!({"spec": {"ports": [{"port": 81}]}});
    layers
        .policies
        .patch(&path, &ports)
        .await
        .expect("it is not about the address");
}

#[tokio::test]
async fn a_volume_of_choice_fails_by_two_layers() {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    for (fields, field) in [
        (json!({"volumeName": "theirs"}), "spec.volumeName: "),
        (
            json!({"selector": {"matchLabels": {"a": "b"}}}),
            "spec.selector: ",
        ),
    ] {
        let claim = claim(&fields);
        attempt(&layers.none, "PersistentVolumeClaim", &claim)
            .await
            .expect("nothing else refuses it");
        is_refused(&space, "PersistentVolumeClaim", &claim, field).await;
        says(
            attempt(&layers.policies, "PersistentVolumeClaim", &claim).await,
            field,
        );
    }
    attempt(&layers.policies, "PersistentVolumeClaim", &claim(&json!({})))
        .await
        .expect("a plain one is fine");
}

#[tokio::test]
async fn a_token_of_the_host_fails_by_two_layers() {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let tenant = Tenant::shared().await;
    attempt(&layers.none, "Secret", &token_secret())
        .await
        .expect("nothing else refuses it");
    says(
        attempt(&layers.policies, "Secret", &token_secret()).await,
        "type: the host fills a Secret of this type",
    );
    let beside = tenant.account().await.within(tenant.namespace());
    assert!(attempt(&beside, "Secret", &token_secret()).await.is_err());
    // From the guest, the type does not get through.
    let mut secret = token_secret();
    secret["apiVersion"] = json!("v1");
    secret["kind"] = json!("Secret");
    secret["metadata"]["name"] = json!("password");
    space.guest.appears("ServiceAccount", "default").await;
    space.guest.create(secret).await;
    space.guest.create(crate::pods::pod("app")).await;
    let host = space.host.appears("Secret", "password").await;
    assert_eq!(host["type"], "Opaque");
}
