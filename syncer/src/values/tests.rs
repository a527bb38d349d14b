use rstest::rstest;

use super::*;

/// The blog's file, in the 0.15 dialect: the input that must work unchanged.
const BLOG: &str = r#"fallbackHostDns: true
multiNamespaceMode:
  enabled: true
sync:
  generic:
    clusterRole:
      extraRules:
      - apiGroups: ["apiextensions.k8s.io"]
        resources: ["customresourcedefinitions"]
        verbs: ["get", "list", "watch"]
      - apiGroups: ["dapr.io"]
        resources: ["components", "subscriptions", "configurations"]
        verbs: ["create", "delete", "patch", "update", "get", "list", "watch"]
    config: |-
      version: v1beta1
      export:
      - kind: Component
        apiVersion: dapr.io/v1alpha1
      import:
      - kind: Pod
        apiVersion: v1
        replaceOnConflict: true
"#;

/// The least that a file has to say.
const LEAST: &str = "multiNamespaceMode: {enabled: true}\n";

#[test]
fn the_blogs_file_is_taken_as_it_stands() {
    let values = parse(BLOG, "values.yaml").expect("the blog's file is fine");
    assert!(values.fallback_host_dns);
    assert_eq!(values.sync.generic.cluster_role.extra_rules.len(), 2);
    let export = Export {
        api_version: "dapr.io/v1alpha1".to_owned(),
        kind: "Component".to_owned(),
        optional: false,
        replace_on_conflict: false,
        selector: None,
    };
    let import = Import {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        optional: false,
        replace_on_conflict: true,
    };
    assert_eq!(
        values.sync.generic.kinds,
        Generic {
            export: vec![export],
            import: vec![import]
        }
    );
}

#[rstest]
#[case::at_the_top("falbackHostDns: true\n", 2, "falbackHostDns", "fallbackHostDns")]
#[case::nested(
    "sync:\n  generic:\n    confg: x\n",
    4,
    "sync.generic.confg",
    "sync.generic.config"
)]
#[case::at_the_wrong_place("extraRules: []\n", 2, "extraRules", "sync.generic.clusterRole.extraRules")]
#[case::in_a_list(
    "sync:\n  generic:\n    role:\n      extraRules:\n      - apiGroups: ['']\n        verb: [get]\n",
    7,
    "sync.generic.role.extraRules.verb",
    "sync.generic.role.extraRules.verbs"
)]
#[case::in_the_embedded_text(
    "sync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - knd: Component\n",
    7,
    "sync.generic.config: export.knd",
    "export.kind"
)]
#[case::other_case("fallbackHostDNS: true\n", 2, "fallbackHostDNS", "fallbackHostDns")]
fn an_unknown_key_is_told_with_line_and_nearest(
    #[case] text: &str,
    #[case] line: u64,
    #[case] key: &str,
    #[case] nearest: &str,
) {
    let error = parse(&format!("{LEAST}{text}"), "values.yaml").expect_err("it has an unknown key");
    let what = What::Unknown {
        key: key.to_owned(),
        nearest: nearest.to_owned(),
    };
    assert_eq!(error.problems, [Problem { line, what }]);
}

