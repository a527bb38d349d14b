//! The syncer's chart accepts values files of each dialect: checks of the rendered objects, without a cluster.

/// Helm on the syncer's chart.
mod helm;

use helm::{Rendered, lint, refused, template};
use rstest::rstest;
use serde_json::{Value, json};

#[rstest]
#[case("blog.0.15.yaml")]
#[case("blog.0.20.yaml")]
#[case("blog.0.28.yaml")]
#[case("plain.0.15.yaml")]
#[case("plain.0.20.yaml")]
#[case("plain.0.28.yaml")]
#[case("patches.0.15.yaml")]
#[case("patches.0.20.yaml")]
#[case("from-host.0.20.yaml")]
#[case("from-host.0.28.yaml")]
#[case("named.0.28.yaml")]
#[tokio::test]
async fn a_file_is_taken_as_it_stands(#[case] name: &str) {
    lint(name).await;
    let Rendered { values, .. } = template(name).await;
    let given = vcluster_values::parse(&helm::fixture(name), name).expect("the file is fine");
    let read = vcluster_values::parse(&values, "the Secret").expect("it is what was given");
    // What the chart says below it is of the programs alone.
    assert_eq!(read.sync, given.sync);
    assert_eq!(read.to_host, given.to_host);
    assert_eq!(read.from_host, given.from_host);
    assert_eq!(read.networking, given.networking);
    assert_eq!(read.namespaces, given.namespaces);
}

#[rstest]
#[case::blog("blog.0.15.yaml", "blog.0.20.yaml")]
#[case::plain("plain.0.15.yaml", "plain.0.20.yaml")]
#[case::plain_newest("plain.0.15.yaml", "plain.0.28.yaml")]
#[case::patches("patches.0.15.yaml", "patches.0.20.yaml")]
#[case::from_host("from-host.0.20.yaml", "from-host.0.28.yaml")]
#[tokio::test]
async fn the_same_is_made_of_each_dialect(#[case] one: &str, #[case] other: &str) {
    let (one, other) = (template(one).await, template(other).await);
    assert!(one.objects.len() > 10);
    assert_eq!(one.objects, other.objects);
    assert_ne!(one.values, other.values);
}

#[tokio::test]
async fn what_the_file_says_is_what_the_pod_is() {
    let rendered = template("plain.0.28.yaml").await;
    let pod = rendered.object("StatefulSet").pointer("/spec/template/spec");
    let pod = pod.expect("it has a pod");
    let container = |name: &str| {
        let containers = ["initContainers", "containers"].map(|of| pod[of].as_array());
        let mut containers = containers.into_iter().flatten().flatten();
        containers
            .find(|container| container["name"] == name)
            .expect("it is there")
            .clone()
    };
    let mirror = "registry.example.com/mirror/";
    assert_eq!(
        container("etcd")["image"],
        format!("{mirror}registry.k8s.io/etcd:3.6.8-0")
    );
    assert_eq!(
        container("syncer")["image"],
        format!("{mirror}registry.example.com:5000/team/syncer:1.2.3")
    );
    // What the chart says itself comes last, and so counts.
    for name in ["init", "syncer"] {
        let env = &container(name)["env"];
        assert_eq!(
            env[0],
            json!({"name": "HTTPS_PROXY", "value": "http://proxy.example.com"})
        );
        assert!(env.as_array().is_some_and(|env| env.len() > 1), "{env}");
    }
    let arguments = container("kube-apiserver")["command"].to_string();
    assert!(
        arguments.contains("--v=2") && arguments.contains("10.43.0.0/16"),
        "{arguments}"
    );
    // Of the file, of its `defaults`, and of the chart's.
    let controller = container("kube-controller-manager");
    assert_eq!(
        controller["resources"],
        json!({"requests": {"cpu": "16m", "memory": "50Mi"}})
    );
    assert_eq!(pod["nodeSelector"], json!({"kubernetes.io/os": "linux"}));
    assert_eq!(
        rendered.object("Service").pointer("/spec/type"),
        Some(&json!("NodePort"))
    );
}

