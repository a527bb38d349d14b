use rstest::rstest;

use super::*;

/// The converted file is read as the same values, for every file and every dialect that can express it.
#[test]
fn what_is_converted_asks_for_the_same() {
    let mut told = String::new();
    for (name, _, text) in FIXTURES {
        for to in Dialect::ALL {
            match convert(text, name, None, to) {
                Ok(converted) => {
                    let again = read(converted.text(), "converted.yaml", Some(to));
                    let (again, _) = again.unwrap_or_else(|error| panic!("{error}\n{}", converted.text()));
                    assert_eq!(again, fixture(name), "{name} in {to}:\n{}", converted.text());
                    assert_eq!(
                        Document::read(converted.text(), None).map(|document| document.dialect),
                        Ok(to),
                        "{name} in {to}"
                    );
                    told += &format!("{name} in {to}: the same\n");
                }
                Err(error) => told += &format!("{name} in {to}: {error}\n"),
            }
        }
    }
    insta::assert_snapshot!(told);
}

#[rstest]
#[case("blog.0.15.yaml", Dialect::V0_20)]
#[case("plain.0.15.yaml", Dialect::V0_20)]
#[case("plain.0.20.yaml", Dialect::V0_15)]
#[case("plain.0.20.yaml", Dialect::V0_28)]
#[case("patches.0.20.yaml", Dialect::V0_15)]
fn a_file_is_written_in_another_dialect(#[case] name: &str, #[case] to: Dialect) {
    let (_, _, text) = FIXTURES.iter().find(|(of, ..)| *of == name).expect("it is there");
    let converted = convert(text, name, None, to).expect("it can be said");
    let lost: String = (converted.not_carried.iter())
        .map(|lost| format!("# not carried: {}\n", lost.key))
        .collect();
    insta::assert_snapshot!(format!("{name}-as-{to:?}"), format!("{}{lost}", converted.text()));
}

/// vcluster's converter drops them, and its result may not read the kinds that it should export.
#[test]
fn extra_rules_are_kept() {
    let blog = fixture("blog.0.15.yaml").sync.generic;
    let (_, _, text) = FIXTURES[0];
    let converted = convert(text, "values.yaml", None, Dialect::V0_20).expect("it can be said");
    let rules = &converted.values["experimental"]["genericSync"]["clusterRole"]["extraRules"];
    assert_eq!(rules.as_array().map(Vec::len), Some(2));
    assert_eq!(
        parse(converted.text(), "values.yaml").map(|values| values.sync.generic),
        Ok(blog)
    );
}

#[test]
fn rules_of_two_places_are_put_together() {
    let text = "experimental: {multiNamespaceMode: {enabled: true}, genericSync: {role: {extraRules: [{verbs: [get]}]}}}\n\
                rbac: {role: {extraRules: [{verbs: [list]}]}}\n";
    let converted = convert(text, "values.yaml", None, Dialect::V0_15).expect("it can be said");
    assert_eq!(
        converted.values["sync"]["generic"]["role"]["extraRules"],
        serde_json::json!([{"verbs": ["get"]}, {"verbs": ["list"]}])
    );
}

#[test]
fn a_key_without_effect_is_carried_or_listed() {
    let text = "multiNamespaceMode: {enabled: true}\ntelemetry: {disabled: true}\nsyncer: {kubeConfigContextName: a}\n\
                scheduler:\n  image: x\nsync:\n  fake-persistentvolumes: {enabled: true}\n";
    let converted = convert(text, "values.yaml", None, Dialect::V0_20).expect("it asks for nothing more");
    assert_eq!(converted.values["telemetry"]["enabled"], false);
    assert_eq!(converted.values["exportKubeConfig"]["context"], "a");
    let told: Vec<_> = (converted.not_carried.iter())
        .map(|lost| (&*lost.key, lost.line))
        .collect();
    assert_eq!(
        told,
        [("scheduler.image", 5), ("sync.fake-persistentvolumes.enabled", 7)]
    );
}

#[test]
fn vclusters_own_image_is_carried_where_there_is_a_key_for_it() {
    let text = "experimental: {multiNamespaceMode: {enabled: true}}\n\
                controlPlane: {statefulSet: {image: {repository: loft-sh/vcluster-oss}}}\n";
    let newer = convert(text, "values.yaml", None, Dialect::V0_28).expect("it asks for nothing more");
    assert_eq!(
        newer.values["controlPlane"]["statefulSet"]["image"]["repository"],
        "loft-sh/vcluster-oss"
    );
    let older = convert(text, "values.yaml", None, Dialect::V0_15).expect("it asks for nothing more");
    assert_eq!(older.not_carried.len(), 1);
}

#[rstest]
#[case::log_level(
    "multiNamespaceMode: {enabled: true}\nsyncer:\n  logLevel: debug\n",
    Dialect::V0_20,
    "values.yaml:3: `syncer.logLevel` cannot be said in the dialect of vcluster 0.20 to 0.25: it has no key for this; this project's chart takes `defaults.syncer.logLevel` with it"
)]
#[case::a_digest(
    "multiNamespaceMode: {enabled: true}\netcd: {image: 'r.io/etcd@sha256:00'}\n",
    Dialect::V0_20,
    "values.yaml:2: `etcd.image` cannot be said in the dialect of vcluster 0.20 to 0.25: an image there has a tag, not a digest"
)]
#[case::a_prefix(
    "multiNamespaceMode: {enabled: true}\ndefaultImageRegistry: r.io/mirror-\n",
    Dialect::V0_20,
    "values.yaml:2: `defaultImageRegistry` cannot be said in the dialect of vcluster 0.20 to 0.25: a registry there ends where a name begins, with a slash in between"
)]
#[case::an_image_of_a_program(
    "experimental: {multiNamespaceMode: {enabled: true}}\ncontrolPlane: {distro: {k8s: {apiServer: {image: {repository: kube-apiserver, tag: v1.30.0}}}}}\n",
    Dialect::V0_28,
    "values.yaml:2: `controlPlane.distro.k8s.apiServer.image` cannot be said in the dialect of vcluster 0.28 and later: it has no key for this; this project's chart takes `defaults.api.image` with it"
)]
#[case::mapped_objects(
    "experimental: {multiNamespaceMode: {enabled: true}}\nsync: {fromHost: {secrets: {mappings: {byName: {a/b: c/d}}}}}\n",
    Dialect::V0_15,
    "values.yaml:2: `sync.fromHost.secrets.mappings.byName` cannot be said in the dialect of vcluster 0.15 to 0.19: it has no key for this"
)]
fn what_cannot_be_said_is_refused(#[case] text: &str, #[case] to: Dialect, #[case] told: &str) {
    let error = convert(text, "values.yaml", None, to).expect_err("the dialect has no words for it");
    assert_eq!(
        error.to_string(),
        format!("use the values in values.yaml\n  {told}")
    );
}
