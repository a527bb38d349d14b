//! Foolish and hostile actions of a tenant in its own cluster: none of them affects others.

use futures::{StreamExt, stream};
use http::Method;
use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{NamespacePair, Tenant, VALUE, component, namespace, unique};
use crate::rules::define;

/// Maximum length of a DNS label.
const LONGEST: usize = 63;

#[tokio::test]
async fn an_administrator_who_deletes_everything_only_hurts_its_own() {
    let another = NamespacePair::shared().await;
    another.guest.create(component("theirs", "1")).await;
    let theirs = another.host.shows("Component", "theirs", VALUE, "1").await;
    let tenant = Tenant::new("deletes").await;
    let host = tenant.host().await;
    let definition = host.get("CustomResourceDefinition", "components.dapr.io").await;
    tenant.guest().await.create(namespace("own")).await;
    let space = tenant.space("own").await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;

    let guest = tenant.guest().await;
    // But for Kubernetes' own roles, without which its controllers stand still until the API server starts again.
    for path in [
        "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
        "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies",
        "/apis/apiregistration.k8s.io/v1/apiservices",
        "/api/v1/nodes",
        "/api/v1/persistentvolumes",
        "/apis/apps/v1/namespaces/kube-system/deployments",
        "/api/v1/namespaces/kube-system/services",
        "/api/v1/namespaces/kube-system/configmaps",
        "/api/v1/namespaces/kube-system/secrets",
        "/api/v1/namespaces/kube-system/serviceaccounts",
        "/api/v1/namespaces/default/services",
        "/api/v1/namespaces/default/serviceaccounts",
    ] {
        let deleted = guest.ask(Method::DELETE, path, "application/json", None).await;
        deleted.unwrap_or_else(|refusal| panic!("{path}: {refusal}"));
    }
    guest.delete("Namespace", "own").await;
    let protected = guest
        .ask(
            Method::DELETE,
            "/api/v1/namespaces/kube-system",
            "application/json",
            None,
        )
        .await;
    assert_eq!(protected.expect_err("Kubernetes keeps it").code, 403);

    // The tenant's own goes with it, and the virtual cluster goes on.
    guest.until_gone("Namespace", "own").await;
    host.until_gone("Namespace", space.host.namespace()).await;
    guest
        .appears("CustomResourceDefinition", "components.dapr.io")
        .await;
    // Without DNS no pod would be made any more.
    let system = guest.within("kube-system");
    system.appears("Service", "kube-dns").await;
    system.appears("Deployment", "coredns").await;
    guest.create(namespace("again")).await;
    let space = tenant.space("again").await;
    let idle = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "idle"},
        "spec": {"containers": [{"name": "idle", "image": "none"}]},
    });
    let path = space.guest.path("Pod", "");
    space.guest.takes(&path, &idle).await;
    space.host.appears("Pod", "idle").await;
    let path = space.guest.path("Component", "");
    space.guest.takes(&path, &component("store", "2")).await;
    space.host.shows("Component", "store", VALUE, "2").await;
    assert_eq!(another.host.get("Component", "theirs").await, Some(theirs));
    let after = host.get("CustomResourceDefinition", "components.dapr.io").await;
    assert_eq!(after, definition);
}

/// All values that a tenant forges are called `forged`, and none of them is on the host.
#[tokio::test]
async fn annotations_that_a_tenant_forges_do_not_reach_the_host() {
    let tenant = Tenant::shared().await;
    let guest = tenant.guest().await;
    let forge = |mut object: Value| {
        object["metadata"]["labels"] = json!({
            "vcluster.loft.sh/managed-by": "forged",
            "vcluster.loft.sh/vcluster-name": "forged",
            "vcluster.loft.sh/vcluster-namespace": "forged",
            "shared-dapr.io/anything": "forged",
        });
        object["metadata"]["annotations"] = json!({
            "vcluster.loft.sh/object-name": "forged",
            "vcluster.loft.sh/object-namespace": "forged",
            "vcluster.loft.sh/object-uid": "forged",
            "vcluster.loft.sh/object-host-namespace": "forged",
            "vcluster.loft.sh/controlled-by": "forged",
            "vcluster.loft.sh/anything": "forged",
            "shared-dapr.io/synced-into": "forged",
            "shared-dapr.io/replica-of": "forged",
            "shared-dapr.io/anything": "forged",
        });
        object
    };
    let name = unique("forging");
    guest.create(forge(namespace(&name))).await;
    let space = tenant.space(&name).await;
    let mirrors = space.host.everywhere();
    let named =
        |kind: &str, name: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}});
    space.guest.create(forge(named("ConfigMap", "values"))).await;
    space.guest.create(forge(named("Secret", "password"))).await;
    space.guest.create(forge(service_named("served"))).await;
    made(&space.guest, forge(pod("app"))).await;

    let mut mirrors = vec![mirrors.appears("Namespace", space.host.namespace()).await];
    for (kind, name) in [
        ("ConfigMap", "values"),
        ("Secret", "password"),
        ("Service", "served"),
        ("Pod", "app"),
    ] {
        mirrors.push(space.host.appears(kind, name).await);
    }
    for mirror in mirrors {
        assert!(!mirror["metadata"].to_string().contains("forged"), "{mirror}");
        let object_name = &mirror["metadata"]["annotations"]["vcluster.loft.sh/object-name"];
        assert!(object_name.is_string(), "{mirror}");
    }
}

