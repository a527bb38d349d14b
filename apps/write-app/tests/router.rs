//! The write app against a sidecar that fails on demand.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, StatusCode, header};
use futures::future::join_all;
use rstest::rstest;
use serde_json::{Value, json};
use service::fake_sidecar::{FakeSidecar, Fault, Store, settings_for};
use service::settings::Settings;
use service::shell::App;
use tower::ServiceExt;
use write_app::{LONGEST_VALUE, router};

const REDIS_IS_AWAY: Fault = Fault::Says(
    500,
    r#"{"errorCode":"ERR_STATE_GET","message":"connection refused"}"#,
);
const MISMATCH: Fault = Fault::Says(
    409,
    r#"{"errorCode":"ERR_STATE_SAVE","message":"possible etag mismatch"}"#,
);
const FORM: &str = "application/x-www-form-urlencoded";

fn app(settings: &Settings) -> Router {
    router(App::new(settings).expect("valid settings"))
}

async fn send(app: &Router, method: Method, path: &str) -> (StatusCode, Value) {
    answer(
        app,
        Request::builder()
            .method(method)
            .uri(path)
            .body(Body::empty())
            .expect("valid"),
    )
    .await
}

async fn append(app: &Router, value: &str) -> (StatusCode, Value) {
    send(app, Method::POST, &format!("/?value={value}")).await
}

async fn answer(app: &Router, request: Request<Body>) -> (StatusCode, Value) {
    let response = app
        .clone()
        .oneshot(request)
        .await
        .expect("a router always answers");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("valid");
    (
        status,
        serde_json::from_slice(&body).unwrap_or_else(|_| json!(String::from_utf8_lossy(&body))),
    )
}

/// Returns the status and the code of an error; its message is for people.
fn problem((status, body): (StatusCode, Value)) -> (u16, String) {
    assert!(
        body["error"]["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty()),
        "{body}"
    );
    (
        status.as_u16(),
        body["error"]["code"].as_str().unwrap_or_default().to_owned(),
    )
}

#[tokio::test]
async fn values_are_appended_listed_and_deleted() {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    assert_eq!(
        send(&app, Method::GET, "/").await,
        (StatusCode::OK, json!({"values": []}))
    );
    assert_eq!(
        append(&app, "42").await,
        (StatusCode::OK, json!({"values": ["42"]}))
    );
    assert_eq!(
        append(&app, "%C3%A4%20%26").await,
        (StatusCode::OK, json!({"values": ["42", "ä &"]}))
    );
    assert_eq!(
        send(&app, Method::GET, "/").await,
        (StatusCode::OK, json!({"values": ["42", "ä &"]}))
    );
    assert_eq!(sidecar.stored("values"), Some(json!({"values": ["42", "ä &"]})));
    assert_eq!(
        send(&app, Method::DELETE, "/").await,
        (StatusCode::OK, json!({"values": []}))
    );
    assert_eq!(
        send(&app, Method::GET, "/").await,
        (StatusCode::OK, json!({"values": []}))
    );
}

#[rstest]
#[case::the_tutorials(json!({"values": ["1"]}))]
#[case::a_bare_list(json!(["1"]))]
#[tokio::test]
async fn what_others_stored_is_kept(#[case] stored: Value) {
    let sidecar = FakeSidecar::start().await;
    sidecar.store("values", stored);
    assert_eq!(
        append(&app(&sidecar.settings()), "2").await,
        (StatusCode::OK, json!({"values": ["1", "2"]}))
    );
}

#[rstest]
#[case::a_number(json!(42))]
#[case::numbers(json!([42]))]
#[case::another_object(json!({"Values": ["42"]}))]
#[tokio::test]
async fn what_is_not_a_list_is_left_alone_until_deleted(#[case] stored: Value) {
    let sidecar = FakeSidecar::start().await;
    sidecar.store("values", stored.clone());
    let app = app(&sidecar.settings());
    assert_eq!(
        problem(append(&app, "42").await),
        (502, "unreadable_state".into())
    );
    assert_eq!(sidecar.stored("values"), Some(stored));
    assert_eq!(send(&app, Method::DELETE, "/").await.0, StatusCode::OK);
    assert_eq!(
        append(&app, "42").await,
        (StatusCode::OK, json!({"values": ["42"]}))
    );
}

#[rstest]
#[case::missing("/")]
#[case::empty("/?value=")]
#[case::misspelt("/?vaule=42")]
#[tokio::test]
async fn a_value_is_needed(#[case] path: &str) {
    let app = app(&FakeSidecar::start().await.settings());
    assert_eq!(
        problem(send(&app, Method::POST, path).await),
        (400, "missing_value".into())
    );
}

#[rstest]
#[case::two_values(Method::POST, "/?value=1&value=2", 400, "bad_query")]
#[case::no_such_path(Method::GET, "/values", 404, "not_found")]
#[case::no_such_method(Method::PUT, "/", 405, "method_not_allowed")]
#[case::no_such_method_of_a_probe(Method::POST, "/healthz", 405, "method_not_allowed")]
#[tokio::test]
async fn wrong_requests_get_json_too(
    #[case] method: Method,
    #[case] path: &str,
    #[case] status: u16,
    #[case] code: &str,
) {
    let app = app(&FakeSidecar::start().await.settings());
    assert_eq!(problem(send(&app, method, path).await), (status, code.into()));
}

#[rstest]
#[case::short(2, 200)]
#[case::longest(LONGEST_VALUE, 200)]
#[case::too_long(LONGEST_VALUE + 1, 413)]
#[case::too_long_to_be_read(4 * LONGEST_VALUE, 413)]
#[tokio::test]
async fn a_form_may_hold_a_long_value(#[case] bytes: usize, #[case] status: u16) {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    let form = format!("value={}", "x".repeat(bytes));
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, FORM)
        .body(Body::from(form))
        .expect("valid");
    let (got, body) = answer(&app, request).await;
    assert_eq!(got.as_u16(), status, "{}", body["error"]);
}

