//! Foreign objects of a custom kind in a tenant's namespaces are shown, with patches in both directions.

use serde_json::{Value, json};

use crate::rig::{Host, Tenant};
use crate::rules::served;

const DEFINITION: &str = "sensors.imports.example.com";

const VALUES: &str = r"
multiNamespaceMode: {enabled: true}
sync:
  generic:
    role:
      extraRules:
      - apiGroups: [imports.example.com]
        resources: [sensors, sensors/status]
        verbs: [create, delete, patch, update, get, list, watch]
    config: |
      version: v1beta1
      import:
      - apiVersion: imports.example.com/v1
        kind: Sensor
        replaceOnConflict: true
        patches:
        - {op: remove, path: spec.secret}
        - {op: add, path: spec.locked, value: true}
        reversePatches:
        - {op: copyFromObject, fromPath: spec.threshold, path: spec.threshold}
";

#[tokio::test]
async fn it_is_shown_changed_replaced_and_deleted_both_ways() {
    let everywhere = Host::shared().await.admin().await;
    everywhere.create(definition()).await;
    everywhere
        .sees("CustomResourceDefinition", DEFINITION, "served", served)
        .await;
    let tenant = Tenant::with_values("sensors", VALUES).await;
    let space = tenant.space("default").await;
    let (guest, host) = (&space.guest, &space.host);

    host.create(sensor("one")).await;
    let shown = guest.appears("Sensor", "one").await;
    assert_eq!(shown["spec"], json!({"model": "a", "locked": true}));
    assert_eq!(shown["metadata"]["labels"], json!({"floor": "2"}));
    host.merge_status("Sensor", "one", &json!({"phase": "Ready"}))
        .await;
    guest.shows("Sensor", "one", "/status/phase", "Ready").await;

    // What the rule brings back is the tenant's, the rest is the host's.
    guest
        .merge("Sensor", "one", &json!({"spec": {"threshold": 5}}))
        .await;
    host.shows("Sensor", "one", "/spec/threshold", 5).await;
    let host_has = host
        .merge("Sensor", "one", &json!({"metadata": {"labels": {"floor": "3"}}}))
        .await;
    assert_eq!(host_has["spec"]["secret"], "s");
    guest.shows("Sensor", "one", "/metadata/labels/floor", "3").await;
    guest
        .merge("Sensor", "one", &json!({"metadata": {"labels": {"floor": "9"}}}))
        .await;
    guest.shows("Sensor", "one", "/metadata/labels/floor", "3").await;

    // A locked one can't get another model: the copy is recreated, and what it shows stays.
    let before = guest.get("Sensor", "one").await.expect("it is there");
    host.merge("Sensor", "one", &json!({"spec": {"model": "b"}}))
        .await;
    let anew = guest.shows("Sensor", "one", "/spec/model", "b").await;
    assert_ne!(anew["metadata"]["uid"], before["metadata"]["uid"]);
    guest.shows("Sensor", "one", "/status/phase", "Ready").await;
    let stays = host.get("Sensor", "one").await.expect("it stays");
    assert_eq!(stays["metadata"]["uid"], host_has["metadata"]["uid"]);

    host.create(sensor("two")).await;
    guest.appears("Sensor", "two").await;
    let mark = |found: &Value| {
        found["metadata"]["annotations"]["shared-dapr.io/synced-into"]
            .as_str()
            .map(drop)
    };
    host.sees("Sensor", "one", "marked as shown", mark).await;
    guest.delete("Sensor", "one").await;
    host.until_gone("Sensor", "one").await;
    host.delete("Sensor", "two").await;
    guest.until_gone("Sensor", "two").await;
}

fn sensor(name: &str) -> Value {
    json!({
        "apiVersion": "imports.example.com/v1",
        "kind": "Sensor",
        "metadata": {"name": name, "labels": {"floor": "2"}},
        "spec": {"model": "a", "secret": "s"},
    })
}

fn definition() -> Value {
    let text = json!({"type": "string"});
    let spec = json!({
        "type": "object",
        "properties": {"model": text, "secret": text, "threshold": {"type": "integer"}, "locked": {"type": "boolean"}},
        "x-kubernetes-validations": [{
            "rule": "!(has(oldSelf.locked) && oldSelf.locked) || self.model == oldSelf.model",
            "message": "a locked sensor keeps its model",
        }],
    });
    let status = json!({"type": "object", "properties": {"phase": text}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION},
        "spec": {
            "group": "imports.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Sensor", "plural": "sensors", "singular": "sensor"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}},
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec, "status": status}}},
            }],
        },
    })
}
