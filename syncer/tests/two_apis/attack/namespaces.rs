//! Labels of the host namespaces: a tenant must not set the labels that the host's policies select by.

use rstest::rstest;
use serde_json::{Value, json};

use super::Layers;
use crate::rig::{NamespacePair, Refusal, Side, Tenant, namespace};

const ENFORCE: &str = "/metadata/labels/pod-security.kubernetes.io~1enforce";

#[rstest]
#[case::of_gatekeeper("admission.gatekeeper.sh/ignore", "no-self-managing")]
#[case::of_rancher("field.cattle.io/projectId", "p-12345")]
#[case::of_a_mesh("istio-injection", "disabled")]
#[case::of_a_policy("team", "platform")]
#[case::of_pod_security("pod-security.kubernetes.io/enforce", "privileged")]
#[case::of_pod_securitys_version("pod-security.kubernetes.io/enforce-version", "v1.0")]
#[case::of_kubernetes("kubernetes.io/metadata.name", "kube-system")]
#[tokio::test]
async fn a_label_that_others_go_by_fails_by_two_layers(#[case] key: &str, #[case] value: &str) {
    let (space, layers) = (NamespacePair::shared().await, Layers::shared().await);
    let (guest, host) = (space.guest.everywhere(), space.host.everywhere());
    let labels = json!({key: value, "seen": "yes"});
    guest
        .merge(
            "Namespace",
            space.guest.namespace(),
            &json!({"metadata": {"labels": labels}}),
        )
        .await;
    // The syncer passes it under a key that nobody goes by.
    let seen = host
        .sees("Namespace", space.host.namespace(), "labelled anew", |found| {
            let labels = found["metadata"]["labels"].as_object()?;
            let renamed = labels
                .iter()
                .find(|(key, value)| key.starts_with("vcluster.loft.sh/label-") && **value == json!("yes"));
            renamed.map(|_| found.clone())
        })
        .await;
    assert_ne!(seen["metadata"]["labels"][key], value);
    assert_eq!(seen.pointer(ENFORCE), Some(&json!("baseline")));
    // The policies.
    let refused = label(&layers.policies, key, &json!(value)).await;
    if key == "kubernetes.io/metadata.name" {
        // The API server writes it itself.
        refused.expect("it has no effect");
    } else {
        assert_eq!(refused.expect_err("it is refused").code, 403);
    }
}

#[tokio::test]
async fn the_standard_of_a_namespace_can_only_be_raised() {
    let tenant = Tenant::shared().await;
    let space = NamespacePair::shared().await;
    let (host, account) = (space.host.everywhere(), tenant.account().await);
    let name = space.host.namespace();
    let set = |side: Side, level: Value| async move {
        let path = format!("{}?dryRun=All", side.path("Namespace", name));
        let change = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        side.patch(&path, &change).await
    };
    let level = |level: &'static str| json!(level);
    for lower in [level("privileged"), Value::Null] {
        let refusal = set(account.everywhere(), lower).await.expect_err("it is refused");
        assert_eq!(refusal.code, 403, "{refusal}");
    }
    // Raised, as a host does that restricts namespaces by default: its admission writes the level into the request.
    set(account.everywhere(), level("restricted"))
        .await
        .expect("it is stricter");
    let unknown = set(account.everywhere(), level("strictest")).await;
    assert!(unknown.is_err(), "{unknown:?}");
    host.merge(
        "Namespace",
        name,
        &json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}),
    )
    .await;
    let refusal = set(account.everywhere(), level("baseline")).await;
    assert_eq!(refusal.expect_err("it is refused").code, 403);
    // The syncer leaves it, and goes on writing the rest.
    let guest = space.guest.everywhere();
    guest
        .merge(
            "Namespace",
            space.guest.namespace(),
            &json!({"metadata": {"labels": {"later": "yes"}}}),
        )
        .await;
    let seen = host
        .sees("Namespace", name, "written again", |found| {
            let labels = found["metadata"]["labels"].as_object()?;
            labels
                .iter()
                .any(|(key, value)| key.starts_with("vcluster.loft.sh/label-") && *value == json!("yes"))
                .then(|| found.clone())
        })
        .await;
    assert_eq!(seen.pointer(ENFORCE), Some(&json!("restricted")));
}

