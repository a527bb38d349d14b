//! PVCs, and placeholders for their volumes.

use serde_json::{Value, json};

use crate::pods::going;
use crate::rig::{NamespacePair, Side, unique};

#[tokio::test]
async fn a_pvc_is_bound_in_the_guest_when_it_is_on_the_host() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest.create(claim("data")).await;
    let theirs = host.appears("PersistentVolumeClaim", "data").await;
    assert_eq!(theirs["spec"]["accessModes"], json!(["ReadWriteOnce"]));
    assert_eq!(theirs["spec"]["resources"]["requests"]["storage"], "1Gi");

    let volume = bind(host, "data").await;
    let ours = guest
        .shows("PersistentVolumeClaim", "data", "/status/phase", "Bound")
        .await;
    assert_eq!(ours["spec"]["volumeName"], volume);
    assert_eq!(ours["status"]["capacity"], json!({"storage": "2Gi"}));
    let placeholder = guest.everywhere();
    let placeholder = placeholder
        .shows("PersistentVolume", &volume, "/status/phase", "Bound")
        .await;
    assert_eq!(placeholder["spec"]["claimRef"]["uid"], ours["metadata"]["uid"]);
    assert_eq!(placeholder["spec"]["capacity"], json!({"storage": "2Gi"}));
}

#[tokio::test]
async fn a_pvc_that_has_its_volume_and_waits_to_be_bound_is_bound_later() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest.create(claim("data")).await;
    host.appears("PersistentVolumeClaim", "data").await;
    let volume = unique("pvc");
    let chosen = json!({"spec": {"volumeName": volume}});
    host.merge("PersistentVolumeClaim", "data", &chosen).await;
    let place = "/spec/volumeName";
    guest
        .shows("PersistentVolumeClaim", "data", place, volume.clone())
        .await;
    let status = json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1Gi"}});
    host.merge_status("PersistentVolumeClaim", "data", &status).await;
    guest
        .shows("PersistentVolumeClaim", "data", "/status/phase", "Bound")
        .await;
}

#[tokio::test]
async fn a_pvc_that_grows_grows_on_the_host() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let class = unique("grows");
    for side in [guest, host] {
        let class = json!({
            "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class},
            "provisioner": "example.org/fast", "allowVolumeExpansion": true,
        });
        side.everywhere().create(class).await;
    }
    let mut wanted = claim("data");
    wanted["spec"]["storageClassName"] = json!(class);
    guest.create(wanted).await;
    host.appears("PersistentVolumeClaim", "data").await;
    bind(host, "data").await;
    guest
        .shows("PersistentVolumeClaim", "data", "/status/phase", "Bound")
        .await;
    let size = "/spec/resources/requests/storage";
    guest
        .merge(
            "PersistentVolumeClaim",
            "data",
            &json!({"spec": {"resources": {"requests": {"storage": "2Gi"}}}}),
        )
        .await;
    host.shows("PersistentVolumeClaim", "data", size, "2Gi").await;
}

#[tokio::test]
async fn a_pvc_deleted_in_the_guest_is_deleted_on_the_host_with_its_placeholder() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let volume = bound(&space, "data").await;
    guest.delete("PersistentVolumeClaim", "data").await;
    host.sees("PersistentVolumeClaim", "data", "going", going).await;
    // In both clusters, the controller that holds a claim while pods use it lets it go.
    for side in [host, guest] {
        release(side, "data").await;
        side.until_gone("PersistentVolumeClaim", "data").await;
    }
    guest.everywhere().until_gone("PersistentVolume", &volume).await;
}

#[tokio::test]
async fn a_pvc_deleted_on_the_host_is_deleted_in_the_guest_and_not_recreated() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    bound(&space, "data").await;
    host.delete("PersistentVolumeClaim", "data").await;
    guest.sees("PersistentVolumeClaim", "data", "going", going).await;
    release(host, "data").await;
    host.until_gone("PersistentVolumeClaim", "data").await;
    assert_eq!(host.get("PersistentVolumeClaim", "data").await, None);
    release(guest, "data").await;
    guest.until_gone("PersistentVolumeClaim", "data").await;
    // A PVC that the tenant recreates is another one, and gets a volume of its own.
    guest.create(claim("data")).await;
    host.appears("PersistentVolumeClaim", "data").await;
}

#[tokio::test]
async fn a_pvc_that_names_a_volume_is_refused_with_the_field() {
    let space = NamespacePair::shared().await;
    let mut wanted = claim("data");
    wanted["spec"]["volumeName"] = json!("theirs");
    space.guest.create(wanted).await;
    space
        .guest
        .has_event("PersistentVolumeClaim", "data", "spec.volumeName")
        .await;
    assert_eq!(space.host.get("PersistentVolumeClaim", "data").await, None);
}

#[tokio::test]
async fn a_pvc_of_the_hosts_own_is_left_alone() {
    let space = NamespacePair::shared().await;
    let theirs = space.host.create(claim("data")).await;
    space.guest.create(claim("data")).await;
    space
        .guest
        .has_event(
            "PersistentVolumeClaim",
            "data",
            "not this virtual cluster's: it is left as it is",
        )
        .await;
    space.guest.delete("PersistentVolumeClaim", "data").await;
    release(&space.guest, "data").await;
    space.guest.until_gone("PersistentVolumeClaim", "data").await;
    assert_eq!(
        space.host.get("PersistentVolumeClaim", "data").await,
        Some(theirs)
    );
}

#[tokio::test]
async fn events_of_the_hosts_storage_about_a_pvc_are_shown() {
    let space = NamespacePair::shared().await;
    space.guest.create(claim("data")).await;
    let theirs = space.host.appears("PersistentVolumeClaim", "data").await;
    let namespace = space.host.namespace();
    let event = json!({
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "data.1"},
        "involvedObject": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": "data",
            "uid": theirs["metadata"]["uid"],
        },
        "reason": "ProvisioningFailed",
        "message": format!("no room for {namespace}/data"),
        "type": "Warning",
        "source": {"component": "persistentvolume-controller"},
    });
    let path = format!("/api/v1/namespaces/{namespace}/events");
    space.host.post(&path, &event).await.expect("it can be made");
    let words = format!("no room for {}/data", space.guest.namespace());
    space
        .guest
        .has_event("PersistentVolumeClaim", "data", &words)
        .await;
}

fn claim(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": name},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    })
}

/// Creates a PVC that is bound on both sides; returns the name of its volume.
async fn bound(space: &NamespacePair, name: &str) -> String {
    space.guest.create(claim(name)).await;
    space.host.appears("PersistentVolumeClaim", name).await;
    let volume = bind(&space.host, name).await;
    let everywhere = space.guest.everywhere();
    everywhere
        .shows("PersistentVolume", &volume, "/status/phase", "Bound")
        .await;
    volume
}

/// Does the work of the host's storage controllers for a PVC.
async fn bind(host: &Side, name: &str) -> String {
    let volume = unique("pvc");
    host.merge(
        "PersistentVolumeClaim",
        name,
        &json!({"spec": {"volumeName": volume}}),
    )
    .await;
    let status = json!({"phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": {"storage": "2Gi"}});
    host.merge_status("PersistentVolumeClaim", name, &status).await;
    volume
}

/// Does the work of a cluster's controllers for a PVC that no pod uses.
async fn release(side: &Side, name: &str) {
    side.merge(
        "PersistentVolumeClaim",
        name,
        &json!({"metadata": {"finalizers": null}}),
    )
    .await;
}
