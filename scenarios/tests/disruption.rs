//! RE: the operations that continue without a control plane. A scenario runs alone if it stops the control plane of a
//! tenant that all scenarios use.

use provision::values;
use rstest::rstest;
use scenarios::invariants::Invariants;
use scenarios::load::Load;
use scenarios::{Component, Environment, Outcome, Tenant, process};

use crate::fixtures::{environment, tenant};

#[rstest]
#[tokio::test]
async fn re_01_state_is_served_while_the_control_plane_is_killed(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let apps = tenant.apps().await?;
    let space = tenant.default_space();
    apps.write.clear().await?;
    let before = space.host().pods().await?;
    let load = Load::begin(apps.write.clone(), apps.read.clone(), tenant.unique("load"));

    // Whatever its provider puts into it: four containers, or one with everything.
    let control_plane = tenant.control_plane().await?;
    let containers = control_plane.running();
    assert!(containers.contains(&"syncer"), "{control_plane:?}");
    for container in &containers {
        process::kill(&control_plane, container)?;
    }

    tenant.was_restarted(&control_plane, &containers).await?;
    tenant.works_again().await?;
    for app in ["write-app", "read-app"] {
        space.guest().shows_ready(app, true).await?;
    }
    let report = load.end().await?;
    assert_eq!(report.lost, Vec::<String>::new());
    assert!(
        report.written.len() > 10,
        "too little load to say anything: {report:?}"
    );
    assert_eq!(apps.read.values().await?, report.written);
    assert_eq!(
        tenant
            .environment()
            .state()
            .await?
            .values(&tenant.key("values"))
            .await?,
        report.written
    );
    assert_eq!(space.host().pods().await?, before);
    apps.write.clear().await?;
    invariants.is_content_with_a_restart().await
}

#[rstest]
#[tokio::test]
async fn re_02_what_changed_while_the_syncer_was_down_is_made_up_for(
    #[future(awt)] tenant: Tenant,
) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("re-02").await?;
    let [kept, updated, deleted, replaced, created] =
        ["kept", "updated", "deleted", "replaced", "created"].map(Component::redis);
    for component in [&kept, &updated, &deleted, &replaced] {
        space.guest().apply(component).await?;
    }
    let kept_before = space.host().has(&kept).await?;
    let replaced_before = space.host().has(&replaced).await?;
    space.host().has(&updated).await?;
    space.host().has(&deleted).await?;

    let control_plane = tenant.control_plane().await?;
    process::freeze(&control_plane, "syncer")?;
    let changed = updated.with("keyPrefix", "namespace");
    space.guest().apply(&created).await?;
    space.guest().apply(&changed).await?;
    space.guest().delete("deleted").await?;
    space.guest().delete("replaced").await?;
    let replaced_since = space.guest().apply(&replaced).await?;
    assert_eq!(
        space.host().component("created").await?,
        None,
        "the syncer is not down"
    );
    process::kill(&control_plane, "syncer")?;
    tenant.was_restarted(&control_plane, &["syncer"]).await?;

    space.host().has(&created).await?;
    space.host().has(&changed).await?;
    space.host().has_no("deleted").await?;
    let replaced_after = space
        .host()
        .has_other_than(&replaced, &replaced_before.uid)
        .await?;
    assert_eq!(
        replaced_after.annotations.get("vcluster.loft.sh/object-uid"),
        Some(&replaced_since.uid)
    );
    assert_eq!(space.host().has(&kept).await?.uid, kept_before.uid);
    assert_eq!(
        space.guest().components_named().await?,
        ["created", "kept", "replaced", "updated"]
    );
    space.remove().await?;
    invariants.is_content_with_a_restart().await
}

#[rstest]
#[tokio::test]
async fn re_05_a_tenant_made_again_under_its_name_starts_empty(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let tenant = environment.make_tenant("re-05", values::BLOG.to_owned()).await?;
    let store = Component::redis("old-store");
    tenant.default_space().guest().apply(&store).await?;
    tenant.default_space().host().has(&store).await?;

    environment.uninstall(&tenant).await?;

    assert_eq!(tenant.host_namespaces().await?, Vec::<String>::new());
    let again = environment.make_again(&tenant, values::BLOG.to_owned()).await?;
    let space = again.default_space();
    assert_eq!(space.guest().components_named().await?, Vec::<String>::new());
    space.host().has_no("old-store").await?;
    environment.remove_tenant(again).await?;
    invariants.assert_unchanged().await
}
