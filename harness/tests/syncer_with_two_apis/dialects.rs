//! Values files of each dialect make the same virtual cluster.

use rstest::rstest;
use serde_json::json;

use crate::rig::{Tenant, VALUE, component};

#[rstest]
#[case::of_0_20(include_str!("../../../syncer/fixtures/values/blog.0.20.yaml"))]
#[case::of_0_28(include_str!("../../../syncer/fixtures/values/blog.0.28.yaml"))]
#[tokio::test]
async fn a_component_reaches_the_host(#[case] values: &str) {
    let tenant = Tenant::with_values("dialect", values).await;
    let space = tenant.space("default").await;
    let guest = space.guest.create(component("store", "1")).await;
    let host = space.host.shows("Component", "store", VALUE, json!("1")).await;
    assert_eq!(host["spec"], guest["spec"]);
}
