//! The two apps with a real Dapr sidecar and a real Redis, each as a process.

use std::collections::BTreeSet;

use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::Rig;

/// Redis as the platform runs it, with a user for each tenant.
mod platform_redis;

/// Starting the programs, and asking them.
mod rig;

/// Tests of a tenant's possible actions on Redis, and of the data that Redis keeps.
mod tenants_redis;

#[tokio::test]
async fn the_tutorials_requests_get_the_tutorials_answers() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let (write, read) = (rig.write_app(&sidecar).await, rig.read_app(&sidecar).await);
    assert_eq!(read.get("/").await, (200, json!({"Values": null})));
    assert_eq!(write.post("42").await, (200, json!({"values": ["42"]})));
    assert_eq!(read.get("/").await, (200, json!({"Values": ["42"]})));
    assert_eq!(write.post("7").await, (200, json!({"values": ["42", "7"]})));
    assert_eq!(write.get("/").await, (200, json!({"values": ["42", "7"]})));
    assert_eq!(sidecar.state("values").await, json!({"values": ["42", "7"]}));
    assert_eq!(write.delete().await, (200, json!({"values": []})));
    assert_eq!(read.get("/").await, (200, json!({"Values": null})));
}

#[tokio::test]
async fn a_key_lives_for_ever_and_takes_writes_of_other_programs() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let (write, read) = (rig.write_app(&sidecar).await, rig.read_app(&sidecar).await);
    write.post("42").await;
    assert_eq!(redis.seconds_to_live("app||values").await, None);
    sidecar.save("values", json!(["1"])).await;
    assert_eq!(read.get("/").await, (200, json!({"Values": ["1"]})));
    assert_eq!(write.post("2").await, (200, json!({"values": ["1", "2"]})));
}

#[rstest]
#[case::from_nothing(None)]
#[case::from_a_value(Some("first"))]
#[tokio::test]
async fn of_fifty_appends_to_two_replicas_none_is_lost(#[case] before: Option<&str>) {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let replicas = [&rig.sidecar(&redis).await, &rig.sidecar(&redis).await];
    let replicas = join_all(replicas.map(|sidecar| rig.write_app(sidecar))).await;
    if let Some(value) = before {
        replicas[0].post(value).await;
    }
    let mut wanted: BTreeSet<_> = (0..50).map(|number| number.to_string()).collect();
    accepted(
        &join_all(
            wanted
                .iter()
                .zip(replicas.iter().cycle())
                .map(|(value, app)| app.post(value)),
        )
        .await,
    );
    wanted.extend(before.map(ToOwned::to_owned));
    let stored = values(replicas[0].get("/").await);
    assert_eq!(stored.len(), wanted.len());
    assert_eq!(BTreeSet::from_iter(stored), wanted);
}

#[tokio::test]
async fn what_is_appended_after_a_delete_stays() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecars = [rig.sidecar(&redis).await, rig.sidecar(&redis).await];
    let (one, other) = (
        rig.write_app(&sidecars[0]).await,
        rig.write_app(&sidecars[1]).await,
    );
    for round in 0..10 {
        let before: Vec<_> = (0..5).map(|number| format!("{round}-before-{number}")).collect();
        let after: Vec<_> = (0..5).map(|number| format!("{round}-after-{number}")).collect();
        let (earlier, later) = tokio::join!(join_all(before.iter().map(|value| one.post(value))), async {
            accepted(&[other.delete().await]);
            join_all(after.iter().map(|value| other.post(value))).await
        });
        accepted(&earlier);
        accepted(&later);
        let stored = values(one.get("/").await);
        assert!(
            after.iter().all(|value| stored.contains(value)),
            "{after:?} in {stored:?}"
        );
        assert!(
            !stored
                .iter()
                .any(|value| !value.starts_with(&format!("{round}-"))),
            "{stored:?}"
        );
    }
}

#[rstest]
#[case::the_right_one(Some("secret"), 200, None)]
#[case::the_wrong_one(Some("guess"), 502, Some("token_refused"))]
#[case::none(None, 502, Some("token_refused"))]
#[tokio::test]
async fn a_sidecar_with_a_token_wants_it(
    #[case] token: Option<&str>,
    #[case] status: u16,
    #[case] code: Option<&str>,
) {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecar = rig
        .sidecar_with(&redis.component(), &[("DAPR_API_TOKEN", "secret")])
        .await;
    let environment: Vec<_> = token.map(|token| ("DAPR_API_TOKEN", token)).into_iter().collect();
    let write = rig.app("write-app", sidecar.port, &environment).await;
    for answer in [
        write.post("42").await,
        write.get("/").await,
        write.get("/readyz").await,
    ] {
        assert_eq!((answer.0, answer.1["error"]["code"].as_str()), (status, code));
    }
}

