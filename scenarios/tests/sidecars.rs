//! SH, continued: the kinds that configure a tenant's sidecars besides Components, each exported by the tenant's
//! values.

use rstest::rstest;
use scenarios::eventually::SOON;
use scenarios::invariants::Invariants;
use scenarios::sidecars::{configuration, own_calls_only, resiliency, subscription};
use scenarios::{
    Component, DebugPod, Environment, NamespacePair, Outcome, Tenant, WriteApp, apps, eventually,
};

use crate::fixtures::environment;

/// The Component for topics, in every tenant.
const PUBSUB: &str = "my-pubsub";

/// A second such Component, for which all tenants have the same password.
const SHARED_PUBSUB: &str = "shared-pubsub";

/// Returns the topic of a tenant. Its Redis user may use no topic without its prefix.
fn orders_of(tenant: &Tenant) -> String {
    tenant.key("orders")
}

/// Declares the Components that an app needs to use topics: a state store, topics as the tenant's own user, and
/// topics with the shared password.
async fn declare_components(space: &NamespacePair) -> Outcome {
    let tenant = space.tenant();
    let login = tenant.login().await?;
    let components = [
        Component::with_user(tenant.name(), &login),
        Component::pubsub(PUBSUB).logged_in(&login),
        Component::pubsub(SHARED_PUBSUB).with("redisPassword", &tenant.shared_password().await?),
    ];
    for component in &components {
        space.guest().apply(component).await?;
    }
    for component in &components {
        space.host().has(component).await?;
    }
    Ok(())
}

#[rstest]
#[tokio::test]
async fn sh_07_what_is_published_in_a_tenant_is_delivered_there_alone(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let theirs = environment.tenant().await?.new_space("sh-07").await?;
    let ours = environment
        .make_tenant("sh-07", provision::values::DAPR.to_owned())
        .await?;
    let space = ours.new_space("sh-07").await?;
    declare_components(&theirs).await?;
    declare_components(&space).await?;
    let (own_topic, their_topic) = (orders_of(&ours), orders_of(theirs.tenant()));
    let common_topic = ours.unique("sh-07-common");
    let subscriptions = [
        subscription("orders", PUBSUB, &own_topic),
        subscription("overheard", PUBSUB, &their_topic),
        subscription("common", SHARED_PUBSUB, &common_topic),
    ];
    for subscription in &subscriptions {
        space.guest().declare(subscription).await?;
    }
    for subscription in &subscriptions {
        space.host().holds(subscription).await?;
    }
    let (our_app, their_app) = tokio::try_join!(space.deploy_write_app(), theirs.deploy_write_app())?;
    let [common, secret, intrusion, own] =
        ["common", "secret", "intrusion", "own"].map(|stem| ours.unique(stem));

    // With the shared password, another tenant's messages are delivered here: the probe works.
    their_app.publish(SHARED_PUBSUB, &common_topic, &common).await?;
    our_app.receives(&common).await?;
    their_app.publish(PUBSUB, &their_topic, &secret).await?;
    let refusal = their_app.try_publish(PUBSUB, &own_topic, &intrusion).await?;
    our_app.publish(PUBSUB, &own_topic, &own).await?;
    our_app.receives(&own).await?;

    assert!(apps::is_refusal(refusal.status()), "{refusal:?}");
    let state = environment.state().await?;
    assert_eq!(state.messages_with(&their_topic, &secret).await?, 1);
    assert_eq!(state.messages_with(&own_topic, &intrusion).await?, 0);
    assert_eq!(our_app.values().await?, [common, own]);
    state.remove_topic(&their_topic).await?;
    state.remove_topic(&common_topic).await?;
    theirs.remove().await?;
    environment.remove_tenant(ours).await?;
    invariants.assert_unchanged().await
}

/// The actions that an app can do with its sidecar.
#[derive(Debug, PartialEq, Eq)]
struct Can {
    write: bool,
    publish: bool,
}

async fn can(app: &WriteApp) -> anyhow::Result<Can> {
    let topic = "sh-08";
    let (write, publish) = (
        app.try_append("a value").await?.status(),
        app.try_publish(SHARED_PUBSUB, topic, "a value").await?.status(),
    );
    Ok(Can {
        write: write.is_success(),
        publish: publish.is_success(),
    })
}

