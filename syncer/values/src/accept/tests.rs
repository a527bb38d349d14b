use rstest::rstest;

use super::*;

const GENERIC: &str = "experimental:\n  multiNamespaceMode: {enabled: true}\n  genericSync:\n";

fn told(text: &str) -> String {
    match accept_of_any(text, "values.yaml", None) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    }
}

#[rstest]
#[case::pods("export: [{kind: Pod, apiVersion: v1}]")]
#[case::namespaces("export: [{kind: Namespace, apiVersion: v1}]")]
#[case::secrets("export: [{kind: Secret, apiVersion: v1}]")]
#[case::slices("export: [{kind: EndpointSlice, apiVersion: discovery.k8s.io/v1}]")]
#[case::claims("export: [{kind: PersistentVolumeClaim, apiVersion: v1}]")]
#[case::cluster_roles("export: [{kind: ClusterRole, apiVersion: rbac.authorization.k8s.io/v1}]")]
#[case::ingress_classes("export: [{kind: IngressClass, apiVersion: networking.k8s.io/v1}]")]
#[case::an_import_of_namespaces("import: [{kind: Namespace, apiVersion: v1}]")]
#[case::an_import_of_nodes("import: [{kind: Node, apiVersion: v1}]")]
#[case::an_import_of_ingress_classes("import: [{kind: IngressClass, apiVersion: networking.k8s.io/v1}]")]
#[case::an_import_of_cluster_roles("import: [{kind: ClusterRole, apiVersion: rbac.authorization.k8s.io/v1}]")]
#[case::no_api_version("export: [{kind: Pod, apiVersion: ''}]")]
#[case::no_version("import: [{kind: Component, apiVersion: dapr.io/}]")]
#[case::no_kind("export: [{kind: '', apiVersion: v1}]")]
#[case::a_resource_for_a_kind("export: [{kind: components.dapr.io, apiVersion: dapr.io/v1alpha1}]")]
fn a_kind_that_the_syncer_would_refuse_is_refused(#[case] list: &str) {
    let text = format!("{GENERIC}    {list}\n");
    let name = list.replace(|sign: char| !sign.is_alphanumeric(), "-");
    insta::with_settings!({snapshot_suffix => name.trim_matches('-')}, {
        insta::assert_snapshot!("kinds", told(&text));
    });
}

#[rstest]
#[case::pods_are_imported(
    "experimental: {multiNamespaceMode: {enabled: true}, genericSync: {import: [{kind: Pod, apiVersion: v1}]}}\n"
)]
#[case::secrets_are_imported(
    "experimental: {multiNamespaceMode: {enabled: true}, genericSync: {import: [{kind: Secret, apiVersion: v1}]}}\n"
)]
#[case::a_core_kind_that_is_off(
    "experimental: {multiNamespaceMode: {enabled: true}, genericSync: {export: [{kind: Ingress, apiVersion: \
     networking.k8s.io/v1}]}}\n"
)]
#[case::a_cluster_scoped_kind_that_is_named(
    "experimental: {multiNamespaceMode: {enabled: true}, genericSync: {clusterScoped: [ingressclasses.networking.k8s.io], \
     import: [{kind: IngressClass, apiVersion: networking.k8s.io/v1}]}}\n"
)]
#[case::kinds_that_only_the_host_knows(
    "experimental: {multiNamespaceMode: {enabled: true}, genericSync: {import: [{kind: A, apiVersion: b.c/v1}], export: \
     [{kind: D, apiVersion: e.f/v2alpha1}]}}\n"
)]
fn what_the_syncer_can_do_is_accepted(#[case] text: &str) {
    assert_eq!(told(text), "");
}

#[rstest]
#[case::in_the_embedded_text(
    "multiNamespaceMode: {enabled: true}\nsync:\n  generic:\n    config: |-\n      version: v1beta1\n      export:\n      - \
     {kind: Pod, apiVersion: v1}\n",
    "values.yaml:4: `sync.generic.config`: export of Pod of v1: "
)]
#[case::by_resource(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n    customResources: {clusterroles.rbac.authorization.k8s.io: {enabled: \
     true}}\n",
    "values.yaml:4: `sync.toHost.customResources`: export of clusterroles.rbac.authorization.k8s.io: the kind is cluster-scoped"
)]
#[case::a_core_kind_by_resource(
    "sync:\n  toHost:\n    namespaces: {enabled: true}\n    ingresses: {enabled: true}\n    customResources: \
     {ingresses.networking.k8s.io: {enabled: true}}\n",
    "values.yaml:5: `sync.toHost.customResources`: export of ingresses.networking.k8s.io: the syncer reconciles this kind itself, as \
     `sync.toHost.ingresses.enabled`"
)]
#[case::shown_already(
    "sync:\n  toHost: {namespaces: {enabled: true}}\n  fromHost:\n    ingressClasses: {enabled: true}\n    customResources: \
     {ingressclasses.networking.k8s.io: {enabled: true, scope: Cluster}}\n",
    "values.yaml:5: `sync.fromHost.customResources`: import of ingressclasses.networking.k8s.io: the guest shows the host's"
)]
#[case::priority_classes(
    "multiNamespaceMode: {enabled: true}\nsync:\n  priorityclasses: {enabled: true}\n",
    "values.yaml:3: `sync.priorityclasses.enabled`: priority classes are cluster-scoped"
)]
#[case::all_secrets_beside_the_control_plane(
    "experimental: {multiNamespaceMode: {enabled: true}}\nsync:\n  fromHost:\n    secrets: {enabled: true, mappings: {byName: {'': \
     default}}}\n",
    "values.yaml:4: `sync.fromHost.secrets.mappings.byName`: the keys of the control plane"
)]
#[case::a_selector_that_is_none(
    "sync:\n  toHost: {namespaces: {enabled: true}}\n  fromHost: {ingressClasses: {enabled: true, selector: {matchExpressions: \
     [{key: a, operator: Exits}]}}}\n",
    "values.yaml:3: `sync.fromHost.ingressClasses.selector`: this is no label selector: "
)]
fn a_refusal_names_its_key(#[case] text: &str, #[case] expected: &str) {
    let told = told(text);
    assert!(told.contains(expected), "{told}");
}

#[test]
fn all_secrets_of_the_control_planes_own_namespace_are_refused_by_its_name() {
    let text = "experimental: {multiNamespaceMode: {enabled: true}}\nsync: {fromHost: {secrets: {enabled: true, mappings: \
                {byName: {home/*: default/*}}}}}\n";
    let of = |namespace| accept(text, "values.yaml", None, &Tenant::new("team-a", namespace));
    assert!(of("away").is_ok());
    let error = of("home").expect_err("its keys would be shown");
    assert!(error.to_string().contains("keys of the control plane"), "{error}");
}

#[test]
fn a_namespace_may_not_be_called_as_that_of_the_control_plane() {
    let text = include_str!("../../../fixtures/values/named.0.28.yaml");
    let of = |namespace| accept(text, "values.yaml", None, &Tenant::new("team-a", namespace));
    assert!(of("vcluster-team-a").is_ok());
    let error = of("team-a-house").expect_err("it meets its control plane");
    let expected = "`sync.toHost.namespaces.mappings.byName`: `house` cannot be `team-a-house`, where the control plane is";
    assert!(error.to_string().contains(expected), "{error}");
}