/// Every pod of the host reaches all ports at the pod's address.
#[tokio::test]
async fn the_control_plane_tells_nothing_to_whoever_reaches_its_pod() {
    let rendered = template("plain.0.28.yaml").await;
    let pod = rendered.object("StatefulSet").pointer("/spec/template/spec");
    let pod = pod.expect("it has a pod");
    let words = |of: &str, name: &str, field: &str| -> Vec<String> {
        let containers = pod[of].as_array().expect("it has some").iter();
        let mut found = containers.filter(|container| container["name"] == name);
        let found = found.next().expect("it is there");
        serde_json::from_value(found[field].clone()).expect("they are texts")
    };
    let etcd = words("initContainers", "etcd", "command");
    let listens: Vec<_> = (etcd.iter())
        .filter(|word| word.starts_with("--listen-"))
        .collect();
    assert!(
        listens.len() == 3 && listens.iter().all(|word| word.contains("=http://127.0.0.1:")),
        "{listens:?}"
    );
    let syncer = words("containers", "syncer", "args");
    assert!(
        syncer.contains(&"--metrics=127.0.0.1:8081".to_owned()),
        "{syncer:?}"
    );
    let policy = rendered.named("NetworkPolicy", "team-a");
    assert_eq!(
        policy["spec"],
        json!({
            "podSelector": {"matchLabels": {"app": "vcluster", "release": "team-a"}},
            "policyTypes": ["Ingress"],
            "ingress": [{"ports": [{"protocol": "TCP", "port": 6443}]}],
        })
    );
    // Whose pod it is.
    let labels = &rendered.object("StatefulSet")["spec"]["template"]["metadata"]["labels"];
    for (name, value) in [("app", "vcluster"), ("release", "team-a")] {
        assert_eq!(labels[name], value);
    }
}

#[tokio::test]
async fn the_secret_has_the_charts_defaults_as_they_were() {
    let values: Value =
        serde_saphyr::from_str(&template("plain.0.20.yaml").await.values).expect("it is YAML");
    assert_eq!(values.pointer("/defaults/api/extraArgs"), Some(&json!([])));
}

#[tokio::test]
async fn kinds_that_are_named_by_resource_bring_their_rules() {
    let roles = template("blog.0.28.yaml").await;
    let tenant = roles.named("ClusterRole", "vc-team-a-v-vcluster-team-a-tenant");
    let rules = tenant["rules"].as_array().expect("it has rules");
    let of_dapr: Vec<_> = (rules.iter())
        .filter(|rule| rule["apiGroups"] == json!(["dapr.io"]))
        .map(|rule| rule["resources"].clone())
        .collect();
    assert_eq!(
        of_dapr,
        [
            json!(["components", "components/status"]),
            json!(["subscriptions", "subscriptions/status"])
        ]
    );
}

