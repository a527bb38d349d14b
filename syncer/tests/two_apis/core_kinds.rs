//! Ingresses, network policies and disruption budgets.

use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{NamespacePair, Tenant};

#[rstest]
#[case::an_ingress(ingress(), "/spec/rules/0/host", json!({"spec": {"rules": [{"host": "b.example.org"}]}}), "b.example.org")]
#[case::a_network_policy(
    network_policy(),
    "/spec/policyTypes",
    json!({"spec": {"policyTypes": ["Egress"]}}),
    json!(["Egress"])
)]
#[case::a_disruption_budget(budget(), "/spec/minAvailable", json!({"spec": {"minAvailable": 2}}), 2)]
#[tokio::test]
async fn it_is_on_the_host_follows_its_changes_and_is_deleted_with_it(
    #[case] object: Value,
    #[case] place: &str,
    #[case] change: Value,
    #[case] after: impl Into<Value>,
) {
    let space = NamespacePair::of_all_kinds().await;
    let (guest, host) = (&space.guest, &space.host);
    let kind = object["kind"].as_str().expect("it has one").to_owned();
    let ours = guest.create(object).await;
    let theirs = host.appears(&kind, "app").await;
    assert_eq!(theirs.pointer(place), ours.pointer(place));
    assert_eq!(theirs["metadata"]["labels"], json!({"team": "a"}));
    guest.merge(&kind, "app", &change).await;
    host.shows(&kind, "app", place, after).await;
    // What somebody takes away there is recreated.
    host.delete(&kind, "app").await;
    host.sees(&kind, "app", "another", |found| {
        (found["metadata"]["uid"] != theirs["metadata"]["uid"]).then_some(())
    })
    .await;
    guest.delete(&kind, "app").await;
    host.until_gone(&kind, "app").await;
}

#[rstest]
#[case::an_ingress(ingress())]
#[case::a_network_policy(network_policy())]
#[case::a_disruption_budget(budget())]
#[tokio::test]
async fn what_the_host_refuses_gets_an_event(#[case] mut object: Value) {
    let space = NamespacePair::of_all_kinds().await;
    let kind = object["kind"].as_str().expect("it has one").to_owned();
    // The host has one of that name already.
    let theirs = space.host.create(object.clone()).await;
    object["metadata"]["labels"] = json!({"team": "b"});
    space.guest.create(object).await;
    let words = "not this virtual cluster's: it is left as it is";
    space.guest.has_event(&kind, "app", words).await;
    assert_eq!(space.host.get(&kind, "app").await, Some(theirs));
    space.host.delete(&kind, "app").await;
    let team = "/metadata/labels/team";
    space.host.shows(&kind, "app", team, "b").await;
}

#[tokio::test]
async fn an_ingresses_certificate_is_on_the_host_and_its_address_in_the_guest() {
    let space = NamespacePair::of_all_kinds().await;
    let (guest, host) = (&space.guest, &space.host);
    let certificate = json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "certificate"}, "stringData": {"a": "b"},
    });
    guest.create(certificate).await;
    let mut ingress = ingress();
    ingress["spec"]["tls"] = json!([{"hosts": ["a.example.org"], "secretName": "certificate"}]);
    guest.create(ingress).await;
    host.appears("Ingress", "app").await;
    host.appears("Secret", "certificate").await;
    let balancer = json!({"ingress": [{"ip": "192.0.2.1"}]});
    host.merge_status("Ingress", "app", &json!({"loadBalancer": balancer}))
        .await;
    guest
        .shows("Ingress", "app", "/status/loadBalancer", balancer)
        .await;
    guest.delete("Ingress", "app").await;
    host.until_gone("Secret", "certificate").await;
}

#[tokio::test]
async fn a_policy_for_all_namespaces_is_for_the_tenants_own() {
    let space = NamespacePair::of_all_kinds().await;
    let tenant = Tenant::of_all_kinds().await;
    let mut policy = network_policy();
    let named = json!({"kubernetes.io/metadata.name": space.guest.namespace()});
    policy["spec"]["ingress"] = json!([{"from": [
        {"namespaceSelector": {}},
        {"namespaceSelector": {"matchLabels": named}},
    ]}]);
    space.guest.create(policy).await;
    let theirs = space.host.appears("NetworkPolicy", "app").await;
    let all = json!({
        "vcluster.loft.sh/vcluster-name": tenant.name(),
        "vcluster.loft.sh/vcluster-namespace": tenant.namespace(),
    });
    let mut one = all.clone();
    one["kubernetes.io/metadata.name"] = json!(space.host.namespace());
    let peers = &theirs["spec"]["ingress"][0]["from"];
    assert_eq!(peers[0]["namespaceSelector"]["matchLabels"], all);
    assert_eq!(peers[1]["namespaceSelector"]["matchLabels"], one);
    // These are the labels that the host's namespace has.
    let everywhere = space.host.everywhere();
    let namespace = everywhere.get("Namespace", space.host.namespace()).await;
    let labels = namespace.expect("it is there")["metadata"]["labels"].clone();
    for (label, value) in one.as_object().expect("it is a map") {
        assert_eq!(labels[label], *value);
    }
}

fn ingress() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "Ingress",
        "metadata": {"name": "app", "labels": {"team": "a"}},
        "spec": {
            "defaultBackend": {"service": {"name": "app", "port": {"number": 80}}},
            "rules": [{"host": "a.example.org"}],
        },
    })
}

fn network_policy() -> Value {
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "app", "labels": {"team": "a"}},
        "spec": {"podSelector": {"matchLabels": {"app": "app"}}, "policyTypes": ["Ingress"]},
    })
}

fn budget() -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "app", "labels": {"team": "a"}},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "app"}}},
    })
}
