//! Objects of host namespaces that a values file maps, with the roles that the chart creates for them.

use http::Method;
use provision::helm::{Chart, Release};
use serde_json::{Value, json};

use crate::rig::{Host, Side, Tenant, namespace, unique};
use crate::rules::define;

#[tokio::test]
async fn what_a_values_file_maps_is_shown_and_nothing_else_can_be_read() {
    let host = Host::shared().await.admin().await;
    let (some, all) = (unique("some"), unique("all"));
    for name in [&some, &all] {
        host.create(namespace(name)).await;
    }
    let tenant = Tenant::with_values("mapped", &values(&some, &all)).await;
    let guest = tenant.guest().await;
    let corner = guest.within("corner");

    let (some, all, own) = (
        host.within(&some),
        host.within(&all),
        host.within(tenant.namespace()),
    );
    for (side, object, copy) in [
        (&some, config_map("settings"), "renamed"),
        (&all, config_map("house"), "house"),
        (&own, config_map("beside"), "beside"),
        (&some, secret("password"), "password"),
    ] {
        let kind = object["kind"].as_str().expect("it has one").to_owned();
        let from = object["metadata"]["name"]
            .as_str()
            .expect("it has one")
            .to_owned();
        let theirs = side.create(object).await;
        corner.shows(&kind, copy, "/data", theirs["data"].clone()).await;
        corner.merge(&kind, copy, &json!({"data": {"a": "WQ=="}})).await;
        corner.shows(&kind, copy, "/data", theirs["data"].clone()).await;
        let after = side.get(&kind, &from).await.expect("it stays");
        assert_eq!(after, theirs);
        side.delete(&kind, &from).await;
        corner.until_gone(&kind, copy).await;
    }
    reads_no_more(&tenant, &some, &all, &own).await;
}

/// The notation of vcluster: an empty text, and a namespace alone.
#[tokio::test]
async fn all_beside_the_control_plane_is_shown_by_an_empty_text() {
    let values = "experimental: {multiNamespaceMode: {enabled: true}}\nsync:\n  fromHost:\n    configMaps:\n      \
                  enabled: true\n      mappings: {byName: {'': around}}\n";
    let tenant = Tenant::with_values("around", values).await;
    let own = tenant.host().await.within(tenant.namespace());
    let around = tenant.guest().await.within("around");
    let theirs = own.create(config_map("beside")).await;
    around
        .shows("ConfigMap", "beside", "/data", theirs["data"].clone())
        .await;
    own.delete("ConfigMap", "beside").await;
    around.until_gone("ConfigMap", "beside").await;
}

#[tokio::test]
async fn a_service_of_the_host_leads_where_it_leads_there() {
    let host = Host::shared().await.admin().await;
    let there = unique("stores");
    host.create(namespace(&there)).await;
    let values = format!(
        "multiNamespaceMode: {{enabled: true}}\nmapServices:\n  fromHost:\n  - {{from: {there}/redis, to: corner/store}}\n  \
         - {{from: {there}/peers, to: corner/peers}}\n"
    );
    let tenant = Tenant::with_values("served", &values).await;
    let (corner, there) = (tenant.guest().await.within("corner"), host.within(&there));

    let service = |name: &str| {
        json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"ports": [{"name": "redis", "port": 6379}]},
        })
    };
    let theirs = there.create(service("redis")).await;
    let ours = corner.appears("Service", "store").await;
    assert_eq!(ours["spec"]["clusterIP"], theirs["spec"]["clusterIP"]);
    assert_eq!(ours["spec"]["ports"], theirs["spec"]["ports"]);

    // One without an address of its own is found by those that it leads to.
    let mut headless = service("peers");
    headless["spec"]["clusterIP"] = json!("None");
    there.create(headless).await;
    let endpoints = json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "peers"},
        "subsets": [{
            "addresses": [{"ip": "10.1.2.3", "hostname": "peer-0", "nodeName": "theirs"}],
            "ports": [{"name": "redis", "port": 6379}],
        }],
    });
    there.create(endpoints).await;
    let addresses = "/subsets/0/addresses";
    corner
        .shows(
            "Endpoints",
            "peers",
            addresses,
            json!([{"ip": "10.1.2.3", "hostname": "peer-0"}]),
        )
        .await;
    assert_eq!(
        corner.appears("Service", "peers").await["spec"]["clusterIP"],
        "None"
    );
    let moved =
        json!({"subsets": [{"addresses": [{"ip": "10.1.2.4"}], "ports": [{"name": "redis", "port": 6379}]}]});
    there.merge("Endpoints", "peers", &moved).await;
    corner
        .shows("Endpoints", "peers", addresses, json!([{"ip": "10.1.2.4"}]))
        .await;

    // On the host, it needs nothing in the tenant's namespace.
    let mirrors = host.within(&tenant.host_namespace("corner"));
    for kind in ["Service", "EndpointSlice"] {
        assert_eq!(mirrors.list(kind).await, Vec::<Value>::new());
    }
    for (kind, name, copy) in [("Service", "redis", "store"), ("Endpoints", "peers", "peers")] {
        there.delete(kind, name).await;
        corner.until_gone(kind, copy).await;
    }
    let account = tenant.account().await.within(there.namespace());
    for path in [
        account.path("Service", "other"),
        account.path("Service", ""),
        account.path("Endpoints", ""),
    ] {
        assert_eq!(code(&account, &path).await, Some(403), "{path}");
    }
}

