//! IS: no tenant reaches the objects of another.

use rstest::rstest;
use scenarios::admission::{self, Account};
use scenarios::{Component, Environment, Outcome, Pair, Tenant, WriteApp, apps};

use crate::fixtures::{environment, pair};

/// The access that a tenant has to the other's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sees {
    /// The other's values, which it may change as well.
    Everything,
    /// Its own values only.
    ItsOwn,
    /// An error, because Redis refuses.
    AnError,
}

/// The ways in which two tenants use the shared Redis: each measure against access to the other's keys, and the attempt
/// to get around it.
#[derive(Clone, Copy, Debug)]
enum Rung {
    /// The blog's way: all tenants have the same Component, with its name as the prefix and the shared password.
    TheBlogs,
    /// A prefix for each tenant, with the shared password.
    OwnPrefix,
    /// The same, but one of them writes the other's prefix into its Component.
    ForeignPrefix,
    /// The same, but each tenant has a Redis user that may use only keys of its own prefix.
    ForeignPrefixAndOwnUser,
}

impl Rung {
    /// Returns the Component of the tenant that owns the state, and that of the tenant that looks at it.
    async fn components(self, pair: &Pair) -> anyhow::Result<(Component, Component)> {
        let password = pair.ours.shared_password().await?;
        let own = pair.ours.unique("prefix");
        Ok(match self {
            Self::TheBlogs => (
                Component::of_the_blog(&password),
                Component::of_the_blog(&password),
            ),
            Self::OwnPrefix => {
                let other = pair.theirs.unique("other-prefix");
                (
                    Component::with_prefix(&own, &password),
                    Component::with_prefix(&other, &password),
                )
            }
            Self::ForeignPrefix => (
                Component::with_prefix(&own, &password),
                Component::with_prefix(&own, &password),
            ),
            Self::ForeignPrefixAndOwnUser => {
                let prefix = pair.ours.name();
                let (our_login, their_login) = (pair.ours.login().await?, pair.theirs.login().await?);
                (
                    Component::with_user(prefix, &our_login),
                    Component::with_user(prefix, &their_login),
                )
            }
        })
    }
}

#[rstest]
#[case::the_blogs_component_leaks(Rung::TheBlogs, Sees::Everything)]
#[case::a_prefix_each_does_not(Rung::OwnPrefix, Sees::ItsOwn)]
#[case::a_prefix_is_only_a_convention(Rung::ForeignPrefix, Sees::Everything)]
#[case::a_user_of_redis_each_is_a_boundary(Rung::ForeignPrefixAndOwnUser, Sees::AnError)]
#[tokio::test]
async fn is_01_what_a_tenant_sees_of_anothers_state(
    #[future(awt)] pair: Pair,
    #[case] rung: Rung,
    #[case] expected: Sees,
) -> Outcome {
    let invariants = pair.invariants().await?;
    let stem = format!("is-01-{rung:?}").to_lowercase();
    let (ours, theirs) = (
        pair.ours.new_space(&stem).await?,
        pair.theirs.new_space(&stem).await?,
    );
    // A Redis user may use one prefix, and the standard apps use keys of this prefix, too.
    let _alone = match rung {
        Rung::ForeignPrefixAndOwnUser => Some(pair.ours.apps().await?),
        Rung::TheBlogs | Rung::OwnPrefix | Rung::ForeignPrefix => None,
    };
    let (our_store, their_store) = rung.components(&pair).await?;
    ours.guest().apply(&our_store).await?;
    theirs.guest().apply(&their_store).await?;
    ours.host().has(&our_store).await?;
    theirs.host().has(&their_store).await?;
    let (our_app, their_app) = tokio::try_join!(ours.deploy_write_app(), theirs.deploy_write_app())?;

    let value = pair.ours.unique(&stem);
    assert!(our_app.append(&value).await?.contains(&value));

    assert_eq!(sight(&their_app, &value).await?, expected);
    let intrusion = pair.theirs.unique(&format!("intrusion-{stem}"));
    let answer = their_app.try_append(&intrusion).await?;
    assert_eq!(answer.status().is_success(), expected != Sees::AnError);
    assert_eq!(
        our_app.values().await?.contains(&intrusion),
        expected == Sees::Everything
    );
    let state = pair.ours.environment().state().await?;
    let keys = state.keys_with(&value).await?;
    assert_eq!(keys.len(), 1, "{keys:?}");
    assert_eq!(
        state.keys_with(&intrusion).await? == keys,
        expected == Sees::Everything
    );
    ours.remove().await?;
    theirs.remove().await?;
    invariants.assert_unchanged().await
}

