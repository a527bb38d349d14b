//! Secrets that only the host has in a tenant's namespaces are never read by the tenant's objects.

use provision::wait;
use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, run_on};
use crate::rig::{NamespacePair, Side, Tenant, component, unique};

/// Longer than it takes to create a pod on the host, and shorter than the interval of the syncer's regular checks.
const A_WHILE: std::time::Duration = std::time::Duration::from_secs(2);

/// The tenant's value of a Secret, in base64 as the API shows it.
const OURS: &str = "b3Vycw==";

/// Values that show the tenant foreign objects in its host namespaces.
const IMPORT: &str = r"
multiNamespaceMode: {enabled: true}
sync:
  generic:
    config: |
      version: v1beta1
      import:
      - {apiVersion: v1, kind: Secret}
";

#[rstest]
#[case::a_variable(variable(false))]
#[case::all_variables(all_variables(false))]
#[case::a_volume(volume(json!({"secret": {"secretName": "s"}})))]
#[case::a_projected_volume(projected(false))]
#[case::a_drivers_volume(volume(json!({"csi": {"driver": "d", "nodePublishSecretRef": {"name": "s"}}})))]
#[case::a_variable_that_may_be_missing(variable(true))]
#[case::all_variables_that_may_be_missing(all_variables(true))]
#[case::a_volume_that_may_be_missing(volume(json!({"secret": {"secretName": "s", "optional": true}})))]
#[case::a_projected_volume_that_may_be_missing(projected(true))]
#[case::a_pull_secret(pull_secret())]
#[tokio::test]
async fn a_pod_does_not_read_it_and_reads_the_tenants_once_the_name_is_free(#[case] spec: Value) {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    host.create(secret("s", "theirs")).await;
    let later = spec.clone();
    made(guest, pod("app", spec)).await;
    guest
        .has_event("Pod", "app", "that only the host has may not be read")
        .await;

    // A Secret of the tenant's own under that name does not change what the host would read.
    guest.create(secret("s", "ours")).await;
    made(guest, pod("later", later)).await;
    guest
        .has_event("Pod", "later", "which has another Secret of that name")
        .await;
    guest
        .has_event("Secret", "s", "that is not this virtual cluster's")
        .await;
    assert_eq!(host.names("Pod").await, Vec::<String>::new());

    host.delete("Secret", "s").await;
    host.appears("Pod", "app").await;
    host.appears("Pod", "later").await;
    let read = host.get("Secret", "s").await.expect("it is there before the pod");
    assert_eq!(read["data"]["key"], OURS);
}

#[rstest]
#[case::a_variable(variable(false))]
#[case::all_variables(all_variables(false))]
#[case::a_volume(volume(json!({"secret": {"secretName": "s"}})))]
#[case::a_projected_volume(projected(false))]
#[tokio::test]
async fn a_pod_waits_for_a_secret_that_it_needs(#[case] spec: Value) {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    made(guest, pod("app", spec)).await;
    guest
        .has_event("Pod", "app", "is not in this virtual cluster: create it")
        .await;
    assert_eq!(host.names("Pod").await, Vec::<String>::new());
    assert_eq!(host.get("Secret", "s").await, None);

    guest.create(secret("s", "ours")).await;
    host.appears("Pod", "app").await;
    let read = host.get("Secret", "s").await.expect("it is there before the pod");
    assert_eq!(read["data"]["key"], OURS);
}

#[rstest]
#[case::a_variable(variable(true), "Opaque", "key")]
#[case::all_variables(all_variables(true), "Opaque", "key")]
#[case::a_volume(volume(json!({"secret": {"secretName": "s", "optional": true}})), "Opaque", "key")]
#[case::a_projected_volume(projected(true), "Opaque", "key")]
#[case::a_pull_secret(pull_secret(), "kubernetes.io/dockerconfigjson", ".dockerconfigjson")]
#[tokio::test]
async fn a_pod_that_starts_without_a_secret_gets_the_tenants_later_and_none_of_the_hosts(
    #[case] spec: Value,
    #[case] type_: &str,
    #[case] key: &str,
) {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let asked = made(guest, pod("app", spec)).await;
    let theirs = host.appears("Pod", "app").await;
    // It names what it named in the guest. A volume for its token comes after those of its own.
    let names = |pod: &Value| {
        let places = [
            "/containers/0/envFrom",
            "/imagePullSecrets",
            "/volumes/0/secret/secretName",
        ];
        places.map(|place| pod["spec"].pointer(place).cloned())
    };
    assert_eq!(names(&theirs), names(&asked));
    let held = host.get("Secret", "s").await.expect("its name is held");
    assert_eq!(held.get("data"), None);
    let taken = host.try_create(&secret("s", "theirs")).await;
    assert!(taken.is_err(), "{taken:?}");

    let mut ours = secret("s", "ours");
    ours["type"] = json!(type_);
    ours["stringData"] = json!({key: "{}"});
    guest.create(ours).await;
    let read = host.shows("Secret", "s", &format!("/data/{key}"), "e30=").await;
    assert_eq!(read["type"], type_);
    let kept = host.get("Pod", "app").await.expect("it stays");
    assert_eq!(kept["metadata"]["uid"], theirs["metadata"]["uid"]);

    guest.delete("Pod", "app").await;
    host.until_gone("Secret", "s").await;
}

