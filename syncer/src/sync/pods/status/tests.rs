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

#[test]
fn a_native_sidecar_of_the_hosts_changes_neither_restarts_nor_the_class_of_service() {
    let guest = pod("
metadata: {generation: 1}
spec:
  initContainers: [{name: prepare}]
  containers: [{name: app}]
status: {phase: Pending, qosClass: BestEffort}");
    let host = pod("
spec:
  initContainers: [{name: daprd, restartPolicy: Always, resources: {limits: {cpu: 8}}}, {name: prepare}]
  containers: [{name: app}]
status:
  phase: Running
  qosClass: Burstable
  resources: {limits: {cpu: 8}}
  allocatedResources: {cpu: 8}
  conditions: [{type: Ready, status: 'True'}]
  initContainerStatuses:
  - {name: daprd, image: a, imageID: a, ready: true, restartCount: 7, allocatedResources: {cpu: 8}}
  - {name: prepare, image: a, imageID: a, ready: true, restartCount: 0}
  containerStatuses:
  - {name: app, image: a, imageID: a, ready: true, restartCount: 2}");
    insta::assert_yaml_snapshot!(shown(&guest, &host));
}
