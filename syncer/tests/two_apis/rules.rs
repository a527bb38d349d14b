//! The settings of an export besides its kind: the selection of objects, and patches.

use provision::wait::{self, Seen};
use serde_json::{Value, json};

use crate::rig::{Host, NamespacePair, Refusal, SOON, Side, Tenant};

const VALUES: &str = r#"
multiNamespaceMode: {enabled: true}
sync:
  generic:
    clusterRole:
      extraRules:
      - apiGroups: [example.com]
        resources: [widgets, stamps]
        verbs: [create, delete, patch, update, get, list, watch]
    config: |
      version: v1beta1
      export:
      - apiVersion: example.com/v1
        kind: Widget
        selector: {labelSelector: {shared: "yes"}}
        patches:
        - {op: add, path: "metadata.labels['tier']", value: gold}
        - {op: remove, path: spec.secret}
        - {op: replace, path: spec.size, value: 3, conditions: [{path: spec.size, equal: 1}]}
        - {op: rewriteName, path: spec.peers, namePath: name, namespacePath: namespace}
        reversePatches:
        - {op: copyFromObject, fromPath: spec.address, path: spec.address}
      - apiVersion: example.com/v1
        kind: Stamp
        replaceOnConflict: true
"#;

#[tokio::test]
async fn a_rule_says_which_objects_and_what_changes_on_the_way() {
    let host = Host::shared().await.admin().await;
    let status = json!({"status": {}});
    define(&host, "example.com", "Namespaced", "Widget", "widgets", status).await;
    define(&host, "example.com", "Namespaced", "Stamp", "stamps", Value::Null).await;
    let tenant = Tenant::with_values("ruled", VALUES).await;
    let space = tenant.space("default").await;

    let mut wanted = widget("example.com/v1", "Widget", "one");
    wanted["metadata"]["labels"] = json!({"shared": "yes"});
    wanted["spec"] = json!({
        "secret": "s", "size": 1, "exact": 9_007_199_254_740_993_u64,
        "peers": [{"name": "a", "namespace": "default"}],
    });
    space.guest.create(wanted).await;
    let there = space.host.appears("Widget", "one").await;
    assert_eq!(
        there["metadata"]["labels"],
        json!({"shared": "yes", "tier": "gold"})
    );
    assert_eq!(
        there["spec"],
        json!({
            "size": 3, "exact": 9_007_199_254_740_993_u64,
            "peers": [{"name": "a", "namespace": tenant.host_namespace("default")}],
        })
    );

    // What the host says of it comes back, and stays on both sides.
    space
        .host
        .merge("Widget", "one", &json!({"spec": {"address": "192.0.2.1"}}))
        .await;
    space
        .host
        .merge_status("Widget", "one", &json!({"phase": "Ready"}))
        .await;
    space
        .guest
        .shows("Widget", "one", "/spec/address", "192.0.2.1")
        .await;
    space.guest.shows("Widget", "one", "/status/phase", "Ready").await;
    space
        .guest
        .merge("Widget", "one", &json!({"spec": {"size": 5}}))
        .await;
    let there = space.host.shows("Widget", "one", "/spec/size", 5).await;
    assert_eq!(there["spec"]["address"], "192.0.2.1");
    let here = space.guest.get("Widget", "one").await.expect("it is there");
    assert_eq!(here["spec"]["secret"], "s");
    // A status of the guest's own making does not reach the host.
    space
        .guest
        .merge_status("Widget", "one", &json!({"phase": "Forged"}))
        .await;
    space.guest.shows("Widget", "one", "/status/phase", "Ready").await;
    let there = space.host.get("Widget", "one").await.expect("it is there");
    assert_eq!(there["status"]["phase"], "Ready");

    // What no longer has the label is no longer shared.
    space
        .guest
        .merge(
            "Widget",
            "one",
            &json!({"metadata": {"labels": {"shared": null}}}),
        )
        .await;
    space.host.until_gone("Widget", "one").await;
    assert!(space.guest.get("Widget", "one").await.is_some());
    space
        .guest
        .merge(
            "Widget",
            "one",
            &json!({"metadata": {"labels": {"shared": "yes"}}}),
        )
        .await;
    space.host.appears("Widget", "one").await;
    what_the_host_does_not_let_change_is_recreated(&space).await;
}

