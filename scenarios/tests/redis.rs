//! IS, continued: a tenant's actions on the Redis that all tenants share, and on one of its own.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use harness::workloads::store;
use redis::{Cmd, RedisResult, Value};
use rstest::rstest;
use scenarios::apps::Apps;
use scenarios::eventually::{LATER, SOON, becomes};
use scenarios::invariants::Invariants;
use scenarios::pod::Pod;
use scenarios::redis_user::{OWN, RedisUser};
use scenarios::{Component, Environment, Outcome, Pair, apps, redis_user};

use crate::fixtures::{environment, pair};

fn command(words: &[&str]) -> Cmd {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command
}

#[rstest]
#[tokio::test]
async fn is_24_a_tenants_user_of_redis_commands_nobody_elses_connections_and_keys(
    #[future(awt)] pair: Pair,
) -> Outcome {
    let invariants = pair.invariants().await?;
    let user = RedisUser::of_tenant(&pair.ours).await?;
    let (own, theirs) = (pair.ours.key("is-24"), pair.theirs.key("values"));
    user.ask(&command(&["HSET", &own, "field", "ours"])).await?;

    for words in [
        vec!["CLIENT", "LIST"],
        vec!["CLIENT", "PAUSE", "1", "ALL"],
        vec!["CLIENT", "KILL", "ID", "1"],
        vec!["CONFIG", "GET", "*"],
        vec!["MONITOR"],
        vec!["ACL", "LIST"],
        vec!["SCRIPT", "KILL"],
        vec!["FUNCTION", "LIST"],
        vec!["KEYS", "*"],
        vec!["SCAN", "0"],
        vec!["DBSIZE"],
        vec!["PUBLISH", "channel", "message"],
        vec!["HGETALL", &theirs],
        vec!["HSET", &theirs, "field", "intrusion"],
        vec!["XADD", &theirs, "*", "field", "intrusion"],
        vec!["EVAL", "return redis.call('hgetall', KEYS[1])", "1", &theirs],
    ] {
        let answer = user.ask(&command(&words)).await;
        ensure!(is_forbidden(&answer), "{words:?}: {answer:?}");
    }

    let kept = user.ask(&command(&["HGETALL", &own])).await?;
    ensure!(format!("{kept:?}").contains("ours"), "{kept:?}");
    user.ask(&command(&["DEL", &own])).await?;
    invariants.assert_unchanged().await
}

fn is_forbidden(answer: &RedisResult<Value>) -> bool {
    let code = answer.as_ref().err().and_then(redis::RedisError::code);
    code == Some("NOPERM")
}

/// Two tenants that share Redis: the Redis user of one, and the apps of the other, with a value.
struct Sharing {
    user: RedisUser,
    /// A key of the user's own.
    key: String,
    others: Apps,
    value: String,
    /// The pod of Redis.
    before: Pod,
}

impl Sharing {
    async fn begin(environment: &Environment, stem: &str) -> anyhow::Result<Self> {
        let pair = environment.pair().await?;
        let others = pair.theirs.apps().await?;
        others.write.clear().await?;
        let value = pair.theirs.unique(stem);
        others.write.append(&value).await?;
        Ok(Self {
            user: RedisUser::of_tenant(&pair.ours).await?,
            key: pair.ours.key(stem),
            others,
            value,
            before: environment.redis_pod().await?,
        })
    }
}

/// Waits until a Redis's container was restarted in its pod and is ready. Redis answers before its pod's status
/// reports that.
async fn was_restarted_once<Fut>(before: &Pod, now: impl Fn() -> Fut) -> Outcome
where
    Fut: Future<Output = anyhow::Result<Pod>>,
{
    let state = |pod: Pod| (pod.uid, pod.restarts.get("redis").copied(), pod.is_ready);
    let (uid, restarts, _) = state(before.clone());
    let expected = (uid, restarts.map(|restarts| restarts + 1), true);
    becomes("Redis to be restarted", SOON, expected, || async {
        Ok(state(now().await?))
    })
    .await
}

