//! IS, continued: attempts of a tenant's administrator, and of an attacker with the token of a control plane. Each
//! has a control, which is the same without the refused part.

use anyhow::{Context as _, ensure};
use rstest::rstest;
use scenarios::attack::{self, Ground, Layer};
use scenarios::{Component, Outcome, Tenant};
use serde_json::{Value, json};

use crate::fixtures::tenant;

/// All layers but one are switched off: the syncer by asking the host, the policies by asking as an administrator, Pod
/// Security by a namespace without a standard. With all of them off, nothing refuses the pods.
#[rstest]
#[case::the_syncer_alone(Layer::Syncer)]
#[case::the_policies_alone(Layer::Policies)]
#[case::pod_security_alone(Layer::PodSecurity)]
#[tokio::test]
async fn is_20_a_pod_that_reaches_out_is_refused(
    #[future(awt)] tenant: Tenant,
    #[case] layer: Layer,
) -> Outcome {
    let invariants = tenant.invariants().await?;
    let attempts = attack::attempts();
    match layer {
        Layer::Syncer => {
            let space = tenant.new_space("is-20-syncer").await?;
            for attempt in &attempts {
                attack::gets_event(&space, attempt).await.context(attempt.name)?;
            }
            space.remove().await?;
        }
        Layer::Policies => {
            let ground = Ground::make(&tenant, "policies", None).await?;
            for attempt in &attempts {
                let without = ground.refuses_administrator(attempt).await?;
                ensure!(
                    without.is_none(),
                    "{}: something else refuses it: {without:?}",
                    attempt.name
                );
                let why = ground.refuses_account(attempt).await?.context(attempt.name)?;
                ensure!(
                    why.contains("ValidatingAdmissionPolicy"),
                    "{}: {why}",
                    attempt.name
                );
            }
            ground.remove().await?;
        }
        Layer::PodSecurity => {
            let ground = Ground::make(&tenant, "standard", Some("baseline")).await?;
            for attempt in &attempts {
                let why = ground.refuses_administrator(attempt).await?;
                let known = why
                    .as_ref()
                    .is_some_and(|why| why.contains("violates PodSecurity"));
                ensure!(known == attempt.is_of_baseline, "{}: {why:?}", attempt.name);
            }
            ground.remove().await?;
        }
    }
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_21_daprs_injector_adds_no_container_that_reaches_out(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("is-21").await?;
    let image = tenant.environment().image("busybox");
    for (app, container, words) in [
        ("harmless", json!({}), None),
        (
            "privileged",
            json!({"securityContext": {"privileged": true, "runAsUser": 0}}),
            Some("privileged"),
        ),
        (
            "port",
            json!({"ports": [{"containerPort": 31999, "hostPort": 31999}]}),
            Some("hostPort"),
        ),
    ] {
        let mut container = container;
        container["name"] = json!("helper");
        container["image"] = json!(image);
        container["command"] = json!(["/bin/busybox", "sleep", "3600"]);
        let component = Component::redis(&format!("{app}-store"))
            .scoped_to(&[app])
            .annotated("dapr.io/component-container", &container.to_string());
        space.guest().apply(&component).await?;
        space.host().has(&component).await?;
        let pod = serde_json::from_value(json!({
            "metadata": {"name": app, "annotations": {
                "dapr.io/enabled": "true",
                "dapr.io/app-id": app,
                "dapr.io/inject-pluggable-components": "true",
            }},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "app", "image": image, "command": ["/bin/busybox", "sleep", "3600"]}],
            },
        }))?;
        attack::create_pod(&space, &pod).await?;
        match words {
            // The control: the injector does add what a Component says.
            None => space.host().shows_container(app, "helper").await?,
            Some(words) => {
                attack::event_of(space.guest(), app, words).await?;
                let pods = space.host().pods().await?;
                ensure!(pods.iter().all(|pod| pod.name != app), "{app} is on the host");
            }
        }
    }
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_22_a_tenant_labels_none_of_the_hosts_namespaces(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("is-22").await?;
    let foreign = [
        ("admission.gatekeeper.sh/ignore", "no-self-managing"),
        ("field.cattle.io/projectId", "p-12345"),
        ("istio-injection", "disabled"),
        ("pod-security.kubernetes.io/enforce", "privileged"),
    ];
    let mut labels = json!({"team": "is-22"});
    for (key, value) in foreign {
        labels[key] = json!(value);
    }
    attack::label(&space, labels).await?;

    let labels = attack::labels_with(&space, "is-22").await?;

    for (key, value) in foreign {
        ensure!(
            !labels.contains(&(key.to_owned(), value.to_owned())),
            "{key} is on the host: {labels:?}"
        );
    }
    let enforced = (
        "pod-security.kubernetes.io/enforce".to_owned(),
        "baseline".to_owned(),
    );
    ensure!(labels.contains(&enforced), "{labels:?}");
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_23_a_stolen_token_reaches_no_further(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let named =
        |kind: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": tenant.unique("is-23")}});
    let service = |addresses: &[&str]| {
        let mut service = named("Service");
        service["spec"] = json!({"ports": [{"port": 80}], "externalIPs": addresses});
        service
    };
    let secret = |kind: &str| {
        let mut secret = named("Secret");
        secret["type"] = json!(kind);
        secret["metadata"]["annotations"] = json!({"kubernetes.io/service-account.name": "default"});
        secret
    };
    let claim = |volume: Option<&str>| {
        let mut claim = named("PersistentVolumeClaim");
        claim["spec"] = json!({
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeName": volume,
        });
        claim
    };
    for (plain, attempt) in [
        (service(&[]), service(&["192.0.2.1"])),
        (secret("Opaque"), secret("kubernetes.io/service-account-token")),
        (claim(None), claim(Some("theirs"))),
    ] {
        let refused = attack::refuses_object(&tenant, &plain).await?;
        ensure!(refused.is_none(), "the control is refused: {refused:?}");
        let why = attack::refuses_object(&tenant, &attempt).await?;
        let why = why.with_context(|| format!("it is taken: {attempt}"))?;
        ensure!(why.contains("ValidatingAdmissionPolicy"), "{why}");
    }
    invariants.assert_unchanged().await
}

fn secret(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {"key": "value"},
    })
}

