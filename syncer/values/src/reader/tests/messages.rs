use rstest::rstest;

use super::*;

/// The smallest valid file.
const LEAST: &str = "multiNamespaceMode: {enabled: true}\n";

/// The smallest valid file of the next dialect.
const LEAST_0_20: &str = "experimental: {multiNamespaceMode: {enabled: true}}\n";

/// The smallest valid file of the newest dialect.
const LEAST_0_28: &str = "sync:\n  toHost:\n    namespaces: {enabled: true}\n";

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
    "sync:\n  generic:\n    role:\n      extraRules:\n      - apiGroups: ['']\n        verbs: []\n        verb: [get]\n",
    8,
    "sync.generic.role.extraRules.verb",
    "sync.generic.role.extraRules.verbs"
)]
#[case::in_the_embedded_text(
    "sync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - kind: A\n        apiVersion: b/v1\n        optonal: true\n",
    9,
    "sync.generic.config: export.optonal",
    "export.optional"
)]
#[case::in_a_patch(
    "sync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - kind: A\n        apiVersion: b/v1\n        patches:\n        - op: remove\n          pth: a\n          path: a\n",
    11,
    "sync.generic.config: export.patches.pth",
    "export.patches.path"
)]
#[case::other_case("fallbackHostDNS: true\n", 2, "fallbackHostDNS", "fallbackHostDns")]
#[case::below_defaults(
    "defaults:\n  api:\n    imag: x\n",
    4,
    "defaults.api.imag",
    "defaults.api.image"
)]
fn an_unknown_key_is_refused_with_line_and_nearest_key(
    #[case] text: &str,
    #[case] line: u64,
    #[case] key: &str,
    #[case] nearest: &str,
) {
    unknown(&format!("{LEAST}{text}"), line, key, nearest);
}

#[rstest]
#[case::at_the_top(LEAST_0_20, "netwrking: {}\n", 2, "netwrking", "networking")]
#[case::of_a_kind(
    LEAST_0_20,
    "sync:\n  toHost:\n    ingreses: {enabled: true}\n",
    4,
    "sync.toHost.ingreses",
    "sync.toHost.ingresses"
)]
#[case::of_a_resource(
    LEAST_0_28,
    "    customResources:\n      components.dapr.io:\n        enabeld: true\n        enabled: true\n",
    6,
    "sync.toHost.customResources.components.dapr.io.enabeld",
    "sync.toHost.customResources.components.dapr.io.enabled"
)]
#[case::of_a_part_of_an_image(
    LEAST_0_28,
    "controlPlane: {statefulSet: {image: {tagg: x}}}\n",
    4,
    "controlPlane.statefulSet.image.tagg",
    "controlPlane.statefulSet.image.tag"
)]
fn so_it_is_in_newer_dialects(
    #[case] least: &str,
    #[case] text: &str,
    #[case] line: u64,
    #[case] key: &str,
    #[case] nearest: &str,
) {
    unknown(&format!("{least}{text}"), line, key, nearest);
}

fn unknown(text: &str, line: u64, key: &str, nearest: &str) {
    let error = parse(text, "values.yaml").expect_err("it has an unknown key");
    let what = What::Unknown {
        key: key.to_owned(),
        nearest: Some(nearest.to_owned()),
    };
    assert_eq!(error.problems, [Problem { line, what }]);
}

