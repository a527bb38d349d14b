//! Where the objects of a kind are, in namespaces or on the whole host: takes what the host says of it and what is asked
//! for, gives whether that can be done.

use std::collections::BTreeSet;

use super::{Configured, Served};
use crate::sync::failure::Failure;

/// Refuses what cannot be done with a kind. Of those in no namespace, only the named ones are shown, and none is taken
/// from a tenant.
pub(super) fn fits(
    served: &Served,
    configured: &Configured,
    cluster_scoped: &BTreeSet<String>,
) -> Result<(), Failure> {
    let definition = served.definition();
    let is_named = cluster_scoped.contains(&definition);
    let refused = |why: String| {
        Err(Failure::Refused(format!(
            "{} of {} {why}",
            configured.kind, configured.api_version
        )))
    };
    if served.namespaced {
        return if is_named {
            refused(format!(
                "belongs to namespaces: `{definition}` is no kind of the whole host (`clusterScoped`, `scope: Cluster`)"
            ))
        } else {
            Ok(())
        };
    }
    if (configured.import.as_ref()).is_some_and(|import| !import.mappings.is_empty()) {
        return refused("belongs to no namespace and cannot be mapped from one to another".to_owned());
    }
    if configured.export.is_some() {
        return refused(
            "belongs to no namespace and can't be exported: on the host, what several tenants make would meet under \
             one name"
                .to_owned(),
        );
    }
    if !is_named {
        return refused(format!(
            "belongs to no namespace: to import it, name `{definition}` as a kind of the whole host, by \
             `clusterScoped` beside the imports or by `scope: Cluster`"
        ));
    }
    match &configured.import {
        Some(import) if !import.reverse_patches.is_empty() => refused(
            "belongs to no namespace, and the host's is only read: leave out its reversePatches".to_owned(),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::ApiResource;
    use rstest::rstest;

    use super::*;
    use crate::patches::Patch;
    use crate::sync::config::{Export, Import, Mapping};
    use crate::sync::kinds::Status;

    const NAME: &str = "clusterissuers.cert-manager.io";

    fn told(namespaced: bool, named: bool, configured: Configured) -> String {
        let served = Served {
            resource: ApiResource {
                group: "cert-manager.io".to_owned(),
                version: "v1".to_owned(),
                api_version: "cert-manager.io/v1".to_owned(),
                kind: "ClusterIssuer".to_owned(),
                plural: "clusterissuers".to_owned(),
            },
            status: Status::Subresource,
            namespaced,
        };
        let configured = Configured {
            api_version: "cert-manager.io/v1".to_owned(),
            kind: "ClusterIssuer".to_owned(),
            ..configured
        };
        let names = named.then(|| NAME.to_owned()).into_iter().collect();
        match fits(&served, &configured, &names) {
            Ok(()) => String::new(),
            Err(failure) => failure.to_string(),
        }
    }

    fn import(reverse: usize) -> Configured {
        let patch: Patch = serde_saphyr::from_str("{op: remove, path: spec.a}").unwrap();
        Configured {
            import: Some(Import {
                reverse_patches: vec![patch; reverse],
                ..Import::default()
            }),
            ..Configured::default()
        }
    }

    fn mapped() -> Configured {
        let mapping = Mapping::parse("a/*", "b/*", "own").unwrap();
        Configured {
            import: Some(Import {
                mappings: vec![mapping],
                ..Import::default()
            }),
            ..Configured::default()
        }
    }

    fn export() -> Configured {
        Configured {
            export: Some(Export::default()),
            ..Configured::default()
        }
    }

    #[rstest]
    #[case::an_import_that_is_named(false, true, import(0), "")]
    #[case::an_import_that_is_not(false, false, import(0), NAME)]
    #[case::an_import_that_writes(false, true, import(1), "reversePatches")]
    #[case::a_mapping(false, false, mapped(), "cannot be mapped")]
    #[case::a_mapping_of_namespaces(true, false, mapped(), "")]
    #[case::an_export(false, true, export(), "can't be exported")]
    #[case::a_namespaced_kind(true, false, export(), "")]
    #[case::a_namespaced_kind_that_is_named(true, true, import(0), "belongs to namespaces")]
    fn a_kind_in_no_namespace_is_shown_if_it_is_named_and_never_taken(
        #[case] namespaced: bool,
        #[case] named: bool,
        #[case] configured: Configured,
        #[case] expected: &str,
    ) {
        let said = told(namespaced, named, configured);
        assert_eq!(said.is_empty(), expected.is_empty(), "{said}");
        assert!(said.contains(expected), "{said}");
    }
}