/// With `replaceOnConflict`, the object is recreated once for each change.
async fn what_the_host_does_not_let_change_is_recreated(space: &NamespacePair) {
    let side = space.host.everywhere();
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": space.host.namespace()}});
    let admission = |kind: &str, spec: Value| {
        json!({
            "apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": "stamps-stay"}, "spec": spec,
        })
    };
    let policy = json!({
        "matchConstraints": {"resourceRules": [{
            "apiGroups": ["example.com"], "apiVersions": ["*"], "resources": ["stamps"], "operations": ["UPDATE"],
        }]},
        "validations": [
            {"expression": "object.spec.size == oldObject.spec.size", "message": "it stays", "reason": "Invalid"},
        ],
    });
    let binding = json!({
        "policyName": "stamps-stay", "validationActions": ["Deny"],
        "matchResources": {"namespaceSelector": here},
    });
    side.create(admission("ValidatingAdmissionPolicy", policy)).await;
    side.create(admission("ValidatingAdmissionPolicyBinding", binding))
        .await;
    space.guest.create(widget("example.com/v1", "Stamp", "one")).await;
    let before = space.host.appears("Stamp", "one").await;
    let path = format!("{}?dryRun=All", space.host.path("Stamp", "one"));
    wait::until("the host to refuse changes", SOON, || async {
        let probe = space.host.patch(&path, &json!({"spec": {"size": 9}})).await;
        Ok::<_, Refusal>(match probe {
            Err(refusal) if refusal.code == 422 => Seen::Ready(()),
            other => Seen::NotYet(format!("{other:?}")),
        })
    })
    .await
    .expect("it does");
    space
        .guest
        .merge("Stamp", "one", &json!({"spec": {"size": 2}}))
        .await;
    let after = space.host.shows("Stamp", "one", "/spec/size", 2).await;
    assert_ne!(after["metadata"]["uid"], before["metadata"]["uid"]);
    let labels = json!({"metadata": {"labels": {"a": "b"}}});
    space.guest.merge("Stamp", "one", &labels).await;
    let same = space.host.shows("Stamp", "one", "/metadata/labels/a", "b").await;
    assert_eq!(same["metadata"]["uid"], after["metadata"]["uid"]);
}

#[tokio::test]
async fn a_kind_that_the_host_learns_later_is_picked_up_and_followed() {
    let tenant = Tenant::with_values("later", VALUES_LATE).await;
    let space = tenant.space("default").await;
    let (guest, host) = (tenant.guest().await, tenant.host().await);
    assert!(
        guest
            .get("CustomResourceDefinition", "gadgets.late.example.com")
            .await
            .is_none()
    );

    define(
        &host,
        "late.example.com",
        "Namespaced",
        "Gadget",
        "gadgets",
        Value::Null,
    )
    .await;
    guest
        .appears("CustomResourceDefinition", "gadgets.late.example.com")
        .await;
    let gadget = widget("late.example.com/v1", "Gadget", "one");
    guest
        .sees(
            "CustomResourceDefinition",
            "gadgets.late.example.com",
            "served",
            served,
        )
        .await;
    space.guest.create(gadget).await;
    space.host.appears("Gadget", "one").await;
    // Its status is a field like others.
    space
        .host
        .merge("Gadget", "one", &json!({"status": {"phase": "Ready"}}))
        .await;
    space.guest.shows("Gadget", "one", "/status/phase", "Ready").await;

    let column = json!([{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]);
    let mut changed = host
        .get("CustomResourceDefinition", "gadgets.late.example.com")
        .await
        .expect("it is there");
    changed["spec"]["versions"][0]["additionalPrinterColumns"] = column.clone();
    let versions = json!({"spec": {"versions": changed["spec"]["versions"]}});
    host.merge("CustomResourceDefinition", "gadgets.late.example.com", &versions)
        .await;
    guest
        .shows(
            "CustomResourceDefinition",
            "gadgets.late.example.com",
            "/spec/versions/0/additionalPrinterColumns",
            column,
        )
        .await;
}

const VALUES_LATE: &str = r"
multiNamespaceMode: {enabled: true}
sync:
  generic:
    clusterRole:
      extraRules:
      - apiGroups: [late.example.com]
        resources: [gadgets]
        verbs: [create, delete, patch, update, get, list, watch]
    config: |
      version: v1beta1
      export:
      - apiVersion: late.example.com/v1
        kind: Gadget
        optional: true
";

/// Defines a kind, and waits until it is served.
pub(crate) async fn define(
    host: &Side,
    group: &str,
    scope: &str,
    kind: &str,
    plural: &str,
    subresources: Value,
) {
    let free = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
    let name = format!("{plural}.{group}");
    let mut version = json!({
        "name": "v1", "served": true, "storage": true,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": free, "status": free}}},
    });
    if !subresources.is_null() {
        version["subresources"] = subresources;
    }
    host.create(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": name},
        "spec": {
            "group": group, "scope": scope,
            "names": {"kind": kind, "plural": plural, "singular": kind.to_lowercase()},
            "versions": [version],
        },
    }))
    .await;
    host.sees("CustomResourceDefinition", &name, "served", served)
        .await;
}

/// Returns `Some` if the kind of a CRD is served.
pub(crate) fn served(definition: &Value) -> Option<()> {
    let conditions = definition["status"]["conditions"].as_array()?;
    let established = |one: &&Value| one["type"] == "Established" && one["status"] == "True";
    conditions.iter().find(established).map(drop)
}

fn widget(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": {"size": 1}})
}