#[rstest]
#[case::single_namespace("multiNamespaceMode:\n  enabled: false\n", 2, "multiNamespaceMode.enabled")]
#[case::nothing_said("", 0, "multiNamespaceMode.enabled")]
#[case::a_kind_without_a_part(
    "multiNamespaceMode: {enabled: true}\nsync:\n  volumesnapshots:\n    enabled: true\n",
    4,
    "sync.volumesnapshots.enabled"
)]
#[case::pods_off(
    "multiNamespaceMode: {enabled: true}\nsync:\n  pods:\n    enabled: false\n",
    4,
    "sync.pods.enabled"
)]
#[case::no_nodes(
    "multiNamespaceMode: {enabled: true}\nsync:\n  fake-nodes:\n    enabled: false\n",
    4,
    "sync.fake-nodes.enabled"
)]
#[case::hooks(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      version: v1beta1\n      hooks:\n        hostToVirtual: [{kind: A}]\n",
    6,
    "sync.generic.config: hooks"
)]
#[case::high_availability("multiNamespaceMode: {enabled: true}\nenableHA: true\n", 2, "enableHA")]
#[case::one_namespace_for_all(
    "experimental:\n  multiNamespaceMode: {enabled: false}\n",
    2,
    "experimental.multiNamespaceMode.enabled"
)]
#[case::another_distribution(
    "experimental: {multiNamespaceMode: {enabled: true}}\ncontrolPlane:\n  distro:\n    k3s:\n      enabled: true\n",
    5,
    "controlPlane.distro.k3s.enabled"
)]
#[case::a_database(
    "experimental: {multiNamespaceMode: {enabled: true}}\ncontrolPlane: {backingStore: {database: {external: {enabled: true}}}}\n",
    2,
    "controlPlane.backingStore.database.external.enabled"
)]
#[case::expressions(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n    customResources:\n      a.b:\n        enabled: true\n        patches: [{path: x}]\n",
    7,
    "sync.toHost.customResources.a.b.patches"
)]
#[case::kinds_without_namespace(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n    customResources:\n      a.b: {enabled: true, scope: Cluster}\n",
    5,
    "sync.toHost.customResources.a.b.scope"
)]
#[case::mapped_only(
    "sync:\n  toHost:\n    namespaces:\n      enabled: true\n      mappingsOnly: true\n",
    5,
    "sync.toHost.namespaces.mappingsOnly"
)]
fn an_unsupported_key_is_refused_by_name(#[case] text: &str, #[case] line: u64, #[case] key: &str) {
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
#[case::a_list("- a\n", 1)]
#[case::kind_missing(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - apiVersion: a/v1\n",
    7
)]
#[case::no_yaml_in_the_text(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      version: v1beta1\n      export: [\n",
    6
)]
fn an_unreadable_value_is_refused_with_its_line(#[case] text: &str, #[case] line: u64) {
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

#[rstest]
#[case::of_two_dialects(
    "multiNamespaceMode: {enabled: true}\ncontrolPlane:\n  distro: {k8s: {enabled: true}}\n",
    "2: `controlPlane` is of the dialect of vcluster 0.20 and later, `multiNamespaceMode` in line 1 of 0.15 to 0.19; write all of the file in one"
)]
#[case::of_the_newer_two(
    "experimental:\n  genericSync: {version: v1beta1}\nsync:\n  toHost:\n    customResources: {a.b: {enabled: true}}\n",
    "5: `sync.toHost.customResources` is of the dialect of vcluster 0.28 and later, `experimental.genericSync` in line 2 of 0.20 to 0.25; write all of the file in one"
)]
#[case::two_that_differ(
    "experimental: {multiNamespaceMode: {enabled: true}}\ncontrolPlane:\n  statefulSet: {persistence: {volumeClaim: {enabled: true}}}\n  backingStore: {etcd: {deploy: {statefulSet: {persistence: {volumeClaim: {enabled: false}}}}}}\n",
    "4: `controlPlane.backingStore.etcd.deploy.statefulSet.persistence.volumeClaim.enabled` says another thing than what means the same here, `controlPlane.statefulSet.persistence.volumeClaim.enabled` in line 3"
)]
#[case::a_resource_of_two_versions(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n    customResources: {a.b/v1: {enabled: true}, a.b/v2: {enabled: true}}\n",
    "4: `sync.toHost.customResources` names `a.b` twice: a kind has one rule, for all its versions"
)]
#[case::all_namespaces_of_the_host(
    "sync:\n  toHost:\n    namespaces:\n      enabled: true\n      mappings: {byName: {'*': '*'}}\n",
    "5: `sync.toHost.namespaces.mappings.byName` cannot have `*` be `*`: that is any namespace of the host; let it begin with something"
)]
#[case::no_mapping(
    "experimental: {multiNamespaceMode: {enabled: true}}\nsync:\n  fromHost:\n    secrets:\n      enabled: true\n      mappings: {byName: {a: b/c}}\n",
    "6: `sync.fromHost.secrets.mappings.byName` has \"a\": \"b/c\": the host's side is NAMESPACE/NAME or NAMESPACE/*"
)]
#[case::no_service(
    "multiNamespaceMode: {enabled: true}\nmapServices: {fromHost: [{from: a/*, to: b/*}]}\n",
    "2: `mapServices.fromHost` has \"a/*\": \"b/*\": each side is one Service, by its name"
)]
#[case::no_resource(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n    customResources: {components: {enabled: true}}\n",
    "4: `sync.toHost.customResources` has `components`; a kind there is `<plural>.<group>`, such as `components.dapr.io`"
)]
#[case::a_mapping_of_a_kind(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n  fromHost:\n    customResources: {a.b: {enabled: true, scope: Namespaced, mappings: {byName: {a: b/c}}}}\n",
    "5: `sync.fromHost.customResources` has `a.b`, which has \"a\": \"b/c\": the host's side is NAMESPACE/NAME or NAMESPACE/*"
)]
#[case::a_mapping_of_the_whole_host(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n  fromHost:\n    customResources: {a.b: {enabled: true, scope: Cluster, mappings: {byName: {a/b: b/c}}}}\n",
    "5: `sync.fromHost.customResources` has `a.b`, which is cluster-scoped and cannot be mapped from one to another"
)]
#[case::a_kind_twice(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      export:\n      - {apiVersion: dapr.io/v1alpha1, kind: Subscription}\n      - {apiVersion: dapr.io/v2alpha1, kind: Subscription}\n",
    "4: `sync.generic.config` names Subscription of dapr.io twice: a kind has one rule, for all its versions"
)]
#[case::a_kind_twice_as_keys(
    "experimental:\n  multiNamespaceMode: {enabled: true}\n  genericSync:\n    import:\n    - {apiVersion: v1, kind: Pod}\n    - {apiVersion: v1, kind: Pod}\n",
    "4: `experimental.genericSync.import` names Pod of the core group twice: a kind has one rule, for all its versions"
)]
#[case::a_selector(
    "multiNamespaceMode: {enabled: true}\nsync: {nodes: {enabled: true, nodeSelector: 'a!=b'}}\n",
    "2: `sync.nodes.nodeSelector` has `a!=b`, and only `label=value` can be done"
)]
#[case::no_tag(
    "experimental: {multiNamespaceMode: {enabled: true}}\ncontrolPlane: {statefulSet: {image: {repository: team/syncer}}}\n",
    "2: `controlPlane.statefulSet.image` has to have `tag`"
)]
#[case::a_number_for_a_text(
    "multiNamespaceMode: {enabled: true}\nsyncer: {podLabels: {a: 1}}\n",
    "2: `syncer.podLabels` has to hold names and texts; quotes make a text of a number"
)]
fn a_message_says_what_to_do(#[case] text: &str, #[case] told: &str) {
    let error = parse(text, "values.yaml").expect_err("something is wrong");
    assert_eq!(
        error.to_string(),
        format!("use the values in values.yaml\n  values.yaml:{told}")
    );
}