#[rstest]
#[tokio::test]
async fn is_28_a_secret_that_only_the_host_has_is_not_read(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("is-28").await?;
    let (guest, host) = (space.guest(), space.host());
    let pod = |name: &str, secret: &str| {
        serde_json::from_value(json!({
            "metadata": {"name": name},
            "spec": {"containers": [{
                "name": "app",
                "image": "none",
                "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": secret, "key": "key"}}}],
            }]},
        }))
    };
    let component = |name: &str, secret: &str| {
        json!({
            "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
            "spec": {"type": "state.redis", "version": "v1", "metadata": [
                {"name": "redisHost", "value": "none:6379"},
                {"name": "redisPassword", "secretKeyRef": {"name": secret, "key": "key"}},
            ]},
            "auth": {"secretStore": "kubernetes"},
        })
    };
    host.create(&secret("theirs")).await?;
    guest.create(&secret("ours")).await?;
    attack::create_pod(&space, &pod("reads-ours", "ours")?).await?;
    guest.create(&component("reads-ours", "ours")).await?;
    host.has_object("v1", "Pod", "reads-ours").await?;
    host.has_object("dapr.io/v1alpha1", "Component", "reads-ours")
        .await?;

    attack::create_pod(&space, &pod("reads-their-secret", "theirs")?).await?;
    guest.create(&component("takes-their-secret", "theirs")).await?;

    for name in ["reads-their-secret", "takes-their-secret"] {
        attack::event_of(guest, name, "that only the host has may not be read").await?;
    }
    ensure!(host.names_of("v1", "Pod").await? == ["reads-ours"]);
    ensure!(host.components_named().await? == ["reads-ours"]);
    space.remove().await?;
    invariants.assert_unchanged().await
}