#[tokio::test]
async fn what_is_mapped_from_a_namespace_may_be_read_there() {
    let rendered = template("from-host.0.28.yaml").await;
    let roles = rendered.objects.iter().filter(|object| object["kind"] == "Role");
    let of_mappings = roles.filter(|role| role["metadata"]["name"] == "vc-team-a-v-vcluster-team-a-shown");
    let rules: serde_json::Map<_, _> = of_mappings
        .map(|role| {
            let namespace = role["metadata"]["namespace"].as_str().expect("it has one");
            (namespace.to_owned(), role["rules"].clone())
        })
        .collect();
    let verbs = ["get", "list", "watch"];
    let named = |name: &str| json!([{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": [name], "verbs": verbs}]);
    assert_eq!(
        Value::from(rules),
        json!({
            "shared": named("settings"),
            "vcluster-team-a": named("own"),
            "certs": [{"apiGroups": [""], "resources": ["secrets"], "verbs": verbs}],
        })
    );
}

#[tokio::test]
async fn a_kind_of_the_whole_host_is_read_there_and_nothing_else_is() {
    let roles = template("named.0.28.yaml").await;
    let of_the_group = |role: &str| -> Vec<Value> {
        let role = roles.named("ClusterRole", role);
        let rules = role["rules"].as_array().expect("it has rules").iter();
        rules
            .filter(|rule| rule["apiGroups"] == json!(["cert-manager.io"]))
            .cloned()
            .collect()
    };
    assert_eq!(
        of_the_group("vc-team-a-v-vcluster-team-a"),
        [json!({
            "apiGroups": ["cert-manager.io"], "resources": ["clusterissuers"], "verbs": ["get", "list", "watch"],
        })]
    );
    let own = of_the_group("vc-team-a-v-vcluster-team-a-tenant");
    assert_eq!(own.len(), 1);
    assert_eq!(
        own[0]["resources"],
        json!(["certificates", "certificates/status"])
    );
}

#[tokio::test]
async fn a_mapped_kind_is_read_where_it_is_mapped_and_nowhere_else() {
    let rendered = template("named.0.28.yaml").await;
    let of_the_group = |role: &Value| -> Vec<Value> {
        let rules = role["rules"].as_array().expect("it has rules").iter();
        rules
            .filter(|rule| rule["apiGroups"] == json!(["dapr.io"]))
            .cloned()
            .collect()
    };
    let mut roles = rendered.objects.iter().filter(|object| {
        let is_role = object["kind"] == "Role" || object["kind"] == "ClusterRole";
        is_role && !of_the_group(object).is_empty()
    });
    let role = roles.next().expect("there is a role for it");
    assert_eq!(role["metadata"]["namespace"], "platform");
    assert_eq!(
        of_the_group(role),
        [json!({
            "apiGroups": ["dapr.io"], "resources": ["configurations"], "resourceNames": ["shared"],
            "verbs": ["get", "list", "watch"],
        })]
    );
    assert_eq!(roles.next(), None);
}

#[rstest]
#[case::at_the_top("falbackHostDns: true", "additional properties 'falbackHostDns' not allowed")]
#[case::below(
    "sync: {toHost: {ingreses: {enabled: true}}}",
    "additional properties 'ingreses' not allowed"
)]
#[case::of_a_resource(
    "sync: {toHost: {customResources: {a.b: {enabled: true, scop: x}}}}",
    "additional properties 'scop' not allowed"
)]
#[case::of_the_control_planes_keys(
    "experimental: {multiNamespaceMode: {enabled: true}}\nsync: {fromHost: {secrets: {enabled: true, mappings: {byName: {'': 'a/*'}}}}}",
    "not all Secrets of"
)]
#[case::of_a_mapping(
    "experimental: {multiNamespaceMode: {enabled: true}}\nsync: {fromHost: {secrets: {enabled: true, mappings: {byName: {a: 'a/*'}}}}}",
    "`a` is nothing that the host can show"
)]
#[case::of_the_apis_own_service(
    "experimental: {multiNamespaceMode: {enabled: true}}\nnetworking: {replicateServices: {toHost: [{from: a/b, to: team-a}]}}",
    "is that of the virtual cluster's API"
)]
#[case::of_a_pattern_for_kinds(
    "multiNamespaceMode: {enabled: true}\nsync: {generic: {clusterScoped: ['*.cert-manager.io']}}",
    "`*.cert-manager.io` is no kind of the whole host"
)]
#[case::of_the_wrong_type("fallbackHostDns: sometimes", "got string, want")]
#[case::one_namespace_for_all("fallbackHostDns: true", "one of these has to be true")]
#[tokio::test]
async fn helm_says_what_is_wrong(#[case] values: &str, #[case] told: &str) {
    let said = refused(values).await;
    assert!(said.contains(told), "{said}");
}
