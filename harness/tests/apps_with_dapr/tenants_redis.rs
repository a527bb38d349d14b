//! Tests of a tenant's possible actions on Redis, and of the data that Redis keeps.

use std::collections::BTreeSet;

use harness::platform::redis::acl_line;
use provision::wait::{self, Seen};
use redis::{ErrorKind, ServerErrorKind};
use rstest::rstest;
use serde_json::{Value, json};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::platform_redis::{Connection, PlatformRedis, login};
use crate::rig::{BUDGET, Rig, ask, free_port};

/// Returns the tenant's Components: a state store, topics, and subscriptions to a topic that its app takes and to one
/// that it refuses.
fn resources(port: u16) -> String {
    let user = login("tenant-1");
    let common = [
        ("redisHost", format!("127.0.0.1:{port}")),
        ("redisUsername", user.username),
        ("redisPassword", user.password),
    ];
    let component = |name: &str, kind: &str, own: &[(&str, &str)]| {
        let own = own.iter().map(|(name, value)| (*name, (*value).to_owned()));
        let metadata: Vec<_> = common
            .iter()
            .cloned()
            .chain(own)
            .map(|(name, value)| json!({"name": name, "value": value}))
            .collect();
        json!({
            "apiVersion": "dapr.io/v1alpha1", "kind": "Component", "metadata": {"name": name},
            "spec": {"type": kind, "version": "v1", "metadata": metadata},
        })
    };
    let subscription = |name: &str, route: &str| {
        json!({
            "apiVersion": "dapr.io/v2alpha1", "kind": "Subscription", "metadata": {"name": name},
            "spec": {"pubsubname": "my-pubsub", "topic": format!("tenant-1||{name}"), "routes": {"default": route}},
        })
    };
    // What was not acknowledged after 100 ms is claimed and delivered again.
    let soon = [("processingTimeout", "100"), ("redeliverInterval", "100")];
    [
        component("my-statestore", "state.redis", &[("keyPrefix", "tenant-1")]),
        component("my-pubsub", "pubsub.redis", &soon),
        subscription("taken", "/events"),
        // The app wants a value there, and answers 400.
        subscription("refused", "/"),
    ]
    .map(|object| object.to_string())
    .join("\n---\n")
}

#[tokio::test]
async fn a_tenant_may_send_exactly_what_dapr_sends() {
    let rig = Rig::new().await;
    let redis = PlatformRedis::start(&rig).await;
    let administrator = redis.administrator().await;
    let () = administrator
        .ask(&["CONFIG", "RESETSTAT"])
        .await
        .expect("redis answers");
    let port = free_port();
    let app = rig.app("write-app", port, &[]).await;
    let sidecar = rig
        .sidecar_of(port, Some(app.port), &resources(redis.port), &[])
        .await;
    // This answer does not count itself, so it is the sidecar that has asked for it.
    let at_the_start = administrator.commands_used().await;
    assert!(at_the_start.contains("info"), "{at_the_start:?}");

    use_the_store(sidecar.port).await;
    // A key that Dapr did not write.
    let () = administrator
        .ask(&["SET", "tenant-1||plain", "6"])
        .await
        .expect("redis answers");
    assert_eq!(sidecar.state("plain").await, json!(6));
    for topic in ["taken", "refused"] {
        let path = format!("/v1.0/publish/my-pubsub/tenant-1%7C%7C{topic}");
        let published = ask(sidecar.port, "POST", &path, Some(json!("7"))).await;
        assert_eq!(published.expect("the sidecar answers").0, 204);
    }

    let allowed = allowed();
    let everybodys = ["auth", "hello"];
    let the_administrators = ["config|resetstat", "set"];
    wait::until("all commands that are allowed", BUDGET, || async {
        let mut used = administrator.commands_used().await;
        for command in everybodys.iter().chain(&the_administrators) {
            used.remove(*command);
        }
        Ok::<_, String>(if used == allowed {
            Seen::Ready(())
        } else {
            Seen::not_yet(format!("{used:?}, not {allowed:?}"))
        })
    })
    .await
    .expect("they are all sent, and no others");
    assert_eq!(app.get("/").await, (200, json!({"values": ["7"]})));
    let denied: Vec<redis::Value> = administrator.ask(&["ACL", "LOG"]).await.expect("redis answers");
    assert_eq!(denied, []);
}