/// A kind can be exported from the tenant and imported from the host's administrator; the one is not taken for the other.
#[tokio::test]
async fn a_kind_by_resource_is_shown_from_the_namespaces_that_are_mapped() {
    let host = Host::shared().await.admin().await;
    let group = "plans.example.com";
    define(&host, group, "Namespaced", "Plan", "plans", json!({"status": {}})).await;
    let (some, all) = (unique("some"), unique("all"));
    for name in [&some, &all] {
        host.create(namespace(name)).await;
    }
    let exported = format!(
        r"
sync:
  toHost:
    namespaces: {{enabled: true}}
    customResources: {{plans.{group}: {{enabled: true}}}}
"
    );
    let values = format!(
        r#"{exported}
  fromHost:
    customResources:
      plans.{group}:
        enabled: true
        scope: Namespaced
        mappings:
          byName: {{"{some}/house": "corner/renamed", "{all}/*": "corner/*"}}
"#
    );
    let mut tenant = Tenant::with_values("plans", &values).await;
    let corner = tenant.guest().await.within("corner");
    let (some, all) = (host.within(&some), host.within(&all));
    let plan = |name: &str| {
        json!({
            "apiVersion": format!("{group}/v1"), "kind": "Plan", "metadata": {"name": name}, "spec": {"size": 1},
        })
    };
    for (side, name, copy) in [(&some, "house", "renamed"), (&all, "garden", "garden")] {
        side.create(plan(name)).await;
        side.merge_status("Plan", name, &json!({"phase": "Drawn"})).await;
        let ours = corner.shows("Plan", copy, "/status/phase", "Drawn").await;
        assert_eq!(ours["spec"], json!({"size": 1}));
        corner.merge("Plan", copy, &json!({"spec": {"size": 2}})).await;
        corner.shows("Plan", copy, "/spec/size", 1).await;
        side.merge("Plan", name, &json!({"spec": {"size": 3}})).await;
        corner.shows("Plan", copy, "/spec/size", 3).await;
    }

    corner.create(plan("ours")).await;
    let mirrors = host.within(&tenant.host_namespace("corner"));
    mirrors.appears("Plan", "ours").await;
    assert_eq!(mirrors.names("Plan").await, ["ours"]);
    for side in [&some, &all] {
        assert_eq!(side.list("Plan").await.len(), 1);
    }
    for (side, name, copy) in [(&some, "house", "renamed"), (&all, "garden", "garden")] {
        side.delete("Plan", name).await;
        corner.until_gone("Plan", copy).await;
    }
    let account = tenant.account().await;
    for (side, name, may) in [(&some, "house", true), (&some, "", false), (&all, "", true)] {
        let side = account.within(side.namespace());
        let refused = code(&side, &side.path("Plan", name)).await == Some(403);
        assert_eq!(refused, !may, "{name} of {}", side.namespace());
    }
    let made = account.within(all.namespace());
    let made = made.post(&made.path("Plan", ""), &plan("ours")).await;
    assert_eq!(made.expect_err("it is refused").code, 403);

    some.create(plan("house")).await;
    corner.appears("Plan", "renamed").await;
    tenant.stop().await;
    tenant.give_values(&exported);
    tenant.start().await;
    corner.until_gone("Plan", "renamed").await;
    mirrors.until_gone("Plan", "renamed").await;
    assert_eq!(mirrors.names("Plan").await, ["ours"]);
    assert_eq!(corner.names("Plan").await, ["ours"]);
}

