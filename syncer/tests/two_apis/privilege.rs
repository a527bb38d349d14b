//! Forbidden actions of the syncer's account on the host.

use http::Method;
use provision::wait::{self, Seen};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Refusal, SOON, Side, Tenant, component, unique};

const NAMESPACES: &str = "/api/v1/namespaces";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces";
const COMPONENTS: &str = "/apis/dapr.io/v1alpha1/namespaces";

#[rstest]
#[case::a_secret(format!("{NAMESPACES}/THEIRS/secrets/password"))]
#[case::secrets(format!("{NAMESPACES}/THEIRS/secrets"))]
#[case::pods(format!("{NAMESPACES}/THEIRS/pods"))]
#[case::config_maps(format!("{NAMESPACES}/THEIRS/configmaps"))]
#[case::events(format!("{NAMESPACES}/THEIRS/events"))]
#[case::a_component(format!("{COMPONENTS}/THEIRS/components/store"))]
#[case::components(format!("{COMPONENTS}/THEIRS/components"))]
#[case::its_own_values(format!("{NAMESPACES}/CONTROL/secrets/vc-config-NAME"))]
#[case::secrets_beside_it(format!("{NAMESPACES}/CONTROL/secrets"))]
#[case::pods_beside_it(format!("{NAMESPACES}/CONTROL/pods"))]
#[case::a_namespace(format!("{NAMESPACES}/THEIRS"))]
#[case::a_namespace_of_the_hosts(format!("{NAMESPACES}/kube-system"))]
#[case::a_binding(format!("{BINDINGS}/THEIRS/rolebindings/theirs"))]
#[case::bindings(format!("{BINDINGS}/THEIRS/rolebindings"))]
#[case::all_bindings("/apis/rbac.authorization.k8s.io/v1/rolebindings".to_owned())]
#[case::all_secrets("/api/v1/secrets".to_owned())]
#[case::all_pods("/api/v1/pods".to_owned())]
#[case::all_components("/apis/dapr.io/v1alpha1/components".to_owned())]
#[case::all_namespaces(NAMESPACES.to_owned())]
#[case::nodes("/api/v1/nodes".to_owned())]
#[case::volumes("/api/v1/persistentvolumes".to_owned())]
#[case::storage_classes("/apis/storage.k8s.io/v1/storageclasses".to_owned())]
#[case::ingress_classes("/apis/networking.k8s.io/v1/ingressclasses".to_owned())]
#[case::its_own_ingresses("/apis/networking.k8s.io/v1/namespaces/OWN/ingresses".to_owned())]
#[tokio::test]
async fn what_is_not_its_own_it_may_not_read(#[case] path: String) {
    let attempt = Attempt::new().await;
    for own in [
        format!("{NAMESPACES}/OWN/secrets"),
        format!("{NAMESPACES}/OWN/pods"),
        format!("{COMPONENTS}/OWN/components"),
    ] {
        attempt
            .ask(Method::GET, &own, None)
            .await
            .expect("its own it may read");
    }
    attempt.is_forbidden(Method::GET, &path, None).await;
}

#[rstest]
#[case::a_component(format!("{COMPONENTS}/THEIRS/components"), component("ours", "1"))]
#[case::a_secret(
    format!("{NAMESPACES}/THEIRS/secrets"),
    json!({"metadata": {"name": "ours"}}),
)]
#[case::a_secret_beside_it(
    format!("{NAMESPACES}/CONTROL/secrets"),
    json!({"metadata": {"name": "vc-somebody"}}),
)]
#[case::a_lease_beside_it(
    "/apis/coordination.k8s.io/v1/namespaces/CONTROL/leases".to_owned(),
    json!({"metadata": {"name": "somebodys-syncer"}}),
)]
#[case::a_pod_beside_it(
    format!("{NAMESPACES}/CONTROL/pods"),
    json!({"metadata": {"name": "ours"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}),
)]
#[case::a_namespace_without_labels(
    NAMESPACES.to_owned(),
    json!({"metadata": {"name": "vcluster-00000000-SUFFIX"}}),
)]
#[case::a_namespace_of_another_tenant(
    NAMESPACES.to_owned(),
    json!({"metadata": {"name": "vcluster-00000000-SUFFIX", "labels": {
        "vcluster.loft.sh/vcluster-name": "theirs",
        "vcluster.loft.sh/vcluster-namespace": "vcluster-theirs",
    }}}),
)]
#[case::a_namespace_of_any_name(
    NAMESPACES.to_owned(),
    json!({"metadata": {"name": "dapr-system", "labels": {
        "vcluster.loft.sh/vcluster-name": "NAME",
        "vcluster.loft.sh/vcluster-namespace": "CONTROL",
    }}}),
)]
#[case::an_administrator_at_home(
    format!("{BINDINGS}/OWN/rolebindings"),
    binding("cluster-admin", "vc-NAME"),
)]
#[case::somebody_elses_rights(
    format!("{BINDINGS}/OWN/rolebindings"),
    binding("vc-NAME-v-CONTROL-tenant", "default"),
)]
#[case::its_rights_elsewhere(
    format!("{BINDINGS}/THEIRS/rolebindings"),
    binding("vc-NAME-v-CONTROL-tenant", "vc-NAME"),
)]
#[case::its_rights_beside_it(
    format!("{BINDINGS}/CONTROL/rolebindings"),
    binding("vc-NAME-v-CONTROL-tenant", "vc-NAME"),
)]
#[case::an_administrator_of_all(
    "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings".to_owned(),
    binding("cluster-admin", "vc-NAME"),
)]
#[case::a_role_at_home(
    "/apis/rbac.authorization.k8s.io/v1/namespaces/OWN/roles".to_owned(),
    json!({"metadata": {"name": "ours"}, "rules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]}),
)]
#[case::a_token_of_the_hosts(
    format!("{NAMESPACES}/kube-system/serviceaccounts/namespace-controller/token"),
    json!({"spec": {}}),
)]
#[case::a_token_of_its_pods(
    format!("{NAMESPACES}/OWN/serviceaccounts/vc-workload-NAME/token"),
    json!({"spec": {}}),
)]
#[tokio::test]
async fn what_is_not_its_own_it_may_not_make(#[case] path: String, #[case] object: Value) {
    Attempt::new()
        .await
        .is_forbidden(Method::POST, &path, Some(&object))
        .await;
}

