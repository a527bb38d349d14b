//! The read app against a sidecar that fails on demand.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use read_app::router;
use rstest::rstest;
use serde_json::{Value, json};
use service::fake_sidecar::{FakeSidecar, Fault, settings_for};
use service::settings::Settings;
use service::shell::App;
use tower::ServiceExt;

async fn get(settings: &Settings, path: &str) -> (StatusCode, Value) {
    let app = router(App::new(settings).expect("valid settings"));
    let response = app
        .oneshot(Request::get(path).body(Body::empty()).expect("valid"))
        .await
        .expect("a router answers");
    let status = response.status();
    let body = to_bytes(response.into_body(), usize::MAX).await.expect("valid");
    (
        status,
        serde_json::from_slice(&body).expect("every answer is JSON"),
    )
}

#[rstest]
#[case::nothing(None, json!({"Values": null}))]
#[case::what_the_tutorial_stores(Some(json!({"values": ["42", "7"]})), json!({"Values": ["42", "7"]}))]
#[case::a_bare_list(Some(json!(["42"])), json!({"Values": ["42"]}))]
#[case::an_emptied_list(Some(json!({"values": []})), json!({"Values": null}))]
#[case::null(Some(Value::Null), json!({"Values": null}))]
#[tokio::test]
async fn what_is_stored_is_shown(#[case] stored: Option<Value>, #[case] shown: Value) {
    let sidecar = FakeSidecar::start().await;
    if let Some(stored) = stored {
        sidecar.store("values", stored);
    }
    assert_eq!(get(&sidecar.settings(), "/").await, (StatusCode::OK, shown));
}

#[rstest]
#[case::silence(Fault::Silence, 504, "sidecar_slow")]
#[case::token(Fault::Says(401, "invalid api token"), 502, "token_refused")]
#[case::no_component(
    Fault::Says(500, r#"{"errorCode":"ERR_STATE_STORE_NOT_CONFIGURED"}"#),
    503,
    "no_store"
)]
#[case::not_a_list(Fault::Says(200, "42"), 502, "unreadable_state")]
#[tokio::test]
async fn what_goes_wrong_is_said(#[case] fault: Fault, #[case] status: u16, #[case] code: &str) {
    let sidecar = FakeSidecar::start().await;
    sidecar.will([fault]);
    let (got, body) = get(&sidecar.settings(), "/").await;
    assert_eq!((got.as_u16(), &body["error"]["code"]), (status, &json!(code)));
}

#[rstest]
#[case::alive("/healthz", 200)]
#[case::alive_by_the_tutorials_name("/health/liveness", 200)]
#[case::ready("/readyz", 503)]
#[case::ready_by_the_tutorials_name("/health/readiness", 503)]
#[tokio::test]
async fn without_a_sidecar_the_app_is_alive_but_not_ready(#[case] path: &str, #[case] status: u16) {
    assert_eq!(get(&settings_for(1), path).await.0.as_u16(), status);
}