#[tokio::test]
async fn what_is_not_shown_any_more_is_deleted_when_the_syncer_starts() {
    let host = Host::shared().await.admin().await;
    let there = unique("former");
    host.create(namespace(&there)).await;
    let there = host.within(&there);
    for object in [config_map("house"), config_map("garden")] {
        there.create(object).await;
    }
    let class = unique("fast");
    host.create(json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": {"name": class}, "provisioner": "a.b/c",
    }))
    .await;
    let values = |classes: bool, mapped: &str| {
        format!(
            "experimental: {{multiNamespaceMode: {{enabled: true}}}}\nsync:\n  fromHost:\n    \
             storageClasses: {{enabled: {classes}}}\n    configMaps: {{enabled: true, mappings: {{byName: {{{mapped}}}}}}}\n"
        )
    };
    let mapped = |name: &str| format!("{}/{name}: corner/{name}", there.namespace());
    let (house, garden) = (mapped("house"), mapped("garden"));
    let mut tenant = Tenant::with_values("former", &values(true, &format!("{house}, {garden}"))).await;
    let guest = tenant.guest().await;
    let corner = guest.within("corner");
    let shown = corner.appears("ConfigMap", "house").await;
    corner.appears("ConfigMap", "garden").await;
    guest.appears("StorageClass", &class).await;
    // A copy by the tenant, with all that the syncer's says of itself.
    let mut own = config_map("own");
    own["metadata"]["annotations"] = shown["metadata"]["annotations"].clone();
    corner.create(own).await;

    tenant.stop().await;
    tenant.give_values(&values(false, &garden));
    tenant.start().await;
    corner.until_gone("ConfigMap", "house").await;
    guest.until_gone("StorageClass", &class).await;
    for kept in ["garden", "own"] {
        assert!(corner.get("ConfigMap", kept).await.is_some(), "{kept}");
    }
}

#[tokio::test]
async fn a_host_namespace_that_does_not_exist_is_named() {
    let host = Host::shared().await;
    let (name, missing) = (unique("nowhere"), unique("missing"));
    let release = Release {
        name: &name,
        namespace: &format!("vcluster-{name}"),
        chart: &Chart::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/chart").into()),
        values: &values(&missing, &missing),
        set: &[],
        compared: true,
    };
    let error = host.helm().install(release).await.expect_err("it is refused");
    let told = format!("{error:?}").replace('\\', "");
    assert!(
        told.contains(&format!("namespaces \"{missing}\" not found")),
        "{told}"
    );
}

/// Checks that the account reads just the objects that are mapped by name, and just that kind where a namespace is mapped.
async fn reads_no_more(tenant: &Tenant, some: &Side, all: &Side, own: &Side) {
    let account = tenant.account().await;
    for (side, kind, name, may) in [
        (some, "ConfigMap", "settings", true),
        (some, "ConfigMap", "other", false),
        (some, "ConfigMap", "", false),
        (some, "Secret", "password", true),
        (some, "Secret", "other", false),
        (some, "Secret", "", false),
        (some, "Pod", "", false),
        (all, "ConfigMap", "", true),
        (all, "Secret", "", false),
        (all, "Secret", "password", false),
        (own, "ConfigMap", "beside", true),
        (own, "ConfigMap", "", false),
        (own, "Secret", "", false),
    ] {
        let path = account.within(side.namespace()).path(kind, name);
        let refused = code(&account, &path).await == Some(403);
        assert_eq!(refused, !may, "{path}");
    }
    for namespace in [some, all] {
        let path = account.within(namespace.namespace()).path("ConfigMap", "");
        let made = account.post(&path, &config_map("ours")).await;
        assert_eq!(made.expect_err("it is refused").code, 403, "{path}");
    }
}

/// Returns the code with which a read is refused.
async fn code(account: &Side, path: &str) -> Option<u16> {
    let answer = account.ask(Method::GET, path, "application/json", None).await;
    answer.err().map(|refusal| refusal.code)
}

fn values(some: &str, all: &str) -> String {
    format!(
        r#"
experimental: {{multiNamespaceMode: {{enabled: true}}}}
sync:
  fromHost:
    configMaps:
      enabled: true
      mappings:
        byName:
          "{some}/settings": "corner/renamed"
          "{all}/*": "corner/*"
          "/beside": "corner/beside"
    secrets:
      enabled: true
      mappings:
        byName: {{"{some}/password": "corner/password"}}
"#
    )
}

fn config_map(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"a": "MQ=="}})
}

fn secret(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "data": {"a": "MQ=="}})
}