#[tokio::test]
async fn names_of_the_longest_kind_are_synced() {
    let name = longest("n", 53);
    let tenant = Tenant::named(&name, &longest("vcluster", LONGEST)).await;
    let within = longest("guest", LONGEST);
    tenant.guest().await.create(namespace(&within)).await;
    let space = tenant.space(&within).await;
    let store = longest("store", LONGEST);
    let longer = vec![longest("a", 61); 4].join(".") + ".a";
    for component_name in [&store, &longer] {
        space.guest.create(component(component_name, "1")).await;
        space.host.shows("Component", component_name, VALUE, "1").await;
    }
    let service = longest("service", LONGEST);
    space.guest.create(service_named(&service)).await;
    space.host.appears("Service", &service).await;
    let pod = longest("pod", LONGEST);
    let container = longest("container", LONGEST);
    space
        .guest
        .create(json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod},
            "spec": {"containers": [{"name": container, "image": "none"}]},
        }))
        .await;
    let made = space.host.appears("Pod", &pod).await;
    assert_eq!(made["spec"]["containers"][0]["name"], container);

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
}

#[rstest]
#[case::a_component("Component")]
#[case::a_config_map("ConfigMap")]
#[case::a_secret("Secret")]
#[tokio::test]
async fn an_object_of_almost_a_mebibyte_arrives_whole(#[case] kind: &str) {
    let space = NamespacePair::shared().await;
    // Of any object, an API server takes 1.5 MiB; of a config map's and a Secret's data, 1 MiB.
    let long = "x".repeat((1 << 20) - 64);
    match kind {
        "Component" => {
            space.guest.create(component("long", long.as_str())).await;
            space.host.shows(kind, "long", VALUE, long).await;
        }
        "ConfigMap" => {
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "long"}, "data": {"key": long}});
            space.guest.create(object).await;
            space.guest.create(pod_that_names(kind, "long")).await;
            space.host.shows(kind, "long", "/data/key", long).await;
        }
        _ => {
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "long"}, "stringData": {"key": long}});
            let encoded = space.guest.create(object).await["data"]["key"].clone();
            space.guest.create(pod_that_names(kind, "long")).await;
            space.host.shows(kind, "long", "/data/key", encoded).await;
        }
    }
}

#[rstest]
#[case::short(40)]
#[ignore = "takes the better part of a minute"]
#[case::long(400)]
#[tokio::test]
async fn a_storm_of_changes_ends_with_the_last_and_delays_nobody(#[case] changes: usize) {
    let space = NamespacePair::shared().await;
    let keys: Value = (0..5_000).map(|key| (format!("key-{key}"), json!("0"))).collect();
    space
        .guest
        .create(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "storm"}, "data": keys}))
        .await;
    space.guest.create(pod_that_names("ConfigMap", "storm")).await;
    space.host.appears("ConfigMap", "storm").await;

    let storm = stream::iter(1..=changes).for_each(|change| {
        let change =
            json!({"data": {format!("key-{change}"): change.to_string(), "last": change.to_string()}});
        let guest = &space.guest;
        async move {
            guest.merge("ConfigMap", "storm", &change).await;
        }
    });
    let beside = async {
        space.guest.create(component("beside", "1")).await;
        space.host.shows("Component", "beside", VALUE, "1").await;
    };
    futures::join!(storm, beside);

    let last = space
        .host
        .shows("ConfigMap", "storm", "/data/last", changes.to_string())
        .await;
    let guest = space.guest.get("ConfigMap", "storm").await.expect("it is there");
    assert_eq!(last["data"], guest["data"]);
}

/// CRDs and objects that only look like the host's.
#[rstest]
#[case::its_group("dapr.io", "componentz", "Componentz")]
#[case::another_group("dapr.io.example.com", "components", "Component")]
#[case::a_core_kind("v1.example.com", "namespaces", "Namespace")]
#[tokio::test]
async fn a_crd_that_looks_like_the_hosts_is_the_tenants_own(
    #[case] group: &str,
    #[case] plural: &str,
    #[case] kind: &str,
) {
    let tenant = Tenant::shared().await;
    let space = NamespacePair::shared().await;
    let guest = tenant.guest().await;
    let host = tenant.host().await;
    let name = format!("{plural}.{group}");
    define(&guest, group, "Namespaced", kind, plural, Value::Null).await;
    let path = format!("/apis/{group}/v1/namespaces/{}/{plural}", space.guest.namespace());
    let object = json!({"apiVersion": format!("{group}/v1"), "kind": kind, "metadata": {"name": "forged"}});
    space.guest.takes(&path, &object).await;

    // What is exported beside it has come; this has not.
    space.guest.create(component("beside", "1")).await;
    space.host.shows("Component", "beside", VALUE, "1").await;
    assert_eq!(space.host.names("Component").await, ["beside"]);
    assert_eq!(host.get("CustomResourceDefinition", &name).await, None);
    guest.delete("CustomResourceDefinition", &name).await;
}

/// Returns a unique name of this length.
fn longest(stem: &str, length: usize) -> String {
    format!("{:x<length$}", unique(stem))
}

fn service_named(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "none"}},
    })
}

/// Returns a pod that names an object, so that the object has a mirror.
fn pod_that_names(kind: &str, name: &str) -> Value {
    let source = if kind == "Secret" {
        "secretRef"
    } else {
        "configMapRef"
    };
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": unique("names-it")},
        "spec": {"containers": [{"name": "app", "image": "none", "envFrom": [{source: {"name": name}}]}]},
    })
}
