use rstest::rstest;

use super::*;
use crate::naming::Tenant;

#[test]
fn every_files_dialect_is_known_by_its_keys() {
    for (name, dialect, text) in FIXTURES {
        let document = Document::read(text, None).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        assert_eq!(document.dialect, dialect, "{name}");
    }
}

#[test]
fn the_blogs_file_is_taken_as_it_stands() {
    let values = fixture("blog.0.15.yaml");
    assert!(values.fallback_host_dns);
    assert_eq!(values.sync.generic.cluster_role.extra_rules.len(), 2);
    let name = |api_version: &str, kind: &str| KindName::Kind {
        api_version: api_version.to_owned(),
        kind: kind.to_owned(),
    };
    let export = Export {
        name: name("dapr.io/v1alpha1", "Component"),
        optional: false,
        replace_on_conflict: false,
        selector: None,
        patches: Vec::new(),
        reverse_patches: Vec::new(),
    };
    let import = Import {
        name: name("v1", "Pod"),
        optional: false,
        cluster_scoped: false,
        mappings: std::collections::BTreeMap::new(),
        replace_on_conflict: true,
        patches: Vec::new(),
        reverse_patches: Vec::new(),
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
#[case::blog("blog.0.15.yaml", "blog.0.20.yaml")]
#[case::plain("plain.0.15.yaml", "plain.0.20.yaml")]
#[case::plain_newest("plain.0.15.yaml", "plain.0.28.yaml")]
#[case::patches("patches.0.15.yaml", "patches.0.20.yaml")]
#[case::from_host("from-host.0.20.yaml", "from-host.0.28.yaml")]
fn the_same_is_read_from_each_dialect(#[case] one: &str, #[case] other: &str) {
    assert_eq!(fixture(one), fixture(other));
}

/// Every field of the model has the value that a file sets.
#[test]
fn all_that_is_said_is_in_the_model() {
    insta::assert_debug_snapshot!(fixture("plain.0.15.yaml"));
    insta::assert_debug_snapshot!(fixture("patches.0.15.yaml").sync);
    insta::assert_debug_snapshot!(fixture("from-host.0.20.yaml").from_host);
}

#[test]
fn kinds_are_named_by_resource_in_the_newest_dialect() {
    let resource = |resource: &str, version: Option<&str>| KindName::Resource {
        resource: resource.to_owned(),
        version: version.map(ToOwned::to_owned),
    };
    let exports = fixture("blog.0.28.yaml").sync.generic.kinds.export;
    let names: Vec<_> = exports.into_iter().map(|export| export.name).collect();
    assert_eq!(
        names,
        [
            resource("components.dapr.io", None),
            resource("subscriptions.dapr.io", Some("v2alpha1"))
        ]
    );
    let imports = fixture("named.0.28.yaml").sync.generic.kinds.import;
    assert_eq!(imports[0].name, resource("certificates.cert-manager.io", None));
}

#[test]
fn kinds_of_the_whole_host_are_named_in_each_dialect() {
    let named = |text: &str| {
        parse(text, "values.yaml")
            .expect("it is fine")
            .sync
            .generic
            .of_the_whole_host()
    };
    let expected = ["a.b.c".to_owned()].into();
    assert_eq!(
        named("multiNamespaceMode: {enabled: true}\nsync: {generic: {clusterScoped: [a.b.c]}}\n"),
        expected
    );
    assert_eq!(
        named("experimental: {multiNamespaceMode: {enabled: true}, genericSync: {clusterScoped: [a.b.c]}}\n"),
        expected
    );
    let newest = "sync: {toHost: {namespaces: {enabled: true}}, fromHost: {customResources: \
                  {a.b.c/v1: {enabled: true, scope: Cluster}, d.b.c: {enabled: true, scope: Namespaced}}}}\n";
    assert_eq!(named(newest), expected);
}

#[test]
fn namespaces_may_be_called_by_choice_but_for_that_of_the_control_plane() {
    let values = fixture("named.0.28.yaml");
    let mapped = &values.namespaces.mappings.by_name;
    let tenant = |namespace: &str| Tenant::new("team-a", namespace).with_namespaces(mapped);
    let (apart, within) = (tenant("vcluster-team-a"), tenant("team-a-house"));
    assert_eq!(apart.host_namespace("house"), "team-a-house");
    assert_eq!(apart.host_namespace("web-1"), "team-a-1");
    assert_eq!(apart.meets_itself(), None);
    assert_eq!(within.meets_itself(), Some("house"));
}

#[test]
fn a_file_that_repeats_vclusters_defaults_is_fine() {
    let text = "multiNamespaceMode: {enabled: true}\nenableHA: false\ningress:\n  enabled: false\n  host: vcluster.local\n\
                sync:\n  ingresses: {enabled: false}\n  pods: {enabled: true}\n  generic:\n    config: |-\n      ---\n\
                telemetry: {disabled: true}\ninit:\n  manifests: |-\n    ---\nmapServices: {fromHost: []}\n";
    assert_eq!(parse(text, "values.yaml"), Ok(Values::default()));
    let text = "experimental: {multiNamespaceMode: {enabled: true}, deploy: {host: {manifests: ''}}}\n\
                sync: {fromHost: {storageClasses: {enabled: auto}, csiNodes: {enabled: auto}}}\n\
                policies: {resourceQuota: {enabled: auto, quota: {count/pods: 20}}}\n\
                controlPlane: {statefulSet: {image: {registry: ghcr.io, repository: loft-sh/vcluster-oss}}}\n";
    assert_eq!(parse(text, "values.yaml"), Ok(Values::default()));
}

#[test]
fn a_file_says_more_than_its_defaults() {
    let text = "multiNamespaceMode: {enabled: true}\ncoredns: {replicas: 3}\n\
                defaults: {coredns: {replicas: 2, image: 'r/dns:1'}}\n";
    let values = parse(text, "values.yaml").expect("it is fine");
    assert_eq!((values.coredns.replicas, &*values.coredns.image), (3, "r/dns:1"));
}

#[test]
fn a_file_that_names_one_quantity_changes_that_one_alone() {
    let text = "multiNamespaceMode: {enabled: true}\n\
                defaults: {policies: {podSecurityStandard: restricted, resourceQuota: {quota: {pods: 7}}}}\n";
    let policies = parse(text, "values.yaml").expect("it is fine").policies;
    let quota = &policies.resource_quota.quota;
    assert_eq!(
        (&quota["pods"], &quota["services"]),
        (&serde_json::json!(7), &serde_json::json!("200"))
    );
    assert_eq!(policies.pod_security_standard.name(), "restricted");
    let text = "multiNamespaceMode: {enabled: true}\ndefaults: {policies: {podSecurityStandard: strict}}\n";
    let told = parse(text, "values.yaml")
        .expect_err("there is no such standard")
        .to_string();
    assert!(told.contains("podSecurityStandard"), "{told}");
}

#[test]
fn a_dialect_may_be_said() {
    let text = "serviceCIDR: 10.0.0.0/8\n";
    let error = read(text, "values.yaml", Some(Dialect::V0_28)).expect_err("it lacks a key");
    assert_eq!(
        error.to_string(),
        "use the values in values.yaml\n  values.yaml: `sync.toHost.namespaces.enabled`: not set, and off is its \
         default; the syncer always gives each guest namespace a host namespace of its own, so multi-namespace mode \
         has to be on"
    );
}
