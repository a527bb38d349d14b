//! All permissions of the syncer's account on the host, as the host's API server lists them.
//!
//! A permission that the chart or Kubernetes adds changes a file here and is seen in review. Policies restrict the permissions
//! for namespaces, role bindings, Secrets and leases further; they are not RBAC and not listed: see `privilege`.

use std::collections::BTreeSet;
use std::sync::Arc;

use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{Tenant, namespace, unique};

/// Values with every key that gives permissions.
const ALL: &str = r"
sync:
  toHost:
    namespaces: {enabled: true, mappings: {byName: {'team-*': '${name}-team-*'}}}
    configMaps: {all: true}
    secrets: {all: true}
    ingresses: {enabled: true}
    networkPolicies: {enabled: true}
    podDisruptionBudgets: {enabled: true}
    customResources: {components.dapr.io: {enabled: true}}
  fromHost:
    nodes: {enabled: true, selector: {all: true}}
    storageClasses: {enabled: true}
    ingressClasses: {enabled: true}
    runtimeClasses: {enabled: true}
    priorityClasses: {enabled: true}
    configMaps: {enabled: true, mappings: {byName: {kube-public/shared: default/shared}}}
    secrets: {enabled: true, mappings: {byName: {kube-public/shared: default/shared}}}
    customResources:
      subscriptions.dapr.io: {enabled: true, scope: Namespaced}
      resiliencies.dapr.io: {enabled: true, scope: Namespaced, mappings: {byName: {kube-public/*: default/*}}}
networking:
  replicateServices:
    toHost: [{from: default/web, to: kube-public/inventory-web}]
    fromHost: [{from: kube-public/store, to: default/store}]
integrations: {metricsServer: {enabled: true}}
rbac: {role: {extraRules: [{apiGroups: [''], resources: [limitranges], verbs: [list]}]}}
";

#[rstest]
#[case::of_the_tutorials_values("tutorial")]
#[case::with_every_kind_that_has_a_switch("every-kind")]
#[case::with_all_that_can_be_asked_for("all")]
#[tokio::test]
async fn the_account_may_do_this_and_no_more(#[case] which: &str) {
    let tenant = match which {
        "tutorial" => Tenant::shared().await,
        "all" => Arc::new(Tenant::with_values("inventory", ALL).await),
        _ => Tenant::of_all_kinds().await,
    };
    let elsewhere = unique("elsewhere");
    tenant.host().await.create(namespace(&elsewhere)).await;
    // What any account may, it may in a namespace that has nothing to do with it.
    let anywhere = rules(&tenant, &elsewhere).await;
    let mut text = table("in any namespace, and in none", &anywhere);
    let own = tenant.host_namespace("default");
    let shown = "in a namespace that the values name, besides";
    let mut places = vec![
        ("in a host namespace of its own, besides", own.as_str()),
        (
            "in the namespace of its control plane, besides",
            tenant.namespace(),
        ),
    ];
    places.extend((which == "all").then_some((shown, "kube-public")));
    for (title, within) in places {
        let there = rules(&tenant, within).await;
        let besides = there.difference(&anywhere).cloned().collect();
        text += &table(title, &besides);
    }
    for system in ["kube-system", "default"] {
        assert_eq!(rules(&tenant, system).await, anywhere, "{system}");
    }
    insta::assert_snapshot!(which, text);
}

/// Returns the rules in a namespace, one a line.
async fn rules(tenant: &Tenant, namespace: &str) -> BTreeSet<String> {
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": namespace},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let account = tenant.account().await;
    let answer = account.post(path, &review).await.expect("anybody may ask");
    assert_eq!(answer["status"]["incomplete"], false, "{answer}");
    let rules = answer["status"]["resourceRules"].as_array().expect("it has some");
    rules.iter().flat_map(|rule| lines(tenant, rule)).collect()
}

fn lines(tenant: &Tenant, rule: &Value) -> Vec<String> {
    let all = |field: &str| -> Vec<String> {
        let values = rule[field].as_array().into_iter().flatten();
        let mut values: Vec<String> = values
            .map(|value| value.as_str().unwrap_or_default().to_owned())
            .collect();
        values.sort();
        values
    };
    let names = all("resourceNames");
    let only = if names.is_empty() {
        String::new()
    } else {
        let names = names.join(", ");
        let names = names
            .replace(tenant.namespace(), "NAMESPACE")
            .replace(tenant.name(), "NAME");
        format!(" called {names}")
    };
    let verbs = all("verbs").join(", ");
    let mut lines = Vec::new();
    for group in all("apiGroups") {
        for resource in all("resources") {
            let group = if group.is_empty() {
                String::new()
            } else {
                format!(".{group}")
            };
            lines.push(format!("{resource}{group}{only}: {verbs}"));
        }
    }
    lines
}

fn table(title: &str, rules: &BTreeSet<String>) -> String {
    let lines: Vec<String> = rules.iter().map(|rule| format!("  {rule}\n")).collect();
    format!("{title}\n{}\n", lines.concat())
}