#[rstest]
#[case::of_no_use(
    "{op: remove, path: a, value: 1}",
    "`experimental.genericSync.export.patches.value` is of no use to `op: remove`; leave it out"
)]
#[case::no_value(
    "{op: add, path: a}",
    "`experimental.genericSync.export.patches` has to have `value` with `op: add`"
)]
#[case::no_path(
    "{op: remove}",
    "`experimental.genericSync.export.patches` has to have `path`"
)]
#[case::no_such_operation(
    "{op: move, path: a}",
    "`experimental.genericSync.export.patches.op` has to be one of rewriteName, rewriteLabelKey, rewriteLabelSelector, rewriteLabelExpressionsSelector, copyFromObject, add, replace, remove"
)]
#[case::a_condition_without_a_test(
    "{op: remove, path: a, conditions: [{path: b}]}",
    "`experimental.genericSync.export.patches.conditions` has to have one of `path` and `subPath`, and one of `equal`, `notEqual` and `empty`"
)]
#[case::no_path_into_an_object(
    "{op: remove, path: 'a['}",
    "`experimental.genericSync.export.patches.path`: `a[` is no path into an object: a `[` has no `]`"
)]
fn a_patch_that_makes_no_sense_is_refused(#[case] patch: &str, #[case] told: &str) {
    let text = format!(
        "experimental:\n  multiNamespaceMode: {{enabled: true}}\n  genericSync:\n    export:\n    - apiVersion: a/v1\n      kind: B\n      patches:\n      - {patch}\n"
    );
    let error = parse(&text, "values.yaml").expect_err("something is wrong");
    assert_eq!(
        error.to_string(),
        format!("use the values in values.yaml\n  values.yaml:8: {told}")
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

#[rstest]
#[case::a_key_twice(
    "fallbackHostDns: true\nfallbackHostDns: true\n",
    "2: `fallbackHostDns` is given twice in the same mapping: remove one of them"
)]
#[case::two_documents(
    "fallbackHostDns: true\n---\nfallbackHostDns: true\n",
    "3: the file has several YAML documents: keep one, and remove the `---` lines"
)]
#[case::no_anchor(
    "fallbackHostDns: *a\n",
    "1: an alias refers to an anchor that is not defined before it"
)]
#[case::no_finite_number("a: .nan\n", "1: `.nan` is no finite number: quotes make a text of it")]
#[case::tabs(
    "sync:\n\tpods: {}\n",
    "2: this is not valid YAML: tabs disallowed within this context (block indentation)"
)]
fn a_text_that_is_no_yaml_is_refused_in_words_of_values_files(#[case] text: &str, #[case] told: &str) {
    let error = parse(text, "values.yaml").expect_err("it is no YAML");
    assert!(
        error.to_string().ends_with(&format!("values.yaml:{told}")),
        "{error}"
    );
}