#[rstest]
#[case::redis(Store::Redis)]
#[case::sql(Store::Sql)]
#[tokio::test]
async fn no_value_of_many_writers_is_lost(#[case] store: Store) {
    let sidecar = FakeSidecar::of(store).await;
    let apps = [app(&sidecar.settings()), app(&sidecar.settings())];
    let wanted: BTreeSet<_> = (0..50).map(|number| number.to_string()).collect();
    let answers = join_all(
        wanted
            .iter()
            .zip(apps.iter().cycle())
            .map(|(value, app)| append(app, value)),
    )
    .await;
    assert!(
        answers.iter().all(|(status, _)| *status == StatusCode::OK),
        "{answers:?}"
    );
    let stored = sidecar.stored("values").expect("values are stored");
    let stored: Vec<String> = serde_json::from_value(stored["values"].clone()).expect("valid");
    assert_eq!(stored.len(), wanted.len());
    assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), wanted);
}

#[rstest]
#[case::after_another(&[Fault::Nothing, Fault::ComesSecondTo(r#"{"values":["1"]}"#)], json!(["1", "42"]))]
#[case::after_the_same(&[Fault::Nothing, Fault::ComesSecondTo(r#"{"values":["42"]}"#)], json!(["42", "42"]))]
#[case::when_redis_comes_back(&[REDIS_IS_AWAY, REDIS_IS_AWAY], json!(["42"]))]
#[case::when_a_mismatch_was_none(&[Fault::Nothing, MISMATCH], json!(["42"]))]
#[case::when_the_connection_broke(&[Fault::HangsUp, Fault::Nothing, Fault::HangsUp], json!(["42"]))]
#[case::rather_twice_than_never(&[Fault::Nothing, Fault::LosesTheAnswer], json!(["42", "42"]))]
#[tokio::test]
async fn a_value_gets_there(#[case] faults: &[Fault], #[case] values: Value) {
    let sidecar = FakeSidecar::start().await;
    sidecar.will(faults.iter().copied());
    assert_eq!(
        append(&app(&sidecar.settings()), "42").await,
        (StatusCode::OK, json!({"values": values}))
    );
    assert_eq!(sidecar.stored("values"), Some(json!({"values": values})));
}

