//! The effects of a run on an existing cluster: it uses the cluster, leaves it as it was, and refuses if it must.
//!
//! The cluster is a native one. A process of its own brings it up, and the run under test does not know about it.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use host::{Host, Other};
use registry::Registry;

/// A cluster that the run under test did not bring up.
mod host;

/// Code that is shared with other tests.
#[path = "../support/mod.rs"]
mod support;

/// A registry on the loopback of such a cluster's node.
mod registry;

/// A metrics server beside such a cluster's node.
mod metrics_server;

/// A tenant's view of the host's metrics.
mod measured;

/// A values file in the folder of the cluster's runs.
const VALUES: &str = "widgets.yaml";

/// Values that need a kind which the cluster does not have.
const EXPORTS_WIDGETS: &str = "\
multiNamespaceMode:
  enabled: true
sync:
  generic:
    config: |-
      version: v1beta1
      export:
      - kind: Widget
        apiVersion: example.org/v1
";

#[test]
#[ignore = "needs root and brings up a native host cluster"]
fn a_run_leaves_the_cluster_as_it_was() {
    let host = Host::up("whole");
    let before = host.kubectl.everything();
    let ran = host.run(
        &Other::named("guest"),
        &["e2e", "shared_state::sh_0", "--tenants", "1", "--images", "pull"],
    );
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(host.passed("guest") > 0, "{ran}");
    assert_eq!(host.kubectl.everything(), before);
}

#[test]
#[ignore = "needs root and brings up a native host cluster"]
fn images_come_by_way_of_a_registry() {
    let host = Host::up("registry");
    let registry = Registry::on(&host);
    let before = host.kubectl.everything();
    let pushed = Other::named("pushed");
    let up = host.run_beside(
        &pushed,
        &["up", "--tenants", "1", "--registry", registry.prefix()],
    );
    assert_eq!(up.code, Some(0), "{up}");
    // The node has them by their own names too, and none of the run's pods may rest on that.
    let others: Vec<String> = images(&host.kubectl.pods_of_runs())
        .filter(|image| !image.starts_with(registry.prefix()))
        .collect();
    assert_eq!(others, Vec::<String>::new());
    assert!(registry.serves("ghcr.io/dapr/daprd"), "{up}");
    let tested = host.run_beside(&pushed, &["test", "SH-01"]);
    assert_eq!(tested.code, Some(0), "{tested}");
    let down = host.run_beside(&pushed, &["down"]);
    assert_eq!(down.code, Some(0), "{down}");
    assert_eq!(host.kubectl.everything(), before);
}

/// Returns the images of all containers of pods.
fn images(pods: &[Value]) -> impl Iterator<Item = String> {
    pods.iter()
        .flat_map(|pod| [&pod["spec"]["initContainers"], &pod["spec"]["containers"]])
        .filter_map(Value::as_array)
        .flatten()
        .filter_map(|container| container["image"].as_str())
        .map(str::to_owned)
}

#[test]
#[ignore = "needs root and brings up a native host cluster"]
fn the_clusters_own_dapr_is_used_and_left_alone() {
    let host = Host::up("dapr");
    host.brings_up("platform");
    host.delete("namespace", "shared-dapr");
    let before = host.kubectl.everything();

    let refused = host.run(
        &Other::named("second"),
        &["up", "--tenants", "1", "--images", "pull"],
    );
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(
        refused.said("Dapr 1.16.0 in dapr-system is there, and is not this environment's"),
        "{refused}"
    );
    assert!(refused.said("--dapr existing"), "{refused}");
    assert_eq!(host.kubectl.everything(), before);

    let ran = host.run(
        &Other::named("third"),
        &[
            "e2e",
            "SH-01",
            "--tenants",
            "1",
            "--images",
            "pull",
            "--dapr",
            "existing",
        ],
    );
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(host.passed("third") > 0, "{ran}");
    assert_eq!(host.kubectl.everything(), before);
}

