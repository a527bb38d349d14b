//! A kind of several versions, between which a webhook of the host converts.

use provision::wait::{self, Seen};
use serde_json::{Value, json};

use crate::rig::{Host, Refusal, SOON, Side, Tenant, Webhook};
use crate::rules::served;

const DEFINITION: &str = "gauges.versions.example.com";

const VALUES: &str = r"
multiNamespaceMode: {enabled: true}
sync:
  generic:
    role:
      extraRules:
      - apiGroups: [versions.example.com]
        resources: [gauges]
        verbs: [create, delete, patch, update, get, list, watch]
    config: |
      version: v1beta1
      export:
      - apiVersion: versions.example.com/v2
        kind: Gauge
";

#[tokio::test]
async fn all_are_served_and_converted_until_the_host_gives_one_up() {
    let host = Host::shared().await.admin().await;
    let webhook = Webhook::new(convert).await;
    define(&host, &webhook).await;
    let mut tenant = Tenant::with_values("versions", VALUES).await;
    let space = tenant.space("default").await;
    let guest = tenant.guest().await;
    guest
        .sees("CustomResourceDefinition", DEFINITION, "served", served)
        .await;

    let old = path(&space.guest, "v1", "");
    let gauge = json!({"apiVersion": "versions.example.com/v1", "kind": "Gauge", "metadata": {"name": "one"}, "spec": {"size": 7}});
    space.guest.takes(&old, &gauge).await;
    let there = space.host.appears("Gauge", "one").await;
    assert_eq!(there["spec"], json!({"dimensions": {"size": 7}}));
    space
        .guest
        .merge("Gauge", "one", &json!({"spec": {"dimensions": {"size": 8}}}))
        .await;
    let at_host = path(&space.host, "v1", "one");
    space.host.shows("Gauge", "one", "/spec/dimensions/size", 8).await;
    assert_eq!(space.host.answers(&at_host).await["spec"], json!({"size": 8}));
    let at_guest = path(&space.guest, "v1", "one");
    assert_eq!(space.guest.answers(&at_guest).await["spec"], json!({"size": 8}));

    give_up_the_old(&host, &space.host).await;

    // The guest's store has objects in it, so it stays there, and is served no more.
    guest
        .sees(
            "CustomResourceDefinition",
            DEFINITION,
            "without the old version",
            |found| {
                let versions = found["spec"]["versions"].as_array()?;
                let old = versions.iter().find(|version| version["name"] == "v1")?;
                (old["served"] == false).then_some(())
            },
        )
        .await;
    is_not_served(&space.guest).await;
    space
        .guest
        .merge("Gauge", "one", &json!({"spec": {"dimensions": {"size": 9}}}))
        .await;
    space.host.shows("Gauge", "one", "/spec/dimensions/size", 9).await;
    tenant.stop().await;
    tenant.start().await;
    space.guest.delete("Gauge", "one").await;
    space.host.until_gone("Gauge", "one").await;
}

/// Returns the answer of a conversion webhook: `spec.size` of v1 is `spec.dimensions.size` of v2.
fn convert(request: &Value) -> Value {
    let wanted = request["desiredAPIVersion"].clone();
    let objects = request["objects"].as_array().cloned().unwrap_or_default();
    let converted: Vec<Value> = objects
        .into_iter()
        .map(|mut object| {
            let spec = &object["spec"];
            object["spec"] = if wanted == "versions.example.com/v1" {
                json!({"size": spec["dimensions"]["size"]})
            } else {
                json!({"dimensions": {"size": spec["size"]}})
            };
            object["apiVersion"] = wanted.clone();
            object
        })
        .collect();
    json!({"result": {"status": "Success"}, "convertedObjects": converted})
}

fn version(name: &str, spec: &Value, storage: bool) -> Value {
    let size = json!({"type": "object", "properties": spec});
    json!({
        "name": name, "served": true, "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": size}}},
    })
}

async fn define(host: &Side, webhook: &Webhook) {
    let size = json!({"type": "integer"});
    let old = version("v1", &json!({"size": size}), true);
    let new = version(
        "v2",
        &json!({"dimensions": {"type": "object", "properties": {"size": size}}}),
        false,
    );
    host.create(json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": DEFINITION},
        "spec": {
            "group": "versions.example.com",
            "scope": "Namespaced",
            "names": {"kind": "Gauge", "plural": "gauges", "singular": "gauge"},
            "versions": [old, new],
            "conversion": {"strategy": "Webhook", "webhook": {
                "clientConfig": webhook.client_config,
                "conversionReviewVersions": ["v1"],
            }},
        },
    }))
    .await;
    host.sees("CustomResourceDefinition", DEFINITION, "served", served)
        .await;
}

/// Does the work of an operator that drops a version: stores the other one, writes the stored objects again, and drops the
/// version.
async fn give_up_the_old(host: &Side, gauge: &Side) {
    let found = host
        .get("CustomResourceDefinition", DEFINITION)
        .await
        .expect("it is there");
    let mut versions = found["spec"]["versions"].clone();
    versions[0]["storage"] = json!(false);
    versions[1]["storage"] = json!(true);
    // By what this fills in, the API tells that it goes by what it is given.
    let unit = json!({"type": "string", "default": "mm"});
    versions[1]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["unit"] = unit;
    host.merge(
        "CustomResourceDefinition",
        DEFINITION,
        &json!({"spec": {"versions": versions}}),
    )
    .await;
    fills_in_the_unit(gauge).await;
    gauge
        .merge(
            "Gauge",
            "one",
            &json!({"metadata": {"labels": {"stored": "again"}}}),
        )
        .await;

    host.merge_status(
        "CustomResourceDefinition",
        DEFINITION,
        &json!({"storedVersions": ["v2"]}),
    )
    .await;
    let only = json!({"spec": {"versions": [versions[1]]}});
    host.merge("CustomResourceDefinition", DEFINITION, &only).await;
}

async fn fills_in_the_unit(gauge: &Side) {
    let path = format!("{}?dryRun=All", gauge.path("Gauge", ""));
    let probe = json!({"apiVersion": "versions.example.com/v2", "kind": "Gauge", "metadata": {"name": "probe"}, "spec": {}});
    wait::until("the new definition to be in force", SOON, || async {
        let made = gauge.post(&path, &probe).await?;
        Ok::<_, Refusal>(if made["spec"]["unit"] == "mm" {
            Seen::Ready(())
        } else {
            Seen::NotYet(made.to_string())
        })
    })
    .await
    .expect("it comes into force");
}

fn path(side: &Side, version: &str, name: &str) -> String {
    side.path("Gauge", name).replace("/v2/", &format!("/{version}/"))
}

async fn is_not_served(side: &Side) {
    let path = path(side, "v1", "");
    wait::until("the old version to be gone", SOON, || async {
        Ok::<_, Refusal>(match side.post(&path, &json!({})).await {
            Err(refusal) if refusal.code == 404 => Seen::Ready(()),
            other => Seen::NotYet(format!("{other:?}")),
        })
    })
    .await
    .expect("it goes");
}
