//! IS, continued: a tenant reaches its limits, and the host and the other tenants continue to work.

use anyhow::ensure;
use provision::values;
use rstest::rstest;
use scenarios::invariants::Invariants;
use scenarios::{Component, Environment, NamespacePair, Outcome, attack};
use serde_json::json;

use crate::fixtures::environment;

/// The limits of a tenant: few of each.
const LIMITS: &str = "
defaults:
  policies:
    namespaces: 6
    mebibytes: 4
    resourceQuota: {quota: {services.nodeports: '1', pods: '2'}}
";

/// The number of namespaces that a new virtual cluster has. They count towards the limit.
const OF_KUBERNETES: usize = 4;

/// The size of a ConfigMap. With the objects that a tenant has anyway, three are less than the limit and four are
/// more.
const LARGE: usize = 1_000_000;

#[rstest]
#[tokio::test]
async fn is_29_a_tenant_does_not_get_beyond_its_limits(#[future(awt)] environment: Environment) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let tenant = environment
        .make_tenant("is-29", values::BLOG.to_owned() + LIMITS)
        .await?;
    let space = tenant.new_space("is-29").await?;

    objects_end_at_the_quota(&space).await?;
    bytes_end_before_the_hosts_store_is_full(&space).await?;

    let last = tenant.new_space("is-29-last").await?;
    let beyond = tenant.begun_space("is-29-beyond").await?;
    let words = "`defaults.policies.namespaces` of its values allows 6";
    attack::event_of_namespace(&beyond, words).await?;
    let namespaces = tenant.host_namespaces().await?;
    ensure!(namespaces.len() == OF_KUBERNETES + 2, "{namespaces:?}");
    last.remove().await?;
    beyond.is_mirrored().await?;
    environment.remove_tenant(tenant).await?;
    invariants.assert_unchanged().await
}

async fn objects_end_at_the_quota(space: &NamespacePair) -> Outcome {
    let (guest, host) = (space.guest(), space.host());
    let service = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "NodePort", "ports": [{"port": 80}]},
        })
    };
    guest.create(&service("first")).await?;
    host.has_object("v1", "Service", "first").await?;
    guest.create(&service("second")).await?;
    attack::event_of(guest, "second", "services.nodeports=1").await?;
    ensure!(host.names_of("v1", "Service").await? == ["first"]);
    guest.delete_object("v1", "Service", "first").await?;
    host.has_object("v1", "Service", "second").await?;

    let pod = |name: &str| {
        serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"containers": [{"name": "app", "image": "none"}], "terminationGracePeriodSeconds": 0},
        }))
    };
    for name in ["one", "two"] {
        attack::create_pod(space, &pod(name)?).await?;
        host.has_object("v1", "Pod", name).await?;
    }
    attack::create_pod(space, &pod("three")?).await?;
    attack::event_of(guest, "three", "pods=2").await?;
    ensure!(host.names_of("v1", "Pod").await? == ["one", "two"]);
    for name in ["one", "two"] {
        guest.delete_object("v1", "Pod", name).await?;
    }
    host.has_object("v1", "Pod", "three").await
}

/// Fills the limit of bytes: a pod that never starts names ConfigMaps, so the syncer copies them to the host.
async fn bytes_end_before_the_hosts_store_is_full(space: &NamespacePair) -> Outcome {
    let (guest, host) = (space.guest(), space.host());
    let names = ["fill-1", "fill-2", "fill-3", "fill-4", "fill-5"];
    for name in names {
        let much = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"much": "x".repeat(LARGE)},
        });
        guest.create(&much).await?;
    }
    let variables: Vec<_> = names
        .iter()
        .map(|name| json!({"configMapRef": {"name": name}}))
        .collect();
    let pod = json!({
        "metadata": {"name": "names-all"},
        "spec": {"containers": [{"name": "app", "image": "none", "envFrom": variables}]},
    });
    attack::create_pod(space, &serde_json::from_value(pod)?).await?;
    attack::event_of_any(guest, &names, "of at most 4.0 MiB").await?;
    let filled = host.names_of("v1", "ConfigMap").await?;
    let filled = filled.iter().filter(|name| name.starts_with("fill-")).count();
    ensure!(filled <= 4, "{filled} of them are on the host");

    // A small object is still synced.
    let small = Component::redis("small");
    guest.apply(&small).await?;
    host.has(&small).await?;
    Ok(())
}