#[test]
#[ignore = "needs root and brings up a native host cluster"]
fn a_cluster_that_restricts_its_pods_will_do() {
    let host = Host::up("restricted");
    host.apply(&restricted_by_default());
    let before = host.kubectl.everything();
    let ran = host.run(
        &Other::named("strict"),
        &["e2e", "SH-01", "--tenants", "1", "--images", "pull"],
    );
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(host.passed("strict") > 0, "{ran}");
    assert_eq!(host.kubectl.everything(), before);
}

/// Returns a policy and its binding that label each new namespace with `restricted`, as a cluster does that has
/// `restricted` as its default of Pod Security.
fn restricted_by_default() -> [Value; 2] {
    let level = "pod-security.kubernetes.io/enforce";
    [
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicy",
            "metadata": {"name": "restricted-by-default"},
            "spec": {
                "reinvocationPolicy": "Never",
                "failurePolicy": "Fail",
                "matchConstraints": {"resourceRules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE"], "resources": ["namespaces"],
                }]},
                "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {"expression":
                    format!("Object{{metadata: Object.metadata{{labels: {{'{level}': 'restricted'}}}}}}")}}],
            },
        }),
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingAdmissionPolicyBinding",
            "metadata": {"name": "restricted-by-default"},
            "spec": {"policyName": "restricted-by-default"},
        }),
    ]
}

#[rstest]
#[case::a_namespace(
    "foreign",
    &[json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vcluster-tenant-1"}})],
    &["--images", "pull"],
    3,
    "namespace vcluster-tenant-1 is there, and is not this environment's"
)]
#[case::a_context("context", &[], &["--images", "pull", "--context", "nowhere"], 2, "find the context `nowhere`")]
#[case::no_dapr("no-dapr", &[], &["--images", "pull", "--dapr", "existing"], 3, "use the cluster's own Dapr: there is none")]
#[case::a_registry(
    "no-registry",
    &[],
    &["--registry", "127.0.0.1:9/nobody", "--images", "build"],
    3,
    "push 127.0.0.1:9/nobody/"
)]
#[case::no_kind(
    "no-kind",
    &[],
    &["--images", "pull", "--values", VALUES],
    3,
    "the host does not know the kind Widget of example.org/v1"
)]
#[ignore = "needs root and brings up a native host cluster"]
fn nothing_is_made_where(
    #[case] name: &str,
    #[case] there: &[Value],
    #[case] options: &[&str],
    #[case] code: i32,
    #[case] why: &str,
) {
    let host = Host::up(name);
    host.apply(there);
    fs::write(host.state().join(VALUES), EXPORTS_WIDGETS).expect("it can be written");
    let before = host.kubectl.everything();
    let arguments = [&["up", "--tenants", "1"], options].concat();
    let refused = host.run(&Other::named("refused"), &arguments);
    assert_eq!(refused.code, Some(code), "{refused}");
    assert!(refused.said(why), "{refused}");
    assert_eq!(host.kubectl.everything(), before);
}

#[test]
#[ignore = "needs root and brings up a native host cluster"]
fn a_user_who_may_not_create_crds_is_refused_before_anything_is_created() {
    let host = Host::up("rights");
    let kubeconfig = host.as_a_user_with("edit");
    let before = host.kubectl.everything();
    let refused = host.run(
        &Other::with("weak", &kubeconfig),
        &["up", "--tenants", "1", "--images", "pull"],
    );
    assert_eq!(refused.code, Some(3), "{refused}");
    assert!(refused.said("create customresourcedefinitions"), "{refused}");
    assert!(
        refused.said("use a context whose user administers the cluster"),
        "{refused}"
    );
    assert_eq!(host.kubectl.everything(), before);
}

#[test]
#[ignore = "needs root and brings up a native host cluster"]
fn an_image_that_does_not_start_is_named_and_nothing_stays() {
    let host = Host::up("image");
    let before = host.kubectl.everything();
    let failed = host.run(
        &Other::named("unpushed"),
        &[
            "up",
            "--tenants",
            "1",
            "--images",
            "pull",
            "--registry",
            "127.0.0.1:9/nobody",
        ],
    );
    assert_eq!(failed.code, Some(3), "{failed}");
    assert!(failed.said("127.0.0.1:9/nobody/"), "{failed}");
    assert_eq!(host.kubectl.everything(), before);
}