/// A running pod reads the object that has the name at that time.
#[tokio::test]
async fn the_name_of_a_deleted_secret_stays_the_tenants_while_something_names_it() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest.create(secret("s", "ours")).await;
    made(guest, pod("app", all_variables(false))).await;
    host.appears("Pod", "app").await;
    let before = host.get("Secret", "s").await.expect("it is there before the pod");

    guest.delete("Secret", "s").await;
    made(guest, pod("later", all_variables(false))).await;
    guest
        .has_event("Pod", "later", "is not in this virtual cluster: create it")
        .await;
    assert_eq!(host.get("Pod", "later").await, None);
    let kept = host.get("Secret", "s").await.expect("its name is held");
    assert_eq!(kept["metadata"]["uid"], before["metadata"]["uid"]);
    let taken = host.try_create(&secret("s", "theirs")).await;
    assert!(taken.is_err(), "{taken:?}");
    // One that would start without it finds nothing of the old.
    made(guest, pod("without", all_variables(true))).await;
    host.appears("Pod", "without").await;
    let held = host.get("Secret", "s").await.expect("its name is held");
    assert_eq!(held.get("data"), None);

    guest.create(secret("s", "again")).await;
    host.appears("Pod", "later").await;
    host.shows("Secret", "s", "/data/key", "YWdhaW4=").await;
    for name in ["app", "later", "without"] {
        guest.delete("Pod", name).await;
    }
    host.until_gone("Secret", "s").await;
}

/// A kubelet removes optional contents from a running pod.
#[tokio::test]
async fn the_contents_of_a_deleted_secret_go_unless_something_requires_them() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest.create(secret("s", "ours")).await;
    made(guest, pod("without", all_variables(true))).await;
    host.appears("Pod", "without").await;
    let before = host.get("Secret", "s").await.expect("it is there before the pod");
    assert!(before.get("data").is_some());

    guest.delete("Secret", "s").await;
    host.sees("Secret", "s", "no data", |found| {
        found.get("data").is_none().then_some(())
    })
    .await;
    let taken = host.try_create(&secret("s", "theirs")).await;
    assert!(taken.is_err(), "{taken:?}");
    guest.create(secret("s", "again")).await;
    host.shows("Secret", "s", "/data/key", "YWdhaW4=").await;

    guest.delete("Pod", "without").await;
    host.until_gone("Secret", "s").await;
}

#[tokio::test]
async fn a_container_added_to_a_running_pod_does_not_read_it() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    host.create(secret("s", "theirs")).await;
    guest.create(secret("t", "ours")).await;
    made(
        guest,
        pod("app", json!({"containers": [{"name": "app", "image": "a"}]})),
    )
    .await;
    host.appears("Pod", "app").await;
    run_on(host, "app", &unique("node")).await;
    guest.shows("Pod", "app", "/status/phase", "Running").await;
    debug(guest, "reads-theirs", "s").await;
    guest
        .has_event("Pod", "app", "that only the host has may not be read")
        .await;
    let added = |pod: &Value| pod["spec"]["ephemeralContainers"].as_array().map_or(0, Vec::len);
    assert_eq!(added(&host.get("Pod", "app").await.expect("it stays")), 0);
    host.delete("Secret", "s").await;
    guest.create(secret("s", "ours")).await;
    host.shows("Pod", "app", "/spec/ephemeralContainers/0/name", "reads-theirs")
        .await;
    debug(guest, "reads-ours", "t").await;
    host.sees("Pod", "app", "given another", |pod| {
        (added(pod) == 2).then_some(())
    })
    .await;
}