/// Files that would take more memory than their size, and one that refers to itself.
#[test]
fn a_file_that_is_too_large_is_refused_without_words_of_the_parser() {
    let nested = "[".repeat(20_000);
    let levels = (1..12).map(|level| {
        let items = vec![format!("*a{}", level - 1); 12].join(", ");
        format!("a{level}: &a{level} [{items}]\n")
    });
    let bomb = format!("a0: &a0 [x, x]\n{}", levels.collect::<String>());
    for text in [nested.as_str(), &bomb] {
        let error = parse(text, "values.yaml")
            .expect_err("it is too large")
            .to_string();
        assert!(error.contains("too large, too deeply nested"), "{error}");
    }
    let recursive = "a: &a\n  b: *a\n";
    let error = parse(recursive, "values.yaml")
        .expect_err("it refers to itself")
        .to_string();
    let expected = "an alias is inside of the anchor that it refers to";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_file_that_is_not_utf8_is_refused_with_the_remedy() {
    let utf16: Vec<u8> = "a: b"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .chain([0xff, 0xfe])
        .collect();
    let error = text(utf16, "values.yaml").expect_err("it is UTF-16");
    assert_eq!(
        error.to_string(),
        "use the values in values.yaml\n  values.yaml: the file is not UTF-8 text: save it as UTF-8"
    );
}

#[test]
fn anchors_may_be_kept_in_keys_of_their_own() {
    let text = "x-common: &common {a: 1}\nmultiNamespaceMode: {enabled: true}\nsyncer: {podLabels: &labels {team: a}, labels: \
                *labels}\n";
    assert!(parse(text, "values.yaml").is_ok());
    let text = "common: &common {a: 1}\nmultiNamespaceMode: {enabled: true}\n";
    let error = parse(text, "values.yaml")
        .expect_err("it has no such key")
        .to_string();
    assert!(
        error.ends_with(
            "1: unknown key `common`: remove it, or let its name begin with `x-` if it only holds anchors"
        ),
        "{error}"
    );
}