#[rstest]
#[tokio::test]
async fn is_25_a_script_that_does_not_end_is_ended_and_nothing_is_lost(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let Sharing {
        user,
        key,
        others,
        value,
        before,
    } = Sharing::begin(&environment, "is-25").await?;

    let script = user.hold_up(&key).await?;

    user.is_answered_again().await?;
    ensure!(script.await?.is_err(), "the script ended by itself");
    was_restarted_once(&before, || environment.redis_pod()).await?;
    // What was acknowledged is there, and what was not is not.
    becomes("the other tenant's values", LATER, vec![value.clone()], || {
        others.write.values()
    })
    .await?;
    becomes("them in its read app", LATER, vec![value], || {
        others.read.values()
    })
    .await?;
    // A Service routes to a pod a moment after the pod is ready.
    let nothing = Value::Array(Vec::new());
    becomes("what the script wrote", SOON, nothing, || async {
        Ok(user.ask(&command(&["HGETALL", &key])).await?)
    })
    .await?;
    others.write.clear().await?;
    invariants.assert_unchanged().await
}

#[rstest]
#[tokio::test]
async fn is_26_a_full_redis_refuses_writes_and_forgets_nothing(
    #[future(awt)] environment: Environment,
) -> Outcome {
    let invariants = Invariants::of_all(environment.tenants().await?).await?;
    let Sharing {
        user,
        key,
        others,
        value,
        before,
    } = Sharing::begin(&environment, "is-26").await?;

    let mut connection = user.connect().await?;
    let filled = redis_user::fill(&mut connection, &key).await;
    let refused = others.write.try_append("one too many").await;
    let read = others.read.values().await;
    // A full Redis takes deletions, from whoever has filled it.
    let delete = command(&["DEL", &key]).exec_async(&mut connection).await;
    delete.context("delete what has filled Redis")?;

    let refusal = filled?;
    ensure!(refusal.code() == Some("OOM"), "{refusal}");
    let refused = refused?.status();
    ensure!(apps::is_refusal(refused), "{refused}");
    ensure!(read? == [value.clone()], "a value was forgotten");
    ensure!(others.write.append("again").await? == [value, "again".to_owned()]);
    let after = environment.redis_pod().await?;
    ensure!(
        (&after.uid, &after.restarts) == (&before.uid, &before.restarts),
        "Redis was restarted: {after:?}, before: {before:?}"
    );
    others.write.clear().await?;
    invariants.assert_unchanged().await
}

/// Longer than a Redis that is not blocked takes to answer, through an app and its sidecar.
const AT_ONCE: Duration = Duration::from_secs(5);

#[rstest]
#[tokio::test]
async fn is_27_a_tenant_with_a_redis_of_its_own_holds_up_nobody_else(#[future(awt)] pair: Pair) -> Outcome {
    let invariants = pair.invariants().await?;
    let others = pair.theirs.apps().await?;
    let space = pair.ours.new_space("is-27").await?;
    let address = format!("{OWN}.{}.svc.cluster.local:6379", space.guest().namespace());
    let own_store = Component::redis(store::NAME)
        .with("redisHost", &address)
        .with_secret("redisPassword", OWN, "redis-password")
        .with_secret_store(Some("kubernetes"));
    space.guest().apply(&own_store).await?;
    let user = RedisUser::of_own(&space).await?;
    space.host().has(&own_store).await?;
    let app = space.deploy_write_app().await?;
    let value = pair.ours.unique("is-27");
    app.append(&value).await?;
    let shared = pair.ours.environment().state().await?;
    ensure!(
        shared.keys_with(&value).await?.is_empty(),
        "it is in the shared Redis"
    );
    let before = space.guest().pod_of(OWN).await?;

    let script = user.hold_up("held-up").await?;

    let answered = provision::wait::at_most(AT_ONCE, others.write.append(&value)).await;
    ensure!(!script.is_finished(), "the script has ended");
    let answered = answered.context("the other tenant's app does not answer")??;
    ensure!(answered.contains(&value), "{answered:?}");
    user.is_answered_again().await?;
    was_restarted_once(&before, || space.guest().pod_of(OWN)).await?;
    becomes("its own values", SOON, vec![value], || app.values()).await?;
    others.write.clear().await?;
    space.remove().await?;
    invariants.assert_unchanged().await
}
