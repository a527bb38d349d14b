//! SY: the host has the objects that a tenant declares.

use rstest::rstest;
use scenarios::invariants::Invariants;
use scenarios::sidecars::{configuration, old_subscription, resiliency, subscription};
use scenarios::{Component, Environment, Outcome, Tenant, quota};

use crate::fixtures::{environment, tenant};

/// Returns a Component that sets fields of every kind.
fn full() -> Component {
    Component::redis("store")
        .with("keyPrefix", "namespace")
        .with("ttlInSeconds", "3600")
        .with_secret("redisPassword", "redis", "redis-password")
        .scoped_to(&["my-example-app", "another"])
        .with_secret_store(Some("kubernetes"))
}

#[rstest]
#[tokio::test]
async fn sy_01_a_component_is_exported_under_its_own_name(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-01").await?;
    assert_eq!(space.host().component("store").await?, None);

    let declared = space.guest().apply(&full()).await?;

    let exported = space.host().has(&full()).await?;
    let annotation = |name: &str| {
        exported
            .annotations
            .get(&format!("vcluster.loft.sh/{name}"))
            .cloned()
    };
    assert_eq!(annotation("object-name").as_deref(), Some("store"));
    assert_eq!(
        annotation("object-namespace").as_deref(),
        Some(space.guest().namespace())
    );
    assert_eq!(annotation("object-uid"), Some(declared.uid));
    assert_eq!(
        annotation("controlled-by").as_deref(),
        Some("component/dapr.io/GenericExport")
    );
    space.remove().await?;
    invariants.assert_unchanged().await
}

/// The number of namespaces that are created at once. One of them may be quick enough by chance, but not all.
const AT_ONCE: usize = 20;

#[rstest]
#[tokio::test]
async fn sy_02_a_component_made_with_its_namespace_is_exported(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let mut spaces = Vec::new();
    for number in 0..AT_ONCE {
        let space = tenant.begun_space(&format!("sy-02-{number}")).await?;
        space.guest().apply(&full()).await?;
        spaces.push(space);
    }

    for space in &spaces {
        space.host().has(&full()).await?;
    }
    for space in spaces {
        space.remove().await?;
    }
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_03_what_the_host_refused_for_a_while_gets_there(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-03").await?;
    let other = tenant.new_space("sy-03-other").await?;
    quota::refuse(space.host()).await?;

    space.guest().apply(&full()).await?;

    // A later Component is there, so the syncer has handled this one before.
    other.guest().apply(&full()).await?;
    other.host().has(&full()).await?;
    assert_eq!(space.host().component("store").await?, None);
    quota::allow(space.host()).await?;
    space.host().has(&full()).await?;
    space.remove().await?;
    other.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[case::an_item_added(full().with("maxRetries", "5"))]
#[case::an_item_changed(full().with("ttlInSeconds", "00123"))]
#[case::an_item_removed(full().without("ttlInSeconds"))]
#[case::scopes_changed(full().scoped_to(&["another", "a-third"]))]
#[case::scopes_removed(full().scoped_to(&[]))]
#[case::secret_store_removed(full().without("redisPassword").with_secret_store(None))]
#[tokio::test]
async fn sy_04_an_update_reaches_the_host(
    #[future(awt)] tenant: Tenant,
    #[case] changed: Component,
) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant
        .new_space(&format!("sy-04-{:x}", changed.fingerprint()))
        .await?;
    space.guest().apply(&full()).await?;
    let before = space.host().has(&full()).await?;

    let declared = space.guest().apply(&changed).await?;

    assert_eq!(declared.content, changed.content());
    let after = space.host().has(&changed).await?;
    assert_eq!(after.uid, before.uid);
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_06_what_is_deleted_in_the_guest_goes_from_the_host(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-06").await?;
    space.guest().apply(&full()).await?;
    space.host().has(&full()).await?;

    space.guest().delete("store").await?;

    space.host().has_no("store").await?;
    space.guest().has_no("store").await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_06_what_the_host_holds_goes_when_it_is_let_go(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-06-host").await?;
    space.guest().apply(&full()).await?;
    space.host().has(&full()).await?;
    space.host().hold("store").await?;

    space.guest().delete("store").await?;

    space.host().is_terminating("store").await?;
    space.host().remove_finalizer("store").await?;
    space.host().has_no("store").await?;
    space.guest().has_no("store").await?;
    comes_not_back(&space).await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_06_what_the_guest_holds_goes_when_it_is_let_go(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-06-guest").await?;
    space.guest().apply(&full()).await?;
    space.host().has(&full()).await?;
    space.guest().hold("store").await?;

    space.guest().delete("store").await?;

    space.guest().is_terminating("store").await?;
    space.guest().remove_finalizer("store").await?;
    space.guest().has_no("store").await?;
    space.host().has_no("store").await?;
    comes_not_back(&space).await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}

/// Checks that a deleted Component is not recreated. If a later Component is on the host, the syncer had every
/// opportunity to recreate the deleted one.
async fn comes_not_back(space: &scenarios::NamespacePair) -> Outcome {
    let later = Component::redis("later");
    space.guest().apply(&later).await?;
    space.host().has(&later).await?;
    assert_eq!(space.host().components_named().await?, ["later"]);
    assert_eq!(space.guest().components_named().await?, ["later"]);
    Ok(())
}

#[rstest]
#[tokio::test]
async fn sy_07_an_edit_on_the_host_is_healed(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-07-edit").await?;
    space.guest().apply(&full()).await?;
    let before = space.host().has(&full()).await?;

    let tampered = space.host().tamper(&full().with("keyPrefix", "none")).await?;

    assert_ne!(tampered.content, full().content());
    let after = space.host().has(&full()).await?;
    assert_eq!(after.uid, before.uid);
    assert_eq!(space.guest().has(&full()).await?.content, full().content());
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_07_a_deletion_on_the_host_is_healed(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-07-delete").await?;
    let declared = space.guest().apply(&full()).await?;
    let before = space.host().has(&full()).await?;

    space.host().delete("store").await?;

    let after = space.host().has_other_than(&full(), &before.uid).await?;
    assert_ne!(after.uid, before.uid);
    assert_eq!(space.guest().has(&full()).await?.uid, declared.uid);
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_07_a_held_deletion_on_the_host_reaches_the_guest(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sy-07-held").await?;
    space.guest().apply(&full()).await?;
    space.host().has(&full()).await?;
    space.host().hold("store").await?;

    space.host().delete("store").await?;

    space.guest().has_no("store").await?;
    space.host().remove_finalizer("store").await?;
    space.host().has_no("store").await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sy_15_a_subscription_is_exported_in_either_version(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let tenant = environment
        .make_tenant("sy-15", provision::values::DAPR.to_owned())
        .await?;
    let space = tenant.new_space("sy-15").await?;
    let declared = [
        subscription("new", "my-pubsub", "orders"),
        old_subscription("old", "my-pubsub", "orders"),
        configuration("rules", &["state"]),
        resiliency("rules", "my-statestore", "10s"),
    ];

    for object in &declared {
        space.guest().declare(object).await?;
    }

    for object in &declared {
        space.host().holds(object).await?;
    }
    // Both sides convert, and to the same.
    let as_new = subscription("old", "my-pubsub", "orders");
    space.guest().holds(&as_new).await?;
    space.host().holds(&as_new).await?;
    environment.remove_tenant(tenant).await?;
    invariants.assert_unchanged().await
}
