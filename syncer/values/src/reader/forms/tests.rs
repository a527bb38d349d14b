use rstest::rstest;
use serde_json::json;

use super::*;

const ETCD: Form = Form::Image("registry.k8s.io", "etcd");

#[rstest]
#[case::with_registry("r.io:5000/a/b:1")]
#[case::of_docker("coredns/coredns:1.12.0")]
#[case::without_tag("localhost/b")]
#[case::one_word("b")]
fn an_image_survives_being_taken_apart(#[case] name: &str) {
    let parts = ETCD.write(&json!(name)).expect("it has a tag");
    assert_eq!(ETCD.read(parts), Ok(Read::Value(json!(name))));
}

#[rstest]
#[case::tag_only(json!({"tag": "1"}), json!("registry.k8s.io/etcd:1"))]
#[case::no_registry(json!({"registry": "", "tag": "1"}), json!("etcd:1"))]
fn parts_that_are_not_said_are_vclusters_own(#[case] parts: Value, #[case] name: Value) {
    assert_eq!(ETCD.read(parts), Ok(Read::Value(name)));
}

#[test]
fn a_selector_is_labels() {
    let read = Form::Selector.read(json!("a=b, c=d")).expect("it is equalities");
    assert_eq!(read, Read::Value(json!({"a": "b", "c": "d"})));
    assert_eq!(
        Form::Selector.write(&json!({"a": "b", "c": "d"})),
        Ok(json!("a=b,c=d"))
    );
    assert!(Form::Selector.read(json!("a in (b)")).is_err());
}
