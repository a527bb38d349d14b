//! Tests with an API that answers from a list, as a real one can't be made to show a change late.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::BodyExt;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tower::service_fn;

use super::*;
use crate::sync::write::object::Object;

const KIND: &str = "Component";

/// Returns an API that gives these answers in turn, and the bodies that it got.
fn api(answers: impl IntoIterator<Item = (u16, Value)>) -> (Api<Object>, Arc<Mutex<Vec<Value>>>) {
    let answers = Arc::new(Mutex::new(VecDeque::from_iter(answers)));
    let sent = Arc::new(Mutex::new(Vec::new()));
    let seen = sent.clone();
    let service = service_fn(move |request: hyper::Request<Body>| {
        let (answers, seen) = (answers.clone(), seen.clone());
        async move {
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            let body = serde_json::from_slice(&body).expect("JSON");
            seen.lock().expect("no panic").push(body);
            let (status, answer) = answers.lock().expect("no panic").pop_front().expect("an answer");
            let answer = hyper::Response::builder()
                .status(status)
                .body(Body::from(answer.to_string().into_bytes()))
                .expect("a response");
            Ok::<_, Infallible>(answer)
        }
    });
    let client = Client::new(service, "default");
    (Api::namespaced_with(client, "default", &kind()), sent)
}

fn kind() -> ApiResource {
    ApiResource {
        group: "dapr.io".to_owned(),
        version: "v1alpha1".to_owned(),
        api_version: "dapr.io/v1alpha1".to_owned(),
        kind: KIND.to_owned(),
        plural: "components".to_owned(),
    }
}

/// Returns an object with this UID and these managers.
fn component(uid: &str, managers: &[&str]) -> Value {
    let managed: Vec<Value> = (managers.iter())
        .map(|manager| json!({"manager": manager, "operation": "Update"}))
        .collect();
    json!({
        "apiVersion": "dapr.io/v1alpha1", "kind": KIND,
        "metadata": {"name": "store", "namespace": "default", "uid": uid, "managedFields": managed},
    })
}

fn metadata(object: &Value) -> ObjectMeta {
    serde_json::from_value(object["metadata"].clone()).expect("metadata")
}

async fn apply(api: &Api<Object>, there: Option<&ObjectMeta>, written: &LastApplied) -> kube::Result<Object> {
    let target = Target {
        api,
        kind: &kind(),
        name: "store",
        there,
    };
    let body = json!({"apiVersion": "dapr.io/v1alpha1", "kind": KIND, "spec": {"version": "v1"}});
    target.apply(&body, written, &Key::new("default", "store")).await
}

fn code(result: kube::Result<Object>) -> u16 {
    match result.expect_err("it is somebody else's") {
        kube::Error::Api(status) => status.code,
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_was_given_back_is_left_alone_while_it_is_seen_as_it_was() {
    let shared = component("theirs", &["kubectl", MANAGER]);
    let theirs = component("theirs", &["kubectl"]);
    let (api, sent) = api([(200, shared.clone()), (200, theirs.clone()), (200, theirs)]);
    let written = LastApplied::default();

    assert_eq!(code(apply(&api, None, &written).await), 409);
    assert_eq!(code(apply(&api, Some(&metadata(&shared)), &written).await), 409);

    let sent = sent.lock().unwrap();
    assert_eq!(sent[0]["spec"]["version"], "v1");
    for again in &sent[1..] {
        assert_eq!(again["metadata"], json!({"name": "store", "uid": "theirs"}));
        assert_eq!(again["spec"], Value::Null);
    }
    assert_eq!(sent.len(), 3);
}

#[tokio::test]
async fn what_could_not_be_given_back_is_given_back_the_next_time() {
    let shared = component("theirs", &["kubectl", MANAGER]);
    let away = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503, "message": "", "reason": ""});
    let theirs = component("theirs", &["kubectl"]);
    let (api, sent) = api([(200, shared.clone()), (503, away), (200, theirs)]);
    let written = LastApplied::default();

    assert_eq!(code(apply(&api, None, &written).await), 503);
    assert_eq!(code(apply(&api, Some(&metadata(&shared)), &written).await), 409);
    assert_eq!(sent.lock().unwrap()[2]["spec"], Value::Null);
}

#[tokio::test]
async fn what_somebody_makes_in_the_place_of_the_syncers_own_is_given_back() {
    let own = component("own", &[MANAGER]);
    let shared = component("theirs", &["kubectl", MANAGER]);
    let theirs = component("theirs", &["kubectl"]);
    let (api, _) = api([(200, own), (200, shared), (200, theirs)]);
    let written = LastApplied::default();

    apply(&api, None, &written).await.expect("the name was free");
    assert_eq!(code(apply(&api, None, &written).await), 409);
}

#[tokio::test]
async fn what_the_syncer_has_made_may_have_others_that_write_to_it() {
    let own = component("own", &[MANAGER]);
    let shared = component("own", &[MANAGER, "operator"]);
    let (api, _) = api([(200, own), (200, shared)]);
    let written = LastApplied::default();

    apply(&api, None, &written).await.expect("the name was free");
    apply(&api, None, &written).await.expect("it is its own");
}
