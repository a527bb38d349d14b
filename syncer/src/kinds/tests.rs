use kube::core::ApiResource;
use rstest::rstest;

use super::discovery::Served;
use super::*;
use crate::patches::Patch;
use crate::sync::Mapping;

const NAME: &str = "clusterissuers.cert-manager.io";

fn served(namespaced: bool) -> Served {
    Served {
        resource: ApiResource {
            group: "cert-manager.io".to_owned(),
            version: "v1".to_owned(),
            api_version: "cert-manager.io/v1".to_owned(),
            kind: "ClusterIssuer".to_owned(),
            plural: "clusterissuers".to_owned(),
        },
        has_status: true,
        namespaced,
    }
}

fn import(reverse_patches: usize) -> Entry {
    let patch: Patch = serde_saphyr::from_str("{op: remove, path: spec.a}").unwrap();
    Entry::import(&Import {
        api_version: "cert-manager.io/v1".to_owned(),
        kind: "ClusterIssuer".to_owned(),
        reverse_patches: vec![patch; reverse_patches],
        ..Import::default()
    })
}

fn mapped() -> Entry {
    Entry::import(&Import {
        api_version: "cert-manager.io/v1".to_owned(),
        kind: "ClusterIssuer".to_owned(),
        mappings: vec![Mapping::parse("a/*", "b/*", "own").unwrap()],
        ..Import::default()
    })
}

fn export() -> Entry {
    Entry::of_kind(List::Export, "cert-manager.io/v1", "ClusterIssuer")
}

#[rstest]
#[case::an_import_that_is_named(false, true, import(0), "")]
#[case::an_import_that_is_not(false, false, import(0), NAME)]
#[case::an_import_that_writes(false, true, import(1), "reversePatches")]
#[case::a_mapping(false, false, mapped(), "cannot be mapped")]
#[case::a_mapping_of_namespaces(true, false, mapped(), "")]
#[case::an_export(false, true, export(), "remove the export")]
#[case::a_namespaced_kind(true, false, export(), "")]
#[case::a_namespaced_kind_that_is_named(true, true, import(0), "is namespaced")]
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
    let told = refusal(&entry, Some(&served(namespaced).scope()), &context).unwrap_or_default();
    assert_eq!(told.is_empty(), expected.is_empty(), "{told}");
    assert!(told.contains(expected), "{told}");
}

/// The scope that the host serves counts more than the one that is known of a kind of the same name.
#[test]
fn the_hosts_scope_counts() {
    let entry = Entry::of_kind(List::Export, "rbac.authorization.k8s.io/v1", "ClusterRole");
    assert!(refusal(&entry, None, &Context::default()).is_some());
    let namespaced = Scope {
        definition: "clusterroles.rbac.authorization.k8s.io".to_owned(),
        namespaced: true,
    };
    assert_eq!(refusal(&entry, Some(&namespaced), &Context::default()), None);
}
