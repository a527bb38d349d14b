use super::*;

/// Returns the status to show, of a pod whose host pod never had other conditions than now.
fn shown(guest: &Pod, host: &Pod) -> PodStatus {
    super::shown(guest, host, Others::Stay(&BTreeSet::new()))
}

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

#[test]
fn what_the_whole_pod_uses_is_shown_of_what_the_guest_bounds() {
    let bounded = |resources: &str| {
        let guest = pod(&format!(
            "spec: {{containers: [{{name: app}}], resources: {resources}}}"
        ));
        let host = pod("
spec: {containers: [{name: daprd}, {name: app}]}
status:
  resources: {requests: {cpu: 25m, memory: 20Mi}, limits: {cpu: 100m}}
  allocatedResources: {cpu: 25m, memory: 20Mi}");
        let status = shown(&guest, &host);
        serde_json::to_value((status.resources, status.allocated_resources)).unwrap()
    };
    assert_eq!(
        bounded("{requests: {cpu: 30m}, limits: {cpu: 100m}}"),
        serde_json::json!([{"requests": {"cpu": "25m"}, "limits": {"cpu": "100m"}}, {"cpu": "25m"}])
    );
    assert_eq!(bounded("null"), serde_json::json!([null, null]));
}

/// Returns the names of the containers in a list of statuses, each with its shown state.
fn states(statuses: Option<&Vec<ContainerStatus>>) -> Vec<(&str, String)> {
    let all = statuses.into_iter().flatten();
    all.map(|status| {
        let state = status.state.as_ref().expect("it has one");
        let waiting = state.waiting.as_ref().and_then(|waiting| waiting.reason.clone());
        (&*status.name, waiting.unwrap_or_else(|| "Running".to_owned()))
    })
    .collect()
}

#[test]
fn an_added_container_is_not_shown_by_another_of_its_name() {
    let guest = pod(
        "
spec:
  containers: [{name: app}]
  ephemeralContainers: [{name: daprd, image: a}, {name: proxy}, {name: theirs}, {name: ours}, {name: later}]",
    );
    let host = pod("
metadata:
  managedFields:
  - manager: vcluster-syncer
    operation: Update
    subresource: ephemeralcontainers
    fieldsV1: {'f:spec': {'f:ephemeralContainers': {'k:{\"name\":\"ours\"}': {}}}}
spec:
  initContainers: [{name: proxy}]
  containers: [{name: daprd}, {name: app}]
  ephemeralContainers: [{name: theirs}, {name: ours}]
status:
  initContainerStatuses:
  - {name: proxy, image: a, imageID: a, ready: true, restartCount: 0, state: {running: {}}}
  containerStatuses:
  - {name: daprd, image: a, imageID: a, ready: true, restartCount: 0, state: {running: {}}}
  - {name: app, image: a, imageID: a, ready: true, restartCount: 0, state: {running: {}}}
  ephemeralContainerStatuses:
  - {name: theirs, image: a, imageID: a, ready: false, restartCount: 0, state: {running: {}}}
  - {name: ours, image: a, imageID: a, ready: false, restartCount: 0, state: {running: {}}}");
    let status = shown(&guest, &host);
    let running = |name| (name, "Running".to_owned());
    let taken = |name| (name, NAME_TAKEN.to_owned());
    assert_eq!(states(status.container_statuses.as_ref()), [running("app")]);
    assert_eq!(status.init_container_statuses, None);
    assert_eq!(
        states(status.ephemeral_container_statuses.as_ref()),
        [
            running("ours"),
            taken("daprd"),
            taken("proxy"),
            taken("theirs"),
            ("later", NOT_ON_HOST.to_owned()),
        ]
    );

    let guest = Pod {
        status: Some(status),
        ..guest
    };
    let told = ["daprd", "ours", "later"].map(|name| shows_taken(&guest, name));
    assert_eq!(told, [true, false, false]);
}