async fn sight(app: &WriteApp, value: &str) -> anyhow::Result<Sees> {
    if apps::is_refusal(app.try_values().await?.status()) {
        return Ok(Sees::AnError);
    }
    let values = app.values().await?;
    Ok(if values.iter().any(|found| found == value) {
        Sees::Everything
    } else {
        Sees::ItsOwn
    })
}

#[rstest]
#[tokio::test]
async fn is_02_a_tenant_lists_only_what_is_its_own(#[future(awt)] pair: Pair) -> Outcome {
    let invariants = pair.invariants().await?;
    let theirs = pair.theirs.new_space("is-02-theirs").await?;
    let secret = Component::redis(&pair.theirs.unique("is-02-theirs"));
    theirs.guest().apply(&secret).await?;
    theirs.host().has(&secret).await?;
    let environment = pair.ours.environment();
    let mut own = pair.ours.host_pod_names().await?;
    let everything = environment.everything().await?;
    assert!(
        everything.components.contains(&secret.name().to_owned()),
        "the probe sees nothing"
    );
    assert!(
        everything.namespaces.contains(&"dapr-system".to_owned()),
        "the probe sees nothing"
    );

    let ours = pair.ours.new_space("is-02-ours").await?;
    let sign = Component::redis(&pair.ours.unique("is-02-ours"));
    ours.guest().apply(&sign).await?;
    ours.host().has(&sign).await?;
    let seen = pair.ours.everything().await?;

    assert!(seen.components.contains(&sign.name().to_owned()), "{seen:?}");
    assert!(!seen.components.contains(&secret.name().to_owned()), "{seen:?}");
    let foreign: Vec<_> = seen
        .namespaces
        .iter()
        .filter(|name| name.starts_with("vcluster-") || *name == "dapr-system")
        .collect();
    assert_eq!(foreign, Vec::<&String>::new());
    // Pods come and go meanwhile: one that was its own before or is after was so when everything was listed.
    own.extend(pair.ours.host_pod_names().await?);
    let others: Vec<_> = (everything.pods.iter())
        .filter(|pod| !own.contains(pod))
        .collect();
    assert_ne!(others, Vec::<&String>::new(), "the probe sees nothing");
    let seen_of_others: Vec<_> = others.into_iter().filter(|pod| seen.pods.contains(pod)).collect();
    assert_eq!(seen_of_others, Vec::<&String>::new());
    ours.remove().await?;
    theirs.remove().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_03_a_control_plane_may_not_read_anothers_secrets(#[future(awt)] pair: Pair) -> Outcome {
    let invariants = pair.invariants().await?;
    let client = &pair.ours.environment().host().client;
    let account = Account::of_tenant(&pair.ours);
    let own = pair.ours.default_space().host().namespace().to_owned();
    assert!(
        account.may_read_secrets(client, Some(&own)).await?,
        "the probe sees nothing"
    );

    let theirs = pair.theirs.default_space().host().namespace().to_owned();
    let mut reads = Vec::new();
    for namespace in [
        Some(&*theirs),
        Some(pair.theirs.namespace()),
        Some("dapr-system"),
        None,
    ] {
        if account.may_read_secrets(client, namespace).await? {
            reads.push(namespace);
        }
    }

    assert_eq!(reads, []);
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_07_a_strangers_pod_gets_no_sidecar(#[future(awt)] environment: Environment) -> Outcome {
    let tenant: Tenant = environment.tenant().await?;
    let invariants = tenant.invariants().await?;
    let name = environment.names.unique("is-07-stranger");
    let client = &environment.host().client;
    let mirror = tenant.default_space().host().namespace().to_owned();
    assert!(admission::gets_sidecar(client, &Account::of_tenant(&tenant), &mirror).await?);

    let stranger = admission::stranger(&environment, &name).await?;
    let got_one = admission::gets_sidecar(client, &stranger, &name).await?;
    admission::remove(&environment, stranger).await?;

    assert!(!got_one);
    assert!(!tenant.namespaces().await?.contains(&name));
    invariants.assert_unchanged().await
}