#[rstest]
#[case::for_the_api("dapr.io/api-token-secret", "")]
#[case::for_the_app("dapr.io/app-token-secret", "")]
#[case::as_variables("dapr.io/env-from-secret", "KEY=")]
#[tokio::test]
async fn a_sidecar_does_not_read_it_by_an_annotation_of_the_pods(
    #[case] annotation: &str,
    #[case] variable: &str,
) {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    host.create(secret("theirs", "theirs")).await;
    guest.create(secret("ours", "ours")).await;
    for (name, secret) in [
        ("reads-theirs", "theirs"),
        ("reads-ours", "ours"),
        ("waits", "later"),
    ] {
        let mut pod = pod(name, json!({"containers": [{"name": "app", "image": "a"}]}));
        pod["metadata"]["annotations"] = json!({annotation: format!("{variable}{secret}")});
        made(guest, pod).await;
    }
    host.appears("Pod", "reads-ours").await;
    let read = host
        .get("Secret", "ours")
        .await
        .expect("it is there before the pod");
    assert_eq!(read["data"]["key"], OURS);
    guest
        .has_event("Pod", "reads-theirs", "that only the host has may not be read")
        .await;
    assert_eq!(host.get("Pod", "reads-theirs").await, None);
    guest
        .has_event("Pod", "waits", "is not in this virtual cluster: create it")
        .await;
    guest.create(secret("later", "ours")).await;
    host.appears("Pod", "waits").await;
}

/// Dapr's injector adds the container that a Component has in an annotation to pods.
#[tokio::test]
async fn the_container_of_a_pluggable_component_does_not_read_it_and_waits_for_the_tenants() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    host.create(secret("theirs", "theirs")).await;
    let values = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"}, "data": {"key": "ours"}});
    guest.create(values).await;
    for (name, secret) in [("reads-theirs", "theirs"), ("waits", "later")] {
        let sources = json!([{"secretRef": {"name": secret}}, {"configMapRef": {"name": "values"}}]);
        let container = json!({"name": "plug", "image": "a", "envFrom": sources});
        let mut component = component(name, "1");
        component["metadata"]["annotations"] = json!({"dapr.io/component-container": container.to_string()});
        guest.create(component).await;
    }
    guest
        .has_event(
            "Component",
            "reads-theirs",
            "that only the host has may not be read",
        )
        .await;
    guest
        .has_event("Component", "waits", "is not in this virtual cluster: create it")
        .await;
    host.shows("ConfigMap", "values", "/data/key", "ours").await;
    assert_eq!(host.names("Component").await, Vec::<String>::new());
    guest.create(secret("later", "ours")).await;
    host.appears("Component", "waits").await;
    let read = host.get("Secret", "later").await;
    assert_eq!(
        read.expect("it is there before the Component")["data"]["key"],
        OURS
    );
}

/// Dapr's operator reads, on the host, the Secrets that a Component names.
#[tokio::test]
async fn a_component_does_not_read_it_and_waits_for_the_tenants() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    host.create(secret("theirs", "theirs")).await;
    guest.create(reading("reads-theirs", "theirs")).await;
    guest
        .has_event(
            "Component",
            "reads-theirs",
            "that only the host has may not be read",
        )
        .await;
    guest.create(reading("early", "ours")).await;
    guest
        .has_event("Component", "early", "is not in this virtual cluster: create it")
        .await;
    let mut elsewhere = reading("elsewhere", "theirs");
    elsewhere["auth"] = json!({"secretStore": "vault"});
    guest.create(elsewhere).await;
    host.appears("Component", "elsewhere").await;
    assert_eq!(host.names("Component").await, ["elsewhere"]);

    guest.create(secret("ours", "ours")).await;
    host.appears("Component", "early").await;
    let read = host.get("Secret", "ours").await;
    assert_eq!(
        read.expect("it is there before the Component")["data"]["key"],
        OURS
    );
    guest.create(reading("late", "ours")).await;
    host.appears("Component", "late").await;

    // One that is there already is not changed into one that reads it either.
    let theirs = json!({"spec": reading("late", "theirs")["spec"]});
    guest.merge("Component", "late", &theirs).await;
    guest
        .has_event("Component", "late", "that only the host has may not be read")
        .await;
    let kept = host.get("Component", "late").await.expect("it stays");
    assert_eq!(kept["spec"], reading("late", "ours")["spec"]);
}

