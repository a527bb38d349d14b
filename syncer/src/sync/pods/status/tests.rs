use super::*;

fn pod(yaml: &str) -> Pod {
    serde_saphyr::from_str(yaml).unwrap()
}

#[test]
fn a_sidecar_that_the_host_added_is_not_shown_but_counts_for_ready() {
    let guest = pod(include_str!("tests/guest.yaml"));
    let host = pod(include_str!("tests/host.yaml"));
    insta::assert_yaml_snapshot!(shown(&guest, &host));
}