#[rstest]
#[case::silence(&[Fault::Silence], 504, "sidecar_slow")]
#[case::silence_after_a_fault(&[REDIS_IS_AWAY, Fault::Silence], 503, "store_failing")]
#[case::silence_to_the_write(&[Fault::Nothing, Fault::Silence], 504, "sidecar_slow")]
#[case::redis_stays_away(&[REDIS_IS_AWAY; 4], 503, "store_failing")]
#[case::hangs_up(&[Fault::HangsUp; 4], 503, "sidecar_away")]
#[case::token(&[Fault::Says(401, "invalid api token")], 502, "token_refused")]
#[case::no_component(&[Fault::Says(500, r#"{"errorCode":"ERR_STATE_STORE_NOT_CONFIGURED"}"#)], 503, "no_store")]
#[case::refused(&[Fault::Says(403, r#"{"errorCode":"ERR_PERMISSION_DENIED"}"#)], 502, "store_refused")]
#[case::not_even_dapr(&[Fault::Says(404, "<html>")], 502, "store_refused")]
#[case::not_even_json(&[Fault::Says(200, "42, and more")], 502, "unreadable_state")]
#[tokio::test]
async fn what_does_not_pass_is_said(#[case] faults: &[Fault], #[case] status: u16, #[case] code: &str) {
    let sidecar = FakeSidecar::start().await;
    sidecar.will(faults.iter().copied());
    assert_eq!(
        problem(append(&app(&sidecar.settings()), "42").await),
        (status, code.into())
    );
    assert_eq!(sidecar.stored("values"), None);
}

#[tokio::test]
async fn a_store_that_takes_no_writes_is_given_up() {
    let sidecar = FakeSidecar::start().await;
    sidecar.will([Fault::Nothing, MISMATCH].repeat(4));
    assert_eq!(
        problem(append(&app(&sidecar.settings()), "42").await),
        (503, "contended".into())
    );
}

#[tokio::test]
async fn an_unknown_store_and_an_absent_sidecar_are_said() {
    let sidecar = FakeSidecar::start().await;
    let settings = Settings {
        state_store_name: "misspelt".into(),
        ..sidecar.settings()
    };
    assert_eq!(
        problem(append(&app(&settings), "42").await),
        (500, "unknown_store".into())
    );
    // Port 1 needs root to listen on and is nobody's.
    assert_eq!(
        problem(append(&app(&settings_for(1)), "42").await),
        (503, "sidecar_away".into())
    );
}

#[tokio::test]
async fn the_key_stays_open_to_writers_without_an_etag() {
    let sidecar = FakeSidecar::start().await;
    append(&app(&sidecar.settings()), "42").await;
    assert!(!sidecar.is_first_write("values"));
}

#[tokio::test]
async fn a_list_ends_where_dapr_would_refuse_it() {
    let sidecar = FakeSidecar::start().await;
    sidecar.store("values", json!(["x".repeat(4 * 1024 * 1024 - 50)]));
    // To read 4 MiB of JSON without optimization takes half a second on a busy machine.
    let app = app(&Settings {
        request_timeout_ms: Duration::from_secs(30),
        ..sidecar.settings()
    });
    assert_eq!(
        problem(append(&app, &"x".repeat(100)).await),
        (507, "list_full".into())
    );
    assert_eq!(send(&app, Method::DELETE, "/").await.0, StatusCode::OK);
}

#[tokio::test]
async fn trace_and_token_go_on_to_the_sidecar() {
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let sidecar = FakeSidecar::start().await;
    let address = sidecar.settings().sidecar();
    let settings = given(&[
        "--dapr-http-endpoint",
        address.as_str(),
        "--dapr-api-token",
        "secret",
    ]);
    let request = Request::post("/?value=42")
        .header("traceparent", TRACE)
        .body(Body::empty())
        .expect("valid");
    answer(&app(&settings), request).await;
    let heard = sidecar.heard();
    assert_eq!(heard.len(), 2);
    for call in heard {
        assert_eq!(
            (&call["traceparent"], &call["dapr-api-token"]),
            (&TRACE.parse().expect("valid"), &"secret".parse().unwrap())
        );
    }
}

fn given(arguments: &[&str]) -> Settings {
    use clap::Parser as _;
    #[derive(clap::Parser)]
    struct Arguments {
        #[command(flatten)]
        settings: Settings,
    }
    Arguments::parse_from(["write-app"].iter().chain(arguments)).settings
}

#[rstest]
#[case::alive("/healthz", true, 200)]
#[case::alive_without_a_sidecar("/healthz", false, 200)]
#[case::the_tutorials("/actuator/health", false, 200)]
#[case::ready("/readyz", true, 200)]
#[case::not_ready_without_a_sidecar("/readyz", false, 503)]
#[tokio::test]
async fn probes_tell_the_app_from_its_sidecar(
    #[case] path: &str,
    #[case] sidecar: bool,
    #[case] status: u16,
) {
    let fake = FakeSidecar::start().await;
    let settings = if sidecar { fake.settings() } else { settings_for(1) };
    assert_eq!(send(&app(&settings), Method::GET, path).await.0.as_u16(), status);
}