#[rstest]
#[case::another_tenants_labels(format!("{NAMESPACES}/THEIRS"), own_labels())]
#[case::another_tenants_annotations(format!("{NAMESPACES}/THEIRS"), json!({"metadata": {"annotations": {"a": "b"}}}))]
#[case::labels_of_the_hosts(format!("{NAMESPACES}/kube-system"), own_labels())]
#[case::labels_beside_it(format!("{NAMESPACES}/CONTROL"), own_labels())]
#[case::whose_its_own_is(
    format!("{NAMESPACES}/OWN"),
    json!({"metadata": {"labels": {"vcluster.loft.sh/vcluster-name": "theirs"}}}),
)]
#[case::its_binding(
    format!("{BINDINGS}/OWN/rolebindings/vc-NAME"),
    json!({"subjects": [{"kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "system:authenticated"}]}),
)]
#[case::another_tenants_binding(
    format!("{BINDINGS}/THEIRS/rolebindings/theirs"),
    json!({"subjects": [{"kind": "ServiceAccount", "name": "vc-NAME", "namespace": "CONTROL"}]}),
)]
#[case::nothing_of_another_tenants_binding(format!("{BINDINGS}/THEIRS/rolebindings/theirs"), json!({}))]
#[case::nothing_of_another_tenants_namespace(format!("{NAMESPACES}/THEIRS"), json!({}))]
#[case::nothing_of_a_namespace_of_the_hosts(format!("{NAMESPACES}/kube-system"), json!({}))]
#[case::its_role(
    "/apis/rbac.authorization.k8s.io/v1/clusterroles/vc-NAME-v-CONTROL-tenant".to_owned(),
    json!({"rules": []}),
)]
#[case::its_values(format!("{NAMESPACES}/CONTROL/secrets/vc-config-NAME"), json!({"data": {}}))]
#[case::its_service(format!("{NAMESPACES}/CONTROL/services/NAME"), json!({"spec": {"selector": {}}}))]
#[case::another_tenants_component(
    format!("{COMPONENTS}/THEIRS/components/store"),
    json!({"spec": {"version": "v2"}}),
)]
#[case::a_definition(
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/components.dapr.io".to_owned(),
    json!({"metadata": {"labels": {"a": "b"}}}),
)]
#[case::the_policy_that_fences_it(
    "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/vc-NAME-v-CONTROL-namespaces".to_owned(),
    json!({"spec": {"failurePolicy": "Ignore"}}),
)]
#[tokio::test]
async fn what_is_not_its_own_it_may_not_change(#[case] path: String, #[case] changes: Value) {
    Attempt::new()
        .await
        .is_forbidden(Method::PATCH, &path, Some(&changes))
        .await;
}

#[rstest]
#[case::another_tenants_namespace(format!("{NAMESPACES}/THEIRS"))]
#[case::a_namespace_of_the_hosts(format!("{NAMESPACES}/kube-node-lease"))]
#[case::the_namespace_beside_it(format!("{NAMESPACES}/CONTROL"))]
#[case::another_tenants_binding(format!("{BINDINGS}/THEIRS/rolebindings/theirs"))]
#[case::another_tenants_component(format!("{COMPONENTS}/THEIRS/components/store"))]
#[case::another_tenants_components(format!("{COMPONENTS}/THEIRS/components"))]
#[case::a_definition("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/components.dapr.io".to_owned())]
#[tokio::test]
async fn what_is_not_its_own_it_may_not_delete(#[case] path: String) {
    Attempt::new()
        .await
        .is_forbidden(Method::DELETE, &path, None)
        .await;
}

