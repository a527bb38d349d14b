//! Pods that a mutating webhook of the host changes, as Dapr's injector does.

use k8s_openapi::ByteString;
use serde_json::{Value, json};

use crate::pods::{made, pod};
use crate::rig::{NamespacePair, Tenant, Webhook, unique};

/// Adds the container that an annotation of the pod describes, as Dapr's injector does for a Component's.
fn inject(request: &Value) -> Value {
    let annotation = &request["object"]["metadata"]["annotations"]["attack/container"];
    let Some(container) = annotation.as_str() else {
        return json!({"allowed": true});
    };
    let container: Value = serde_json::from_str(container).expect("it is JSON");
    let patch = json!([{"op": "add", "path": "/spec/containers/-", "value": container}]).to_string();
    json!({"allowed": true, "patchType": "JSONPatch", "patch": ByteString(patch.into_bytes())})
}

#[tokio::test]
async fn a_container_that_the_host_adds_is_refused_by_the_hosts_layers() {
    // A tenant of its own: nobody else's pods go through the webhook.
    let tenant = Tenant::new("mutated").await;
    let admin = tenant.host().await;
    let space: NamespacePair = tenant.space("default").await;
    let webhook = Webhook::new(inject).await;
    let name = unique("inject");
    let labels = json!({"vcluster.loft.sh/vcluster-name": tenant.name()});
    admin
        .create(json!({
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": "MutatingWebhookConfiguration",
            "metadata": {"name": name},
            "webhooks": [{
                "name": "inject.example.com",
                "clientConfig": webhook.client_config,
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}],
                "namespaceSelector": {"matchLabels": labels},
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
            }],
        }))
        .await;
    let injected = |container: Value| {
        let mut pod = pod(&unique("injected"));
        pod["metadata"]["annotations"] = json!({"attack/container": container.to_string()});
        pod
    };
    // The control: a harmless sidecar is injected, and the pod is on the host with it.
    let harmless = injected(json!({"name": "helper", "image": "example.com/helper:1"}));
    let harmless = made(&space.guest, harmless).await;
    let found = space
        .host
        .appears("Pod", harmless["metadata"]["name"].as_str().expect("it has one"))
        .await;
    assert_eq!(found["spec"]["containers"].as_array().map(Vec::len), Some(2));
    // The syncer sees nothing wrong in these.
    for (container, words) in [
        (
            json!({"securityContext": {"privileged": true, "runAsUser": 0}}),
            "privileged",
        ),
        (
            json!({"ports": [{"containerPort": 31999, "hostPort": 31999}]}),
            "hostPort",
        ),
        (
            json!({"securityContext": {"seccompProfile": {"type": "Unconfined"}}}),
            "seccompProfile",
        ),
        (
            json!({"securityContext": {"capabilities": {"add": ["NET_ADMIN"]}}}),
            "capabilities",
        ),
    ] {
        let mut container = container;
        container["name"] = json!("helper");
        container["image"] = json!("example.com/helper:1");
        let wanted = made(&space.guest, injected(container)).await;
        let name = wanted["metadata"]["name"].as_str().expect("it has one");
        space.guest.has_event("Pod", name, words).await;
        assert_eq!(space.host.get("Pod", name).await, None);
    }
    admin.delete("MutatingWebhookConfiguration", &name).await;
}