#[tokio::test]
async fn an_app_is_not_ready_without_its_own_store() {
    let sidecar = FakeSidecar::start().await;
    let settings = Settings {
        state_store_name: "my-secrets".into(),
        ..sidecar.settings()
    };
    assert_eq!(
        problem(send(&app(&settings), Method::GET, "/readyz").await),
        (500, "unknown_store".into())
    );
}

#[tokio::test]
async fn metrics_count_by_route_and_outcome() {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    sidecar.will([Fault::Nothing, Fault::ComesSecondTo("[]")]);
    append(&app, "42").await;
    send(&app, Method::GET, "/somewhere/else").await;
    let (_, text) = send(&app, Method::GET, "/metrics").await;
    let text = text.as_str().expect("text, not JSON");
    for line in [
        r#"http_requests_total{method="POST",route="/",status="200"} 1"#,
        r#"http_requests_total{method="GET",route="none",status="404"} 1"#,
        r#"dapr_calls_total{operation="save",outcome="contended"} 1"#,
        r#"dapr_calls_total{operation="save",outcome="ok"} 1"#,
        "write_conflicts_total 1",
    ] {
        assert!(text.lines().any(|has| has == line), "{line} is not in\n{text}");
    }
}

async fn deliver(app: &Router, event: &str) -> (StatusCode, Value) {
    let request = Request::post("/events").header(header::CONTENT_TYPE, "application/cloudevents+json");
    answer(app, request.body(Body::from(event.to_owned())).expect("valid")).await
}

#[tokio::test]
async fn a_value_is_published_to_the_topic_in_the_path() {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    let answer = send(
        &app,
        Method::POST,
        "/topics/my-pubsub/tenant-1%7C%7Corders?value=42",
    )
    .await;
    assert_eq!(answer.0, StatusCode::NO_CONTENT);
    assert_eq!(
        sidecar.published(),
        [("my-pubsub".to_owned(), "tenant-1||orders".to_owned(), json!("42"))]
    );
}

#[rstest]
#[case::the_broker_fails(
    Fault::Says(500, r#"{"errorCode":"ERR_PUBSUB_PUBLISH_MESSAGE","message":"NOPERM"}"#),
    503,
    "unpublished"
)]
#[case::no_such_component(
    Fault::Says(404, r#"{"errorCode":"ERR_PUBSUB_NOT_FOUND"}"#),
    503,
    "unpublished"
)]
#[case::the_sidecar_has_no_such_api(Fault::Says(404, "404 page not found"), 502, "store_refused")]
#[tokio::test]
async fn what_is_not_published_is_said(#[case] fault: Fault, #[case] status: u16, #[case] code: &str) {
    let sidecar = FakeSidecar::start().await;
    sidecar.will([fault]);
    let app = app(&sidecar.settings());
    let answer = send(&app, Method::POST, "/topics/my-pubsub/orders?value=42").await;
    assert_eq!(problem(answer), (status, code.to_owned()));
    assert_eq!(sidecar.published(), []);
}

#[tokio::test]
async fn what_is_delivered_is_appended() {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    let answer = deliver(
        &app,
        r#"{"specversion":"1.0","type":"com.dapr.event.sent","data":"42"}"#,
    )
    .await;
    assert_eq!(answer, (StatusCode::OK, json!({"status": "SUCCESS"})));
    assert_eq!(send(&app, Method::GET, "/").await.1, json!({"values": ["42"]}));
}

#[rstest]
#[case::no_json("nonsense")]
#[case::a_number(r#"{"data":42}"#)]
#[case::nothing(r#"{"data":""}"#)]
#[tokio::test]
async fn what_can_never_be_appended_is_dropped(#[case] event: &str) {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    assert_eq!(
        deliver(&app, event).await,
        (StatusCode::OK, json!({"status": "DROP"}))
    );
    assert_eq!(send(&app, Method::GET, "/").await.1, json!({"values": []}));
}

#[tokio::test]
async fn what_could_not_be_stored_is_delivered_again() {
    let sidecar = FakeSidecar::start().await;
    let app = app(&sidecar.settings());
    sidecar.will([Fault::Says(401, "invalid api token")]);
    let answer = deliver(&app, r#"{"data":"42"}"#).await;
    assert_eq!(problem(answer), (502, "token_refused".to_owned()));
}
