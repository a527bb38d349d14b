//! SH: one Dapr serves every tenant.

use rstest::rstest;
use scenarios::dns::Answer;
use scenarios::invariants::Invariants;
use scenarios::{Component, Environment, Outcome, Pair, Tenant, process};

use crate::fixtures::{environment, pair, tenant};

#[rstest]
#[case::a_number("42")]
#[case::text_of_any_kind("ein Würfel \"6\" & mehr, 50 %")]
#[tokio::test]
async fn sh_01_what_the_write_app_stores_the_read_app_reads(
    #[future(awt)] tenant: Tenant,
    #[case] value: &str,
) -> Outcome {
    let invariants = tenant.invariants().await?;
    let apps = tenant.apps().await?;
    let state = tenant.environment().state().await?;
    apps.write.clear().await?;
    assert_eq!(apps.read.values().await?, Vec::<String>::new());

    let answered = apps.write.append(value).await?;

    assert_eq!(answered, [value]);
    assert_eq!(apps.read.values().await?, [value]);
    assert_eq!(state.values(&tenant.key("values")).await?, [value]);

    apps.write.clear().await?;

    assert_eq!(apps.read.values().await?, Vec::<String>::new());
    assert_eq!(state.values(&tenant.key("values")).await?, Vec::<String>::new());
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sh_02_all_tenants_share_one_control_plane(#[future(awt)] environment: Environment) -> Outcome {
    let tenants = environment.tenants().await?;
    let invariants = Invariants::of_all(tenants.clone()).await?;

    let control_planes = environment.namespaces_with_deployment("dapr-operator").await?;

    assert_eq!(control_planes, ["dapr-system"]);
    for tenant in tenants {
        assert!(
            !tenant.namespaces().await?.contains(&"dapr-system".to_owned()),
            "{tenant:?}"
        );
        let space = tenant.default_space();
        for app in ["write-app", "read-app"] {
            assert_eq!(space.guest().pod_of(app).await?.sidecars(), 0);
            assert_eq!(space.host().pod_of(app).await?.sidecars(), 1);
        }
    }
    invariants.assert_unchanged().await
}

#[rstest]
#[case::write_app("write-app")]
#[case::read_app("read-app")]
#[tokio::test]
async fn sh_03_the_guest_sees_its_pod_without_the_sidecar(
    #[future(awt)] tenant: Tenant,
    #[case] app: &str,
) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.default_space();

    let (shown, real) = (space.guest().pod_of(app).await?, space.host().pod_of(app).await?);

    assert_eq!(real.name, shown.name);
    assert_eq!(real.ready(), "2/2");
    assert_eq!(real.sidecars(), 1);
    assert_eq!(shown.ready(), "1/1");
    assert_eq!(shown.containers, [app]);
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sh_03_the_guests_ready_follows_the_sidecars(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let space = tenant.new_space("sh-03").await?;
    let login = tenant.login().await?;
    let store = Component::with_user(tenant.name(), &login);
    space.guest().apply(&store).await?;
    space.host().has(&store).await?;
    space.deploy_write_app().await?;
    space.host().shows_ready("write-app", true).await?;
    space.guest().shows_ready("write-app", true).await?;

    let pod = space.host().pod_of("write-app").await?;
    process::freeze(&pod, "daprd")?;

    space.host().shows_ready("write-app", false).await?;
    space.guest().shows_ready("write-app", false).await?;

    process::thaw(&pod, "daprd")?;

    space.host().shows_ready("write-app", true).await?;
    space.guest().shows_ready("write-app", true).await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}

/// The Services that a sidecar has to find, by the names that it looks for.
const SHARED: [(&str, &str); 3] = [
    ("dapr-api", "dapr-system"),
    ("dapr-sentry", "dapr-system"),
    ("redis-master", "shared-dapr"),
];

#[rstest]
#[tokio::test]
async fn sh_05_guest_dns_finds_the_shared_services(#[future(awt)] tenant: Tenant) -> Outcome {
    let invariants = tenant.invariants().await?;
    let dns = tenant.dns().await?;
    assert_eq!(
        dns.ask("nothing.dapr-system.svc.cluster.local").await?,
        Answer::NoSuchName
    );

    for (service, namespace) in SHARED {
        let answer = dns
            .ask(&format!("{service}.{namespace}.svc.cluster.local"))
            .await?;
        let address = tenant.environment().address_of(service, namespace).await?;
        assert_eq!(answer, Answer::Addresses(vec![address]), "{service}");
    }
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sh_05_without_the_fallback_guest_dns_does_not(#[future(awt)] environment: Environment) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let values = provision::values::BLOG.replace("fallbackHostDns: true", "fallbackHostDns: false");
    let tenant = environment.make_tenant("sh-05", values).await?;

    let dns = tenant.dns().await?;
    let own = dns.ask("kubernetes.default.svc.cluster.local").await?;
    let mut shared = Vec::new();
    for (service, namespace) in SHARED {
        shared.push(
            dns.ask(&format!("{service}.{namespace}.svc.cluster.local"))
                .await?,
        );
    }
    environment.remove_tenant(tenant).await?;

    assert!(
        matches!(own, Answer::Addresses(ref addresses) if addresses.len() == 1),
        "{own:?}"
    );
    assert_eq!(shared, vec![Answer::NoSuchName; SHARED.len()]);
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn sh_06_two_tenants_use_one_store_name_at_once(#[future(awt)] pair: Pair) -> Outcome {
    let invariants = pair.invariants().await?;
    let [ours, theirs] = pair.apps().await?;
    let state = pair.ours.environment().state().await?;
    let (value, other) = (pair.ours.unique("ours"), pair.theirs.unique("theirs"));

    let (written, others) = tokio::try_join!(ours.write.append(&value), theirs.write.append(&other))?;

    assert!(
        written.contains(&value) && !written.contains(&other),
        "{written:?}"
    );
    assert!(others.contains(&other) && !others.contains(&value), "{others:?}");
    assert!(ours.read.values().await?.contains(&value));
    assert!(theirs.read.values().await?.contains(&other));
    assert_eq!(state.keys_with(&value).await?, [pair.ours.key("values")]);
    assert_eq!(state.keys_with(&other).await?, [pair.theirs.key("values")]);
    invariants.assert_unchanged().await
}