#[tokio::test]
async fn a_store_of_another_name_is_unknown() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let write = rig
        .app("write-app", sidecar.port, &[("STATE_STORE_NAME", "my-statestor")])
        .await;
    for answer in [
        write.post("42").await,
        write.get("/").await,
        write.get("/readyz").await,
    ] {
        assert_eq!(problem(&answer), (500, "unknown_store"));
    }
}

#[tokio::test]
async fn a_sidecar_without_any_component_has_no_store() {
    let rig = Rig::new().await;
    let sidecar = rig.sidecar_with("", &[]).await;
    let write = rig.write_app(&sidecar).await;
    for answer in [
        write.post("42").await,
        write.get("/").await,
        write.get("/readyz").await,
    ] {
        assert_eq!(problem(&answer), (503, "no_store"));
    }
}

#[tokio::test]
async fn values_survive_that_redis_stops() {
    let rig = Rig::new().await;
    let mut redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let (write, read) = (rig.write_app(&sidecar).await, rig.read_app(&sidecar).await);
    write.post("before").await;
    redis.stop().await;
    let (wrote, seen) = tokio::join!(write.post("meanwhile"), read.get("/"));
    assert_eq!(
        (problem(&wrote), problem(&seen)),
        ((503, "store_failing"), (503, "store_failing"))
    );
    redis.start().await;
    assert_eq!(
        write.post("after").await,
        (200, json!({"values": ["before", "after"]}))
    );
    assert_eq!(read.get("/").await, (200, json!({"Values": ["before", "after"]})));
}

#[tokio::test]
async fn a_request_waits_for_redis_to_come_back() {
    let rig = Rig::new().await;
    let mut redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let write = rig.write_app(&sidecar).await;
    write.post("before").await;
    redis.stop().await;
    let (answer, ()) = tokio::join!(write.post("after"), redis.start_after_a_second());
    assert_eq!(answer, (200, json!({"values": ["before", "after"]})));
}

#[tokio::test]
async fn an_app_is_ready_once_its_sidecar_is() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let port = rig::free_port();
    let write = rig.app("write-app", port, &[]).await;
    assert_eq!(problem(&write.get("/readyz").await), (503, "sidecar_away"));
    assert_eq!(problem(&write.post("42").await), (503, "sidecar_away"));
    assert_eq!(write.get("/healthz").await.0, 200);
    let sidecar = rig.sidecar_at(port, &redis.component(), &[]).await;
    assert_eq!(write.get("/readyz").await.0, 200);
    assert_eq!(write.post("42").await, (200, json!({"values": ["42"]})));
    drop(sidecar);
    assert_eq!(problem(&write.post("43").await), (503, "sidecar_away"));
}

#[tokio::test]
async fn a_sidecar_that_hangs_is_slow_and_then_forgiven() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let write = rig
        .app("write-app", sidecar.port, &[("REQUEST_TIMEOUT_MS", "500")])
        .await;
    sidecar.hang();
    assert_eq!(problem(&write.get("/").await), (504, "sidecar_slow"));
    sidecar.go_on();
    assert_eq!(write.post("42").await, (200, json!({"values": ["42"]})));
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_app_stops() {
    let rig = Rig::new().await;
    let redis = rig.redis().await;
    let sidecar = rig.sidecar(&redis).await;
    let mut write = rig.write_app(&sidecar).await;
    sidecar.hang();
    let asked = write.asked("POST", "/?value=42");
    write.logs("calling the sidecar").await;
    write.terminate();
    write.logs("stopping").await;
    sidecar.go_on();
    assert_eq!(
        asked.await.expect("the request's task ends"),
        (200, json!({"values": ["42"]}))
    );
    assert_eq!(write.exit_code().await, Some(0));
}

fn accepted(answers: &[(u16, Value)]) {
    let refused: Vec<_> = answers.iter().filter(|(status, _)| *status != 200).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

fn values((status, body): (u16, Value)) -> Vec<String> {
    assert_eq!(status, 200, "{body}");
    serde_json::from_value(body["values"].clone()).expect("a list of strings")
}

fn problem((status, body): &(u16, Value)) -> (u16, &str) {
    (*status, body["error"]["code"].as_str().unwrap_or("none"))
}
