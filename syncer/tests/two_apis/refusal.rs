//! A refusal of the host becomes an Event, and is retried.

use std::time::Duration;

use provision::wait::{self, Seen};
use rstest::rstest;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{NamespacePair, Refusal, SOON, Side, Tenant, VALUE, Webhook, component, unique};

/// Time for which attempts are counted.
const OBSERVED: Duration = Duration::from_secs(6);

/// An obstacle to Components in a host namespace.
#[derive(Clone, Copy, Debug)]
enum Obstacle {
    Policy,
    Quota,
    Webhook,
    WebhookThatIsDown,
}

#[rstest]
#[case::by_a_policy(Obstacle::Policy, "no Components here")]
#[case::by_a_quota(Obstacle::Quota, "exceeded quota")]
#[case::by_a_webhook(Obstacle::Webhook, "not on a Sunday")]
#[case::as_a_webhook_is_down(Obstacle::WebhookThatIsDown, "failed calling webhook")]
#[tokio::test]
async fn a_component_refused_by_the_host_gets_an_event_and_is_retried(
    #[case] obstacle: Obstacle,
    #[case] words: &str,
) {
    let space = NamespacePair::shared().await;
    let placed = obstacle.place(&space.host).await;
    space.guest.create(component("store", "1")).await;
    space.guest.has_event("Component", "store", words).await;
    assert_eq!(space.host.get("Component", "store").await, None);
    placed.remove().await;
    space.host.shows("Component", "store", VALUE, "1").await;
}

/// Both Events have the same type, reason and object; only their notes differ.
#[tokio::test]
async fn each_reason_for_a_refusal_has_an_event_of_its_own() {
    let space = NamespacePair::shared().await;
    let quota = Obstacle::Quota.place(&space.host).await;
    space.guest.create(component("store", "1")).await;
    space
        .guest
        .has_event("Component", "store", "exceeded quota")
        .await;
    let policy = Obstacle::Policy.place(&space.host).await;
    space
        .guest
        .has_event("Component", "store", "no Components here")
        .await;
    policy.remove().await;
    quota.remove().await;
    space.host.shows("Component", "store", VALUE, "1").await;
}

#[tokio::test]
async fn a_change_refused_by_the_host_gets_an_event_and_is_retried() {
    let space = NamespacePair::shared().await;
    space.guest.create(component("store", "1")).await;
    space.host.shows("Component", "store", VALUE, "1").await;
    let placed = Obstacle::Policy.place(&space.host).await;
    let change = json!({"spec": {"version": "v2"}});
    space.guest.merge("Component", "store", &change).await;
    space
        .guest
        .has_event("Component", "store", "no Components here")
        .await;
    placed.remove().await;
    space
        .host
        .shows("Component", "store", "/spec/version", "v2")
        .await;
}

/// The pauses between attempts are 50 ms, 100, 200 and so on: there are eight attempts in seven seconds.
#[tokio::test]
async fn what_is_refused_for_long_is_counted_logged_and_not_tried_in_haste() {
    const REFUSED: &str = r#"syncer_failures_total{controller="export of Component",reason="Forbidden"}"#;
    const LOOKED: &str = r#"syncer_reconcile_duration_seconds_count{controller="export of Component"}"#;
    let tenant = Tenant::new("refused").await;
    let space = tenant.space("default").await;
    let placed = Obstacle::Policy.place(&space.host).await;
    space.guest.create(component("store", "1")).await;
    space
        .guest
        .has_event("Component", "store", "no Components here")
        .await;
    wait::rest(OBSERVED).await;
    let refused = tenant.counted(REFUSED).await;
    assert!((4..=9).contains(&refused), "{refused}");
    assert!(tenant.counted(LOOKED).await >= refused);
    let logged = tenant.logged();
    let said = (logged.iter()).filter(|said| {
        said["level"] == "WARN"
            && said["controller"] == "export of Component"
            && said["key"] == "default/store"
    });
    let said: Vec<_> = said.filter_map(|said| said["message"].as_str()).collect();
    assert!(!said.is_empty(), "{logged:?}");
    assert!(
        said.iter().all(|said| said.contains("no Components here")),
        "{said:?}"
    );
    placed.remove().await;
}