/// Uses all of Dapr's API of a state store.
async fn use_the_store(sidecar: u16) {
    let state = "/v1.0/state/my-statestore";
    let answer = async |method: &str, path: &str, body: Option<Value>| {
        ask(sidecar, method, path, body)
            .await
            .expect("the sidecar answers")
    };
    let options = json!({"concurrency": "first-write", "consistency": "strong"});
    for (status, item) in [
        (204, json!({"key": "k", "value": 1})),
        (
            204,
            json!({"key": "k", "value": 2, "etag": "1", "options": options}),
        ),
        (
            409,
            json!({"key": "k", "value": 3, "etag": "1", "options": options}),
        ),
        (
            204,
            json!({"key": "t", "value": 4, "metadata": {"ttlInSeconds": "1000"}}),
        ),
        (
            204,
            json!({"key": "t", "value": 5, "metadata": {"ttlInSeconds": "-1"}}),
        ),
    ] {
        let saved = answer("POST", state, Some(json!([item]))).await;
        assert_eq!(saved.0, status, "{item}: {saved:?}");
    }
    assert_eq!(answer("GET", &format!("{state}/k"), None).await, (200, json!(2)));
    let bulk = answer(
        "POST",
        &format!("{state}/bulk"),
        Some(json!({"keys": ["k", "none"]})),
    )
    .await;
    assert_eq!((bulk.0, &bulk.1[0]["data"]), (200, &json!(2)), "{bulk:?}");
    let operations = json!({"operations": [
        {"operation": "upsert", "request": {"key": "other", "value": 6, "metadata": {"ttlInSeconds": "1000"}}},
        {"operation": "delete", "request": {"key": "k"}},
    ]});
    let transaction = answer("POST", &format!("{state}/transaction"), Some(operations)).await;
    assert_eq!(transaction.0, 204, "{transaction:?}");
    assert_eq!(
        answer("GET", &format!("{state}/other"), None).await,
        (200, json!(6))
    );
    assert_eq!(answer("DELETE", &format!("{state}/other"), None).await.0, 204);
    // Queries need a module that Redis does not have.
    let query = "/v1.0-alpha1/state/my-statestore/query";
    let query = answer("POST", query, Some(json!({"filter": {}}))).await;
    assert_eq!(query.1["errorCode"], "ERR_STATE_QUERY", "{query:?}");
}

/// Returns the commands that a tenant's user may send.
fn allowed() -> BTreeSet<String> {
    let rules = acl_line(&login("tenant-1"));
    let (before, after) = rules.split_once(" -@all ").expect("all is taken first");
    assert!(!before.contains('+'), "{rules}");
    let commands = after.split(' ').map(|rule| rule.strip_prefix('+'));
    commands
        .map(|command| command.expect("the rest is given").to_owned())
        .collect()
}

#[rstest]
#[case::clients(&["CLIENT PAUSE 1 ALL", "CLIENT KILL ID 1", "CLIENT LIST", "CLIENT NO-EVICT ON", "CLIENT SETNAME x", "CLIENT ID"])]
#[case::the_server(&["CONFIG GET *", "CONFIG SET maxmemory 0", "SHUTDOWN NOSAVE", "REPLICAOF NO ONE", "BGREWRITEAOF",
    "SAVE", "MODULE LIST", "CLUSTER INFO", "SLOWLOG GET", "LATENCY LATEST", "MEMORY STATS", "COMMAND COUNT"])]
#[case::other_users(&["ACL WHOAMI", "ACL LIST", "ACL SETUSER tenant-1 +@all", "MONITOR", "PUBLISH c m", "SUBSCRIBE c", "PSUBSCRIBE *"])]
#[case::scripts(&["SCRIPT KILL", "SCRIPT FLUSH", "SCRIPT LOAD x", "EVALSHA x 0", "EVAL_RO x 0", "FUNCTION LIST", "FUNCTION FLUSH", "FCALL x 0"])]
#[case::all_keys(&["KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", "FLUSHALL", "FLUSHDB", "SELECT 1", "SWAPDB 0 1"])]
#[case::own_keys_by_other_commands(&["SET tenant-1||k v", "TYPE tenant-1||k", "DUMP tenant-1||k", "RENAME tenant-1||k tenant-1||l",
    "MOVE tenant-1||k 1", "OBJECT FREQ tenant-1||k", "WAIT 1 0", "XGROUP DESTROY tenant-1||t g", "XRANGE tenant-1||t - +"])]
#[case::keys_of_another(&["HGETALL tenant-2||k", "HSET tenant-2||k a theirs", "DEL tenant-2||k", "EXPIRE tenant-2||k 1", "XADD tenant-2||t * a b",
    "XGROUP CREATE tenant-2||t g 0 MKSTREAM", "XREADGROUP GROUP g c STREAMS tenant-2||t >", "HGETALL k", "HGETALL tenant-1|k",
    "EVAL return(0) 1 tenant-2||k", "DEL tenant-1||k tenant-2||k"])]
