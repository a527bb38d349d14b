//! Limits of the bytes that a tenant keeps in the host's store.

use rstest::rstest;
use serde_json::{Value, json};
use syncer::sync::Limits;

use crate::pods::made;
use crate::rig::{Limited, NamespacePair, VALUE, component, namespace};

/// The size of the objects of these tests, without the ownership annotations.
const LARGE: usize = 200 << 10;

/// Room for three such objects, and for the objects that each namespace has.
const ROOM: u64 = 700 << 10;

#[rstest]
#[case::components("Component")]
#[case::config_maps("ConfigMap")]
#[case::secrets("Secret")]
#[case::services("Service")]
#[case::pods("Pod")]
#[tokio::test]
async fn what_exceeds_the_limit_is_refused_with_an_event_until_something_is_deleted(#[case] kind: &str) {
    let tenant = Limited::start(
        "full",
        Limits {
            bytes: ROOM,
            ..Limits::default()
        },
    )
    .await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    for name in ["first", "second", "third"] {
        make(&space, kind, name).await;
        host.appears(kind, name).await;
    }
    make(&space, kind, "fourth").await;
    guest
        .has_event(kind, "fourth", "of at most 700.0 KiB: delete some of it")
        .await;
    assert_eq!(host.get(kind, "fourth").await, None);
    // What is small has its place, and goes on.
    guest.create(component("small", "1")).await;
    host.shows("Component", "small", VALUE, "1").await;

    for name in ["first", "second"] {
        guest.delete(kind, name).await;
        if kind == "Secret" {
            // While a pod names it, the host keeps it.
            guest.delete("Pod", &format!("names-{name}")).await;
        }
    }
    host.appears(kind, "fourth").await;
}

#[tokio::test]
async fn a_restart_counts_what_exists_and_a_deleted_namespace_frees_its_bytes() {
    let limits = Limits {
        bytes: ROOM,
        ..Limits::default()
    };
    let mut tenant = Limited::start("counted", limits).await;
    tenant.guest().await.create(namespace("house")).await;
    let house = tenant.space("house").await;
    let space = tenant.space("default").await;
    for name in ["first", "second", "third"] {
        make(&house, "Component", name).await;
        house.host.appears("Component", name).await;
    }
    tenant.restart().await;
    make(&space, "Component", "fourth").await;
    space
        .guest
        .has_event("Component", "fourth", "of at most 700.0 KiB")
        .await;
    assert_eq!(house.host.names("Component").await, ["first", "second", "third"]);

    space.guest.everywhere().delete("Namespace", "house").await;
    space.host.appears("Component", "fourth").await;
}

#[tokio::test]
async fn what_is_written_too_fast_waits_while_small_objects_are_written() {
    let limits = Limits {
        burst: 450 << 10,
        bytes_per_second: 20 << 10,
        ..Limits::default()
    };
    let tenant = Limited::start("hasty", limits).await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    for name in ["first", "second", "third", "fourth"] {
        make(&space, "Component", name).await;
    }
    guest.create(component("small", "1")).await;
    host.shows("Component", "small", VALUE, "1").await;
    for name in ["first", "second", "third", "fourth"] {
        host.appears("Component", name).await;
    }
    let events = guest.list("Event").await;
    let told = events.iter().filter(|event| {
        event["note"]
            .as_str()
            .is_some_and(|note| note.contains("for its turn"))
    });
    assert_eq!(told.count(), 1, "{events:?}");
}

/// Creates a large object, and an object that names it so that it is synced.
async fn make(space: &NamespacePair, kind: &str, name: &str) {
    let large = "x".repeat(LARGE);
    let guest = &space.guest;
    let plain = |fields: Value| {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
        object
            .as_object_mut()
            .expect("it is one")
            .extend(fields.as_object().expect("it is one").clone());
        object
    };
    match kind {
        "Component" => {
            guest.create(component(name, large)).await;
        }
        "ConfigMap" | "Secret" => {
            // A Secret's data is a third longer in base64.
            let data = if kind == "Secret" {
                &large[..LARGE / 4 * 3]
            } else {
                &large
            };
            let field = if kind == "Secret" { "stringData" } else { "data" };
            guest.create(plain(json!({field: {"key": data}}))).await;
            let source = if kind == "Secret" {
                "secretRef"
            } else {
                "configMapRef"
            };
            let spec =
                json!({"containers": [{"name": "app", "image": "a", "envFrom": [{source: {"name": name}}]}]});
            let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": format!("names-{name}")}, "spec": spec});
            made(guest, pod).await;
        }
        "Service" => {
            let annotations = json!({"example.com/note": large});
            let spec = json!({"ports": [{"port": 80}], "selector": {"app": "a"}});
            guest
                .create(plain(
                    json!({"metadata": {"name": name, "annotations": annotations}, "spec": spec}),
                ))
                .await;
        }
        _ => {
            let variables = json!([{"name": "NOTE", "value": large}]);
            let spec = json!({"containers": [{"name": "app", "image": "a", "env": variables}]});
            made(guest, plain(json!({"spec": spec}))).await;
        }
    }
}