#[tokio::test]
async fn one_that_is_shown_is_read_and_a_token_never() {
    let tenant = Tenant::with_values("reads-shown", IMPORT).await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);
    // Both at once: what is missing is waited for, and read as soon as it is shown.
    made(guest, pod("early", all_variables(false))).await;
    guest
        .has_event("Pod", "early", "is not in this virtual cluster: create it")
        .await;
    let theirs = host.create(secret("s", "theirs")).await;
    let copy = guest.appears("Secret", "s").await;
    assert_eq!(copy["data"], theirs["data"]);
    host.appears("Pod", "early").await;
    for (name, spec) in [
        ("variables", all_variables(false)),
        ("volume", volume(json!({"secret": {"secretName": "s"}}))),
        ("pulls", pull_secret()),
    ] {
        made(guest, pod(name, spec)).await;
        host.appears("Pod", name).await;
    }
    let kept = host.get("Secret", "s").await.expect("it stays");
    assert_eq!(
        [&kept["metadata"]["uid"], &kept["data"]],
        [&theirs["metadata"]["uid"], &theirs["data"]]
    );

    let account = format!("vc-workload-{}", tenant.name());
    let mut token = secret("token", "theirs");
    token["type"] = json!("kubernetes.io/service-account-token");
    token["metadata"]["annotations"] = json!({"kubernetes.io/service-account.name": account});
    host.create(token).await;
    for optional in [false, true] {
        let name = format!("reads-token-{optional}");
        let source = json!({"secret": {"secretName": "token", "optional": optional}});
        made(guest, pod(&name, volume(source))).await;
        guest
            .has_event("Pod", &name, "that only the host has may not be read")
            .await;
        assert_eq!(host.get("Pod", &name).await, None);
    }
    // Nor by what only looks like a copy.
    let mut forged = secret("token", "ours");
    forged["metadata"]["annotations"] = json!({"vcluster.loft.sh/controlled-by": "secret/v1/GenericImport"});
    guest.create(forged).await;
    wait::rest(A_WHILE).await;
    assert_eq!(host.get("Pod", "reads-token-false").await, None);
}

/// ConfigMaps of the host are not secret; but the tenant's own is not mistaken for the host's.
#[tokio::test]
async fn a_config_map_that_only_the_host_has_is_read_and_none_in_the_place_of_the_tenants() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let values = |name: &str, value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"key": value}});
    let reading = |name: &str| volume(json!({"configMap": {"name": name}}));
    host.create(values("theirs", "theirs")).await;
    made(guest, pod("reads-theirs", reading("theirs"))).await;
    host.appears("Pod", "reads-theirs").await;

    host.create(values("both", "theirs")).await;
    guest.create(values("both", "ours")).await;
    made(guest, pod("reads-ours", reading("both"))).await;
    guest
        .has_event("Pod", "reads-ours", "which has another ConfigMap of that name")
        .await;
    assert_eq!(host.get("Pod", "reads-ours").await, None);
    host.delete("ConfigMap", "both").await;
    host.appears("Pod", "reads-ours").await;
}

fn pod(name: &str, spec: Value) -> Value {
    let mut pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}});
    pod["spec"] = spec;
    pod
}

fn variable(optional: bool) -> Value {
    let key = json!({"name": "s", "key": "key", "optional": optional});
    let variables = json!([{"name": "KEY", "valueFrom": {"secretKeyRef": key}}]);
    json!({"containers": [{"name": "app", "image": "a", "env": variables}]})
}

fn all_variables(optional: bool) -> Value {
    let all = json!([{"secretRef": {"name": "s", "optional": optional}}]);
    json!({"containers": [{"name": "app", "image": "a", "envFrom": all}]})
}

fn projected(optional: bool) -> Value {
    volume(json!({"projected": {"sources": [{"secret": {"name": "s", "optional": optional}}]}}))
}

fn pull_secret() -> Value {
    json!({"containers": [{"name": "app", "image": "a"}], "imagePullSecrets": [{"name": "s"}]})
}

fn volume(source: Value) -> Value {
    let mut volume = source;
    volume["name"] = json!("volume");
    json!({"containers": [{"name": "app", "image": "a"}], "volumes": [volume]})
}

/// A Component that reads a value from a Secret.
fn reading(name: &str, secret: &str) -> Value {
    let mut component = component(name, "1");
    component["spec"]["metadata"] =
        json!([{"name": "redisPassword", "secretKeyRef": {"name": secret, "key": "key"}}]);
    component
}

fn secret(name: &str, value: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque",
        "stringData": {"key": value},
    })
}

/// Adds an ephemeral container that reads a Secret.
async fn debug(guest: &Side, name: &str, secret: &str) {
    let path = format!("{}/ephemeralcontainers", guest.path("Pod", "app"));
    let mut all = guest.get("Pod", "app").await.expect("it is there")["spec"]["ephemeralContainers"].clone();
    let container = json!({
        "name": name, "image": "example.com/tools:1", "targetContainerName": "app",
        "envFrom": [{"secretRef": {"name": secret}}],
    });
    match all.as_array_mut() {
        Some(all) => all.push(container),
        None => all = json!([container]),
    }
    let changes = json!({"spec": {"ephemeralContainers": all}});
    guest.patch(&path, &changes).await.expect("it is added");
}