#[tokio::test]
async fn a_tenant_may_not(#[case] commands: &[&str]) {
    let rig = Rig::new().await;
    let redis = PlatformRedis::start(&rig).await;
    let (ours, theirs) = (redis.tenant("tenant-1").await, redis.tenant("tenant-2").await);
    let administrator = redis.administrator().await;
    write(&ours, "tenant-1||k", "ours")
        .await
        .expect("it is their own");
    write(&theirs, "tenant-2||k", "theirs")
        .await
        .expect("it is their own");

    for command in commands {
        let words: Vec<_> = command.split(' ').collect();
        // The control: to somebody who may, Redis would not refuse it.
        let as_administrator = [&["ACL", "DRYRUN", "default"], &words[..]].concat();
        let answer: redis::RedisResult<String> = administrator.ask(&as_administrator).await;
        assert_eq!(answer.as_deref(), Ok("OK"), "{command}");
        let refused = ours.ask::<redis::Value>(&words).await.expect_err(command);
        assert_eq!(
            refused.kind(),
            ErrorKind::Server(ServerErrorKind::NoPerm),
            "{command}: {refused}"
        );
    }

    assert_eq!(read(&ours, "tenant-1||k").await, ["ours"]);
    assert_eq!(read(&theirs, "tenant-2||k").await, ["theirs"]);
}

#[tokio::test]
async fn nobody_may_debug() {
    let rig = Rig::new().await;
    let redis = PlatformRedis::start(&rig).await;
    for user in [redis.tenant("tenant-1").await, redis.administrator().await] {
        let refused = user.ask::<redis::Value>(&["DEBUG", "SLEEP", "0"]).await;
        let refused = refused.expect_err("it stops the server");
        assert!(
            refused.to_string().contains("DEBUG command not allowed"),
            "{refused}"
        );
        assert_eq!(user.ask::<String>(&["PING"]).await.as_deref(), Ok("PONG"));
    }
}

#[tokio::test]
async fn a_script_may_not_do_more_than_its_user() {
    let rig = Rig::new().await;
    let redis = PlatformRedis::start(&rig).await;
    let (ours, theirs) = (redis.tenant("tenant-1").await, redis.tenant("tenant-2").await);
    let administrator = redis.administrator().await;
    for (user, key) in [(&ours, "tenant-1||k"), (&theirs, "tenant-2||k")] {
        write(user, key, "own").await.expect("it is their own");
    }
    for call in [
        "'keys', '*'",
        "'publish', 'c', 'm'",
        "'set', 'tenant-1||k', 'v'",
        "'hget', 'tenant-2||k', 'a'",
        "'hset', 'tenant-2||k', 'b', '1'",
        "'flushall'",
    ] {
        let script = format!("return redis.call({call})");
        let refused = ours
            .ask::<redis::Value>(&["EVAL", &script, "0"])
            .await
            .expect_err(call);
        assert!(refused.to_string().contains("can't"), "{call}: {refused}");
    }
    // The controls: the tenant's own key, and somebody who may.
    let own: String = ours
        .ask(&["EVAL", "return redis.call('hget', 'tenant-1||k', 'a')", "0"])
        .await
        .expect("it is their own");
    assert_eq!(own, "own");
    assert_eq!(read(&theirs, "tenant-2||k").await, ["own"]);
    let keys: BTreeSet<String> = administrator
        .ask(&["EVAL", "return redis.call('keys', '*')", "0"])
        .await
        .expect("he may");
    assert_eq!(keys, ["tenant-1||k", "tenant-2||k"].map(str::to_owned).into());
}

#[tokio::test]
async fn a_full_redis_refuses_writes_and_forgets_nothing() {
    let rig = Rig::new().await;
    let mut redis = PlatformRedis::start(&rig).await;
    let (ours, theirs) = (redis.tenant("tenant-1").await, redis.tenant("tenant-2").await);
    write(&theirs, "tenant-2||k", "theirs")
        .await
        .expect("there is room");
    let megabyte = "m".repeat(1024 * 1024);
    let mut acknowledged = Vec::new();
    let refused = loop {
        assert!(
            acknowledged.len() < 256,
            "it takes more than its container's memory"
        );
        let key = format!("tenant-1||{}", acknowledged.len());
        match write(&ours, &key, &megabyte).await {
            Ok(()) => acknowledged.push(key),
            Err(refused) => break refused,
        }
    };
    assert_eq!(refused.code(), Some("OOM"), "{refused}");
    assert!(acknowledged.len() > 64, "{}", acknowledged.len());
    let their_write = write(&theirs, "tenant-2||l", &megabyte)
        .await
        .expect_err("it is full for all");
    assert_eq!(their_write.code(), Some("OOM"), "{their_write}");
    assert_eq!(read(&theirs, "tenant-2||k").await, ["theirs"]);
    assert!(redis.is_alive().await);

    redis.kill().await;
    redis.start_again().await;

    let (ours, theirs) = (redis.tenant("tenant-1").await, redis.tenant("tenant-2").await);
    assert_eq!(read(&theirs, "tenant-2||k").await, ["theirs"]);
    for key in &acknowledged {
        assert!(read(&ours, key).await == [&*megabyte], "{key}");
    }
    // Deletions make room.
    for key in &acknowledged[..2] {
        let deleted: u64 = ours.ask(&["DEL", key]).await.expect("it is their own");
        assert_eq!(deleted, 1);
    }
    write(&theirs, "tenant-2||l", "again")
        .await
        .expect("there is room");
}

