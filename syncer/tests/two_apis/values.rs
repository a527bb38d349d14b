//! Values reach the host as they were written.

use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{NamespacePair, VALUE, component};

const PEM: &str =
    "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ29tcG9uZW50==\n-----END CERTIFICATE-----\n";

#[rstest]
#[case::leading_zeros(json!("00123"))]
#[case::like_a_number(json!("1e10"))]
#[case::like_a_truth(json!("true"))]
#[case::like_nothing(json!("~"))]
#[case::empty(json!(""))]
#[case::blanks(json!("  a b\t"))]
#[case::pem(json!(PEM))]
#[case::windows_lines(json!("a\r\nb\r\n"))]
#[case::unicode(json!("Zürich 東京 🦀 \u{0}\u{7f}\u{2028}"))]
#[case::markup(json!("<a href=\"b\">&amp;</a>"))]
#[case::long(json!("0123456789abcdef".repeat(200 * 1024 / 16)))]
#[case::two_to_the_53_plus_1(json!(9_007_199_254_740_993_i64))]
#[case::largest_integer(json!(i64::MAX))]
#[case::fraction(json!(0.1))]
#[case::large_power(json!(1e100))]
#[case::truth(json!(false))]
#[case::nested(json!({"b": [1, "2", {"a": 0.5}], "a": {}}))]
#[tokio::test]
async fn a_value_is_the_same_on_the_host(#[case] value: Value) {
    let space = NamespacePair::shared().await;
    let guest = space.guest.create(component("store", value.clone())).await;
    assert_eq!(guest.pointer(VALUE), Some(&value));
    let host = space.host.shows("Component", "store", VALUE, value).await;
    assert_eq!(host["spec"], guest["spec"]);
}