#[rstest]
#[case::single_namespace("multiNamespaceMode:\n  enabled: false\n", 2, "multiNamespaceMode.enabled")]
#[case::nothing_said("", 0, "multiNamespaceMode.enabled")]
#[case::volume_snapshots(
    "multiNamespaceMode: {enabled: true}\nsync:\n  volumesnapshots:\n    enabled: true\n",
    4,
    "sync.volumesnapshots.enabled"
)]
#[case::pods_off(
    "multiNamespaceMode: {enabled: true}\nsync:\n  pods:\n    enabled: false\n",
    4,
    "sync.pods.enabled"
)]
#[case::patches(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - kind: A\n        apiVersion: b/v1\n        patches: [{op: remove}]\n",
    9,
    "sync.generic.config: export.patches"
)]
#[case::newer_dialect(
    "multiNamespaceMode: {enabled: true}\ncontrolPlane:\n  distro: {k8s: {enabled: true}}\n",
    2,
    "controlPlane"
)]
#[case::high_availability("multiNamespaceMode: {enabled: true}\nenableHA: true\n", 2, "enableHA")]
fn what_is_not_done_is_told_by_name(#[case] text: &str, #[case] line: u64, #[case] key: &str) {
    let error = parse(text, "values.yaml").expect_err("it asks for what is not done");
    let told: Vec<_> = error
        .problems
        .iter()
        .map(|problem| match &problem.what {
            What::NotDone { key, .. } => (problem.line, key.as_str()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, [(line, key)]);
}

#[rstest]
#[case::no_yaml("multiNamespaceMode: [\n", 1)]
#[case::twice(
    "multiNamespaceMode: {enabled: true}\nfallbackHostDns: true\nfallbackHostDns: true\n",
    3
)]
#[case::wrong_type("multiNamespaceMode: {enabled: true}\nfallbackHostDns: sometimes\n", 2)]
#[case::a_value_for_keys("multiNamespaceMode: {enabled: true}\nsync: true\n", 2)]
#[case::nodes_without_which(
    "multiNamespaceMode: {enabled: true}\nsync:\n  nodes:\n    enabled: true\n",
    3
)]
#[case::a_list("- a\n", 1)]
#[case::kind_missing(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - apiVersion: a/v1\n",
    7
)]
fn what_cannot_be_read_is_told_with_its_line(#[case] text: &str, #[case] line: u64) {
    let error = parse(text, "values.yaml").expect_err("it is malformed");
    assert_eq!(
        error
            .problems
            .iter()
            .map(|problem| problem.line)
            .collect::<Vec<_>>(),
        [line]
    );
    assert!(matches!(error.problems[0].what, What::Malformed(_)), "{error}");
}

#[test]
fn claims_are_on_and_all_other_kinds_off_unless_the_file_says_otherwise() {
    let kinds = |text: &str| {
        parse(&format!("{LEAST}{text}"), "values.yaml")
            .expect("it is fine")
            .sync
            .core
    };
    let unset = kinds("");
    assert!(unset.persistent_volume_claims.enabled);
    assert!(!unset.ingresses.enabled);
    let set = kinds("sync:\n  persistentvolumeclaims: {enabled: false}\n  ingresses: {enabled: true}\n");
    assert!(!set.persistent_volume_claims.enabled);
    assert!(set.ingresses.enabled);
    assert_eq!(set.nodes.selector, None);
    let gold = kinds("sync:\n  nodes: {enabled: true, nodeSelector: tier=gold}\n");
    assert_eq!(gold.nodes.selector.as_deref(), Some("tier=gold"));
}

#[test]
fn a_file_that_repeats_vclusters_defaults_is_fine() {
    let text = "multiNamespaceMode: {enabled: true}\nenableHA: false\ningress:\n  enabled: false\n  host: vcluster.local\n\
                sync:\n  ingresses: {enabled: false}\n  pods: {enabled: true}\n  generic:\n    config: |-\n      ---\n\
                telemetry: {disabled: true}\ninit:\n  manifests: |-\n    ---\nmapServices: {fromHost: []}\n";
    assert_eq!(parse(text, "values.yaml"), Ok(Values::default()));
}

#[test]
fn what_a_file_asks_for_is_told_key_by_key() {
    let text = "fallbackHostDns: true\nenableHA: false\ncoredns:\n  replicas: 2\n  resources: {}\nsync:\n  generic:\n    role:\n      extraRules: [{verbs: [get]}]\n";
    let told = asked(text, "values.yaml").expect("it is YAML");
    let told: Vec<_> = told.iter().map(|asked| (&*asked.key, asked.line)).collect();
    assert_eq!(
        told,
        [
            ("fallbackHostDns", 1),
            ("coredns.replicas", 4),
            ("sync.generic.role.extraRules", 9)
        ]
    );
}

#[test]
fn every_problem_is_listed_under_the_files_name() {
    let text = "multiNamespaceMode: {enabled: true}\nenableHA: true\nfalbackHostDns: true\n";
    let error = parse(text, "my/values.yaml").expect_err("two things are wrong");
    assert_eq!(
        error.to_string(),
        "use the values in my/values.yaml\n  \
         my/values.yaml:2: `enableHA`: the syncer does not do this\n  \
         my/values.yaml:3: unknown key `falbackHostDns`; the nearest known is `fallbackHostDns`"
    );
}