#[tokio::test]
async fn a_client_that_does_not_read_is_disconnected() {
    let rig = Rig::new().await;
    let redis = PlatformRedis::start(&rig).await;
    let administrator = redis.administrator().await;
    write(&administrator, "tenant-1||k", &"m".repeat(1024 * 1024))
        .await
        .expect("there is room");
    let user = login("tenant-1");
    let mut greedy = TcpStream::connect(("127.0.0.1", redis.port))
        .await
        .expect("redis listens");
    let requests = format!(
        "AUTH {} {}\r\n{}",
        user.username,
        user.password,
        "HGETALL tenant-1||k\r\n".repeat(512)
    );
    greedy
        .write_all(requests.as_bytes())
        .await
        .expect("they are few bytes");
    wait::until("the client's end", BUDGET, || async {
        let statistics: String = administrator
            .ask(&["INFO", "stats"])
            .await
            .expect("redis answers");
        Ok::<_, String>(if statistics.contains("evicted_clients:1\r\n") {
            Seen::Ready(())
        } else {
            Seen::not_yet(statistics)
        })
    })
    .await
    .expect("it is disconnected");
    let memory: String = administrator
        .ask(&["INFO", "memory"])
        .await
        .expect("redis answers");
    let peak = memory
        .lines()
        .find_map(|line| line.strip_prefix("used_memory_peak:"));
    let peak: u64 = peak.and_then(|number| number.parse().ok()).expect("it says so");
    assert!(peak < 128 * 1024 * 1024, "{peak}");
}

#[tokio::test]
async fn a_script_without_end_is_ended_by_a_restart_that_loses_nothing() {
    let rig = Rig::new().await;
    let mut redis = PlatformRedis::start(&rig).await;
    let (ours, theirs) = (redis.tenant("tenant-1").await, redis.tenant("tenant-2").await);
    for number in 0..50 {
        write(&theirs, &format!("tenant-2||{number}"), "theirs")
            .await
            .expect("there is room");
    }
    assert!(redis.is_alive().await, "the probe fails always");
    let administrator = redis.administrator().await;

    let script = "redis.call('hset', KEYS[1], 'a', '1') while true do end";
    let endless = tokio::spawn(async move {
        ours.ask::<redis::Value>(&["EVAL", script, "1", "tenant-1||k"])
            .await
    });

    wait::until("the script to be slow", BUDGET, || async {
        Ok::<_, String>(match administrator.ask::<String>(&["PING"]).await {
            Err(error) if error.code() == Some("BUSY") => Seen::Ready(()),
            other => Seen::not_yet(format!("{other:?}")),
        })
    })
    .await
    .expect("redis says so");
    assert!(!redis.is_alive().await, "the kubelet would not restart it");
    let refused = administrator
        .ask::<String>(&["SCRIPT", "KILL"])
        .await
        .expect_err("it has written");
    assert_eq!(refused.code(), Some("UNKILLABLE"), "{refused}");
    // Without effect: the kubelet has to wait for the end of the grace period.
    redis.terminate();
    assert!(!redis.is_alive().await, "{refused}");
    redis.kill().await;
    redis.start_again().await;

    let unanswered = endless.await.expect("the task ends");
    assert!(unanswered.is_err(), "{unanswered:?}");
    let (ours, theirs) = (redis.tenant("tenant-1").await, redis.tenant("tenant-2").await);
    assert_eq!(read(&ours, "tenant-1||k").await, [""; 0]);
    for number in 0..50 {
        assert_eq!(read(&theirs, &format!("tenant-2||{number}")).await, ["theirs"]);
    }
}

async fn write(user: &Connection, key: &str, value: &str) -> redis::RedisResult<()> {
    user.ask::<u64>(&["HSET", key, "a", value]).await.map(drop)
}

async fn read(user: &Connection, key: &str) -> Vec<String> {
    let value: Option<String> = user.ask(&["HGET", key, "a"]).await.expect("redis answers");
    value.into_iter().collect()
}