/// The host refuses an object whose annotations are near the limit, since the syncer's own do not fit then.
#[tokio::test]
async fn what_needs_something_that_the_host_refuses_gets_an_event_with_the_reason() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let annotations = json!({"note": "x".repeat(262_100)});
    for (kind, name) in [("ConfigMap", "values"), ("Secret", "password")] {
        let metadata = json!({"name": name, "annotations": annotations});
        guest
            .create(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata}))
            .await;
    }
    let reads = |name: &str, source: Value| {
        let mut reads = pod(name);
        reads["spec"]["containers"][0]["envFrom"] = json!([source]);
        reads
    };
    made(
        guest,
        reads("settings", json!({"configMapRef": {"name": "values"}})),
    )
    .await;
    made(guest, reads("keys", json!({"secretRef": {"name": "password"}}))).await;
    let mut store = component("store", "1");
    store["spec"]["metadata"] = json!([{"name": "a", "secretKeyRef": {"name": "password", "key": "a"}}]);
    guest.create(store).await;
    for (kind, name, needed) in [
        ("Pod", "settings", "ConfigMap"),
        ("Pod", "keys", "Secret"),
        ("Component", "store", "Secret"),
    ] {
        guest
            .has_event(kind, name, &format!("this needs {needed} "))
            .await;
        guest.has_event(kind, name, "Too long").await;
        assert_eq!(host.get(kind, name).await, None);
    }
    for (kind, name) in [("ConfigMap", "values"), ("Secret", "password")] {
        let shorter = json!({"metadata": {"annotations": {"note": "short"}}});
        guest.merge(kind, name, &shorter).await;
    }
    host.appears("Pod", "settings").await;
    host.appears("Pod", "keys").await;
    host.appears("Component", "store").await;
}

/// A refusal that may pass by itself gets an Event once it has lasted.
#[tokio::test]
async fn a_pod_whose_config_map_exceeds_the_hosts_quota_gets_an_event_and_is_retried() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let placed = place_quota_of(host, "count/configmaps", &unique("obstacle")).await;
    let data = json!({"a": "1"});
    guest
        .create(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "values"}, "data": data}),
        )
        .await;
    made(guest, pod("app")).await;
    guest.has_event("Pod", "app", "exceeded quota").await;
    assert_eq!(host.get("Pod", "app").await, None);
    placed.remove().await;
    host.appears("Pod", "app").await;
}

/// An obstacle in place: objects of these kinds and names.
struct Placed {
    side: Side,
    objects: Vec<(&'static str, String)>,
}

impl Obstacle {
    /// Creates the obstacle, and waits until the host refuses.
    async fn place(self, host: &Side) -> Placed {
        let name = unique("obstacle");
        let placed = match self {
            Self::Policy => place_policy(host, &name).await,
            Self::Quota => place_quota(host, &name).await,
            Self::Webhook => {
                let webhook = Webhook::new(
                    |_| json!({"allowed": false, "status": {"code": 403, "message": "not on a Sunday"}}),
                );
                place_webhook(host, &name, &webhook.await.client_config).await
            }
            Self::WebhookThatIsDown => {
                place_webhook(host, &name, &json!({"url": "https://localhost:1/"})).await
            }
        };
        let path = format!("{}?dryRun=All", host.path("Component", ""));
        wait::until("the host to refuse Components", SOON, || async {
            let probe = host.post(&path, &component("probe", "1")).await;
            Ok::<_, Refusal>(match probe {
                Err(refusal) if [403, 500].contains(&refusal.code) => Seen::Ready(()),
                other => Seen::NotYet(format!("{other:?}")),
            })
        })
        .await
        .expect("it does");
        placed
    }
}

impl Placed {
    async fn remove(self) {
        for (kind, name) in self.objects {
            self.side.delete(kind, &name).await;
        }
    }
}

async fn place_policy(host: &Side, name: &str) -> Placed {
    let admission = |kind: &str, spec: Value| json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let policy = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": ["dapr.io"], "apiVersions": ["*"], "resources": ["components"], "operations": ["CREATE", "UPDATE"],
        }]},
        "validations": [{"expression": "false", "message": "no Components here", "reason": "Forbidden"}],
    });
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": host.namespace()}});
    let binding = json!({
        "policyName": name,
        "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": here},
    });
    let side = host.everywhere();
    side.create(admission("ValidatingAdmissionPolicy", policy)).await;
    side.create(admission("ValidatingAdmissionPolicyBinding", binding))
        .await;
    let kinds = ["ValidatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy"];
    Placed {
        side,
        objects: kinds.map(|kind| (kind, name.to_owned())).into(),
    }
}

async fn place_webhook(host: &Side, name: &str, client_config: &Value) -> Placed {
    let kind = "ValidatingWebhookConfiguration";
    let side = host.everywhere();
    side.create(json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name},
        "webhooks": [{
            "name": "components.example.com",
            "admissionReviewVersions": ["v1"],
            "sideEffects": "None",
            "clientConfig": client_config,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": host.namespace()}},
            "rules": [{
                "apiGroups": ["dapr.io"], "apiVersions": ["*"], "resources": ["components"],
                "operations": ["CREATE", "UPDATE"],
            }],
        }],
    }))
    .await;
    Placed {
        side,
        objects: vec![(kind, name.to_owned())],
    }
}

async fn place_quota(host: &Side, name: &str) -> Placed {
    place_quota_of(host, "count/components.dapr.io", name).await
}

async fn place_quota_of(host: &Side, counted: &str, name: &str) -> Placed {
    let none = json!({counted: "0"});
    let quota = json!({
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": name},
        "spec": {"hard": none},
    });
    host.create(quota).await;
    // As its controller does, which does not run here.
    host.merge_status("ResourceQuota", name, &json!({"hard": none, "used": none}))
        .await;
    Placed {
        side: host.clone(),
        objects: vec![("ResourceQuota", name.to_owned())],
    }
}
