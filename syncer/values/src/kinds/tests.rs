use rstest::rstest;

use super::*;

const NAME: &str = "clusterissuers.cert-manager.io";

fn scope(namespaced: bool) -> Scope {
    Scope {
        definition: NAME.to_owned(),
        namespaced,
    }
}

fn import() -> Entry {
    Entry::new(List::Import, "cert-manager.io/v1", "ClusterIssuer")
}

fn export() -> Entry {
    Entry::new(List::Export, "cert-manager.io/v1", "ClusterIssuer")
}

#[rstest]
#[case::an_import_that_is_named(false, true, import(), "")]
#[case::an_import_that_is_not(false, false, import(), NAME)]
#[case::an_import_that_writes(false, true, import().with(false, true), "reversePatches")]
#[case::a_mapping(false, false, import().with(true, false), "cannot be mapped")]
#[case::a_mapping_of_namespaces(true, false, import().with(true, false), "")]
#[case::an_export(false, true, export(), "remove the export")]
#[case::a_namespaced_kind(true, false, export(), "")]
#[case::a_namespaced_kind_that_is_named(true, true, import(), "is namespaced")]
fn a_cluster_scoped_kind_is_shown_if_it_is_named_and_never_exported(
    #[case] namespaced: bool,
    #[case] named: bool,
    #[case] entry: Entry,
    #[case] expected: &str,
) {
    let context = Context {
        cluster_scoped: named.then(|| NAME.to_owned()).into_iter().collect(),
        ..Context::default()
    };
    let told = refusal(&entry, Some(&scope(namespaced)), &context).unwrap_or_default();
    assert_eq!(told.is_empty(), expected.is_empty(), "{told}");
    assert!(told.contains(expected), "{told}");
}

/// The scope that the host serves takes precedence over that of a built-in kind of the same name.
#[test]
fn the_hosts_scope_counts() {
    let entry = Entry::new(List::Export, "rbac.authorization.k8s.io/v1", "ClusterRole");
    assert!(refusal(&entry, None, &Context::default()).is_some());
    let namespaced = Scope {
        definition: "clusterroles.rbac.authorization.k8s.io".to_owned(),
        namespaced: true,
    };
    assert_eq!(refusal(&entry, Some(&namespaced), &Context::default()), None);
}