#[tokio::test]
async fn a_label_of_the_hosts_cannot_be_removed() {
    let (layers, space) = (Layers::shared().await, NamespacePair::shared().await);
    let name = layers.policies.namespace();
    layers
        .none
        .everywhere()
        .merge(
            "Namespace",
            name,
            &json!({"metadata": {"labels": {"network-zone": "tenants"}}}),
        )
        .await;
    let refusal = label(&layers.policies, "network-zone", &Value::Null).await;
    assert_eq!(refusal.expect_err("it is refused").code, 403);
    // Nor by the list of what the syncer has copied, which says what it may remove.
    let path = format!(
        "{}?dryRun=All",
        layers.policies.everywhere().path("Namespace", name)
    );
    let claim = json!({"metadata": {"annotations": {"vcluster.loft.sh/managed-labels": "network-zone"}}});
    let refusal = layers.policies.everywhere().patch(&path, &claim).await;
    assert_eq!(refusal.expect_err("it is refused").code, 403);
    drop(space);
}

#[tokio::test]
async fn a_label_that_the_values_name_keeps_its_key() {
    let values = "multiNamespaceMode: {enabled: true}\n\
                  defaults: {policies: {namespaceLabels: ['mesh.example.com/*', team], namespaces: 7}}\n";
    let tenant = Tenant::with_values("labelled", values).await;
    let guest = tenant.guest().await;
    let mut wanted = namespace("web");
    wanted["metadata"]["labels"] = json!({"team": "a", "mesh.example.com/inject": "yes", "other": "b"});
    guest.create(wanted).await;
    let host = tenant.host().await;
    let name = tenant.host_namespace("web");
    let found = host.shows("Namespace", &name, "/metadata/labels/team", "a").await;
    assert_eq!(found["metadata"]["labels"]["mesh.example.com/inject"], "yes");
    assert_eq!(found["metadata"]["labels"].get("other"), None);
    // Of its namespaces, default, kube-system and two more of Kubernetes' own are among the seven.
    for further in ["one", "two"] {
        guest.create(namespace(further)).await;
        host.appears("Namespace", &tenant.host_namespace(further)).await;
    }
    guest.create(namespace("three")).await;
    guest
        .has_event(
            "Namespace",
            "three",
            "`defaults.policies.namespaces` of its values allows 7",
        )
        .await;
    assert_eq!(host.get("Namespace", &tenant.host_namespace("three")).await, None);
    guest.delete("Namespace", "one").await;
    host.appears("Namespace", &tenant.host_namespace("three")).await;
}

/// A syncer does not know after its start which namespaces it has on the host.
#[tokio::test]
async fn after_a_restart_the_limit_of_namespaces_still_holds() {
    let values = "multiNamespaceMode: {enabled: true}\ndefaults: {policies: {namespaces: 6}}\n";
    let mut tenant = Tenant::with_values("full-house", values).await;
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    // Four of Kubernetes' own are among the six.
    for name in ["y", "z"] {
        guest.create(namespace(name)).await;
        host.appears("Namespace", &tenant.host_namespace(name)).await;
    }
    let beyond = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let words = "`defaults.policies.namespaces` of its values allows 6";
    for name in beyond {
        guest.create(namespace(name)).await;
        guest.has_event("Namespace", name, words).await;
    }

    tenant.stop().await;
    tenant.start().await;

    // All have been looked at when there is a place for one more.
    guest.delete("Namespace", "z").await;
    host.until_gone("Namespace", &tenant.host_namespace("z")).await;
    let found = host
        .sees("Namespace", "", "one more", |list| {
            let items = list["items"].as_array()?;
            let names = items.iter().filter_map(|item| item["metadata"]["name"].as_str());
            let came = beyond.map(|name| tenant.host_namespace(name));
            let came = names
                .filter(|name| came.iter().any(|other| other == name))
                .count();
            (came > 0).then_some(came)
        })
        .await;
    assert_eq!(found, 1);
}

async fn label(side: &Side, key: &str, value: &Value) -> Result<Value, Refusal> {
    let everywhere = side.everywhere();
    let path = format!("{}?dryRun=All", everywhere.path("Namespace", side.namespace()));
    everywhere
        .patch(&path, &json!({"metadata": {"labels": {key: value}}}))
        .await
}