#[rstest]
#[tokio::test]
async fn sh_08_rules_for_sidecars_are_those_of_their_tenant(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let values = || provision::values::DAPR.to_owned();
    let (ours, theirs) = tokio::try_join!(
        environment.make_tenant("sh-08-ours", values()),
        environment.make_tenant("sh-08-theirs", values()),
    )?;
    let (our_space, their_space) = (ours.new_space("sh-08").await?, theirs.new_space("sh-08").await?);
    // They have the same name, and each forbids something that the other allows.
    let store = harness::workloads::store::NAME;
    let our_rules = [
        configuration("rules", &["metadata", "state"]),
        resiliency("rules", store, "10s"),
    ];
    let their_rules = [
        configuration("rules", &["metadata", "state", "publish"]),
        resiliency("rules", store, "1ns"),
    ];
    for (space, rules) in [(&our_space, &our_rules), (&their_space, &their_rules)] {
        declare_components(space).await?;
        for rule in rules {
            space.guest().declare(rule).await?;
        }
        for rule in rules {
            space.host().holds(rule).await?;
        }
    }

    let (our_app, their_app) = tokio::try_join!(
        our_space.deploy_configured_write_app("rules"),
        their_space.deploy_configured_write_app("rules"),
    )?;

    let (ours_can, theirs_can) = (can(&our_app).await?, can(&their_app).await?);
    let state = environment.state().await?;
    state.remove_topic("sh-08").await?;
    tokio::try_join!(environment.remove_tenant(ours), environment.remove_tenant(theirs))?;
    // Ours by its Configuration, theirs by its Resiliency.
    assert_eq!(
        ours_can,
        Can {
            write: true,
            publish: false
        }
    );
    assert_eq!(
        theirs_can,
        Can {
            write: false,
            publish: true
        }
    );
    invariants.assert_unchanged().await
}

/// The app id of the write app, and of one that may call it.
const CALLED: &str = "my-example-app";
const CALLER: &str = "asker";

/// The port of a sidecar's HTTP API.
const API: u16 = 3500;

/// Deploys a write app in a new namespace, where other sidecars find it. If `caller` is given, its sidecar accepts
/// calls from that namespace only.
async fn deploy_called(
    tenant: &Tenant,
    stem: &str,
    caller: Option<&NamespacePair>,
) -> anyhow::Result<NamespacePair> {
    let space = tenant.new_space(stem).await?;
    let store = Component::with_user(tenant.name(), &tenant.login().await?);
    space.guest().apply(&store).await?;
    space.host().has(&store).await?;
    // The name by which sidecars find each other.
    let found_by = serde_json::json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("{CALLED}-dapr")},
        "spec": {
            "clusterIP": "None",
            "selector": {"app": "write-app"},
            "ports": [{"name": "dapr-internal", "port": 50002}],
        },
    });
    space.guest().create(&found_by).await?;
    if let Some(caller) = caller {
        let rule = own_calls_only("own-calls-only", CALLER, caller.host().namespace());
        space.guest().declare(&rule).await?;
        space.host().holds(&rule).await?;
        space.deploy_configured_write_app(rule.name()).await?;
    } else {
        space.deploy_write_app().await?;
    }
    Ok(space)
}

#[rstest]
#[tokio::test]
async fn is_31_a_configuration_keeps_other_tenants_calls_out(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let foreign = environment.tenant().await?.new_space("is-31").await?;
    let ours = environment
        .make_tenant("is-31", provision::values::DAPR.to_owned())
        .await?;
    let space = ours.new_space("is-31").await?;
    let (open, closed, intruder, caller) = tokio::try_join!(
        deploy_called(&ours, "is-31-open", None),
        deploy_called(&ours, "is-31-closed", Some(&space)),
        DebugPod::start_with_sidecar(&foreign, "intruder"),
        DebugPod::start_with_sidecar(&space, CALLER),
    )?;
    let is_answered = async |who: &DebugPod, called: &NamespacePair, status: &str| {
        let call = format!("/v1.0/invoke/{CALLED}.{}/method/", called.host().namespace());
        eventually(format!("a call to be answered by {status}"), SOON, || async {
            let answer = who.get(API, &call).await?;
            let begins = format!("HTTP/1.1 {status} ");
            Ok(answer.starts_with(&begins).then_some(()).ok_or(answer))
        })
        .await
    };

    // Dapr lets everybody call, also across tenants: the probe works.
    is_answered(&caller, &open, "200").await?;
    is_answered(&intruder, &open, "200").await?;
    is_answered(&caller, &closed, "200").await?;
    is_answered(&intruder, &closed, "403").await?;

    foreign.remove().await?;
    environment.remove_tenant(ours).await?;
    invariants.assert_unchanged().await
}