/// The account of the shared tenant, and a namespace of another tenant.
struct Attempt {
    account: Side,
    theirs: Side,
    words: [(&'static str, String); 5],
}

impl Attempt {
    async fn new() -> Self {
        let tenant = Tenant::shared().await;
        let theirs = of_another_tenant(&tenant.host().await).await;
        let own = tenant.host_namespace("default");
        let suffix = own.rsplit('-').next().expect("it has one").to_owned();
        let attempt = Self {
            account: tenant.account().await,
            words: [
                ("THEIRS", theirs.namespace().to_owned()),
                ("OWN", own),
                ("SUFFIX", suffix),
                ("CONTROL", tenant.namespace().to_owned()),
                ("NAME", tenant.name().to_owned()),
            ],
            theirs,
        };
        attempt.fenced().await;
        attempt
    }

    /// Waits until the policies are in force, which takes the API server a moment after their creation.
    async fn fenced(&self) {
        let rights = binding("vc-NAME-v-CONTROL-tenant", "vc-NAME");
        let probes = [
            (NAMESPACES.to_owned(), json!({"metadata": {"name": "probe"}})),
            (format!("{BINDINGS}/THEIRS/rolebindings"), rights),
            (
                format!("{NAMESPACES}/CONTROL/secrets"),
                json!({"metadata": {"name": "probe"}}),
            ),
        ];
        for (path, object) in &probes {
            wait::until(format!("a policy on {path}"), SOON, || async {
                let answer = self
                    .ask(Method::POST, &format!("{path}?dryRun=All"), Some(object))
                    .await;
                Ok::<_, Refusal>(match answer {
                    Err(refusal) if refusal.code == 403 => Seen::Ready(()),
                    other => Seen::NotYet(format!("{other:?}")),
                })
            })
            .await
            .expect("it is in force");
        }
    }

    async fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Refusal> {
        let filled = |text: String| {
            (self.words.iter()).fold(text, |text, (word, meaning)| text.replace(word, meaning))
        };
        let content = if method == Method::PATCH {
            "application/merge-patch+json"
        } else {
            "application/json"
        };
        let body = body.map(|body| serde_json::from_str(&filled(body.to_string())).expect("it is JSON"));
        self.account
            .ask(method, &filled(path.to_owned()), content, body.as_ref())
            .await
    }

    /// Sends a request, expects a refusal, and checks that the other tenant's objects are unchanged.
    async fn is_forbidden(&self, method: Method, path: &str, body: Option<&Value>) {
        let before = self.everything_of_theirs().await;
        let refusal = self.ask(method, path, body).await.expect_err("it is refused");
        assert_eq!(refusal.code, 403, "{refusal}");
        assert_eq!(self.everything_of_theirs().await, before);
    }

    async fn everything_of_theirs(&self) -> Vec<Value> {
        let namespace = self
            .theirs
            .everywhere()
            .get("Namespace", self.theirs.namespace())
            .await;
        let mut all = vec![namespace.expect("it is there")];
        for kind in ["Secret", "Component", "RoleBinding"] {
            all.extend(self.theirs.list(kind).await);
        }
        all
    }
}

/// Creates a namespace as another virtual cluster has it on the host.
async fn of_another_tenant(host: &Side) -> Side {
    let name = unique("vcluster-theirs");
    let namespace = json!({
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {
            "vcluster.loft.sh/managed-by": "vcluster-theirs-x-theirs",
            "vcluster.loft.sh/vcluster-name": "theirs",
            "vcluster.loft.sh/vcluster-namespace": "vcluster-theirs",
        }},
    });
    host.create(namespace).await;
    let theirs = host.within(&name);
    let password = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "password"}, "stringData": {"a": "b"}});
    theirs.create(password).await;
    theirs.create(component("store", "theirs")).await;
    let binding = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "RoleBinding",
        "metadata": {"name": "theirs"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
        "subjects": [],
    });
    theirs.create(binding).await;
    theirs
}

fn own_labels() -> Value {
    json!({"metadata": {"labels": {
        "vcluster.loft.sh/vcluster-name": "NAME",
        "vcluster.loft.sh/vcluster-namespace": "CONTROL",
    }}})
}

fn binding(role: &str, account: &str) -> Value {
    json!({
        "metadata": {"name": "ours"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": role},
        "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": "CONTROL"}],
    })
}
