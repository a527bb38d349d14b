//! Pods, and the objects that they name.

use k8s_openapi::ByteString;
use provision::wait::{self, Seen};
use serde_json::{Value, json};

use crate::rig::{NamespacePair, Refusal, SOON, Side, Tenant, unique};

#[tokio::test]
async fn a_pod_is_on_the_host_with_all_that_it_names() {
    let space = NamespacePair::shared().await;
    let tenant = Tenant::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let values = guest.create(values("values")).await;
    let password = guest.create(password("password")).await;
    guest.create(self::values("unnamed")).await;
    guest.create(self::password("unnamed")).await;
    let ours = made(guest, pod("app")).await;
    let theirs = host.appears("Pod", "app").await;

    let found = host
        .get("ConfigMap", "values")
        .await
        .expect("it is there before the pod");
    assert_eq!(
        [&found["data"], &found["binaryData"]],
        [&values["data"], &values["binaryData"]]
    );
    let found = host
        .get("Secret", "password")
        .await
        .expect("it is there before the pod");
    assert_eq!(
        [&found["data"], &found["type"]],
        [&password["data"], &password["type"]]
    );
    assert_eq!(host.get("ConfigMap", "unnamed").await, None);
    assert_eq!(host.get("Secret", "unnamed").await, None);

    assert_eq!(theirs["metadata"]["labels"], json!({"app": "app"}));
    let uid = &ours["metadata"]["uid"];
    assert_eq!(
        theirs["metadata"]["annotations"]["vcluster.loft.sh/object-uid"],
        *uid
    );
    let (ours, theirs) = (&ours["spec"], &theirs["spec"]);
    let account = format!("vc-workload-{}", tenant.name());
    assert_eq!(theirs["serviceAccountName"], account);
    assert_eq!(theirs["automountServiceAccountToken"], false);
    let kube_system = tenant.guest().await.within("kube-system");
    let dns = kube_system.get("Service", "kube-dns").await.expect("it has one");
    assert_eq!(theirs["dnsPolicy"], "None");
    assert_eq!(
        theirs["dnsConfig"]["nameservers"],
        json!([dns["spec"]["clusterIP"]])
    );
    let search = format!("{}.svc.cluster.local", guest.namespace());
    assert_eq!(theirs["dnsConfig"]["searches"][0], search);
    let container = |spec: &Value| spec["containers"][0].clone();
    assert_eq!(container(theirs)["image"], container(ours)["image"]);
    assert_eq!(container(theirs)["envFrom"], container(ours)["envFrom"]);
    let api = tenant.host().await.within(tenant.namespace());
    let api = api
        .get("Service", tenant.name())
        .await
        .expect("the chart makes it");
    let variable = json!({"name": "KUBERNETES_SERVICE_HOST", "value": api["spec"]["clusterIP"]});
    assert_eq!(container(theirs)["env"][0], variable);
}

#[tokio::test]
async fn a_pod_has_a_token_for_its_own_api_and_none_for_the_hosts() {
    let space = NamespacePair::shared().await;
    let ours = made(&space.guest, pod("app")).await;
    let theirs = space.host.appears("Pod", "app").await;
    let text = theirs.to_string();
    assert!(!text.contains("serviceAccountToken\""), "{text}");
    let name = format!(
        "vc-token-{}",
        ours["metadata"]["uid"].as_str().expect("it has one")
    );
    assert!(text.contains(&name), "{text}");
    // It would not name the node yet.
    assert_eq!(space.host.get("Secret", &name).await, None);
    let node = unique("node");
    run_on(&space.host, "app", &node).await;
    let secret = space.host.appears("Secret", &name).await;
    let (_, token) = secret["data"]
        .as_object()
        .expect("it has data")
        .iter()
        .next()
        .expect("a token");
    let claims = claims(token);
    let subject = format!("system:serviceaccount:{}:default", space.guest.namespace());
    assert_eq!(claims["sub"], subject);
    assert_eq!(claims["kubernetes.io"]["pod"]["uid"], ours["metadata"]["uid"]);
    assert_eq!(claims["kubernetes.io"]["node"]["name"], node);

    space.guest.delete("Pod", "app").await;
    space.host.sees("Pod", "app", "going", going).await;
    stopped(&space.host, "app").await;
    space.host.until_gone("Secret", &name).await;
}

#[tokio::test]
async fn what_a_pod_names_follows_its_changes_and_is_deleted_with_it() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    guest.create(values("values")).await;
    guest.create(password("password")).await;
    made(guest, pod("app")).await;
    host.appears("Pod", "app").await;
    guest
        .merge("ConfigMap", "values", &json!({"data": {"a": null, "c": "2"}}))
        .await;
    host.shows("ConfigMap", "values", "/data", json!({"c": "2"}))
        .await;
    guest
        .merge("Secret", "password", &json!({"stringData": {"password": "new"}}))
        .await;
    host.shows("Secret", "password", "/data/password", "bmV3").await;
    guest.delete("Pod", "app").await;
    host.until_gone("ConfigMap", "values").await;
    host.until_gone("Secret", "password").await;
    assert!(guest.get("ConfigMap", "values").await.is_some());
}

#[tokio::test]
async fn a_pods_status_comes_back_without_what_the_host_has_added() {
    let space = NamespacePair::shared().await;
    inject_sidecars(&space.host).await;
    made(&space.guest, pod("app")).await;
    let theirs = space.host.appears("Pod", "app").await;
    assert_eq!(names(&theirs["spec"]["containers"]), ["app", "daprd"]);

    let node = unique("node");
    run_on(&space.host, "app", &node).await;
    let guest = space.guest.shows("Pod", "app", "/status/phase", "Running").await;
    assert_eq!(guest["spec"]["nodeName"], node);
    assert_eq!(names(&guest["spec"]["containers"]), ["app"]);
    assert_eq!(names(&guest["status"]["containerStatuses"]), ["app"]);
    assert_eq!(guest["status"]["podIP"], "10.0.0.7");
    assert_eq!(guest["status"]["containerStatuses"][0]["ready"], true);
    // The sidecar is not ready, and so the pod is not.
    let ready = guest["status"]["conditions"]
        .as_array()
        .expect("it has some")
        .iter();
    let ready: Vec<_> = ready.filter(|condition| condition["type"] == "Ready").collect();
    assert_eq!(ready[0]["status"], "False");
    assert!(space.guest.everywhere().get("Node", &node).await.is_some());
}

#[tokio::test]
async fn a_new_image_reaches_a_running_pod_that_has_a_sidecar() {
    let space = NamespacePair::shared().await;
    inject_sidecars(&space.host).await;
    let ours = made(&space.guest, pod("app")).await;
    let before = space.host.appears("Pod", "app").await;
    run_on(&space.host, "app", &unique("node")).await;
    space.guest.shows("Pod", "app", "/status/phase", "Running").await;
    let mut containers = ours["spec"]["containers"].clone();
    containers[0]["image"] = json!("example.com/app:2");
    let change = json!({"spec": {"containers": containers}});
    space.guest.merge("Pod", "app", &change).await;
    let image = "/spec/containers/0/image";
    let after = space.host.shows("Pod", "app", image, "example.com/app:2").await;
    assert_eq!(names(&after["spec"]["containers"]), ["app", "daprd"]);
    assert_eq!(after["metadata"]["uid"], before["metadata"]["uid"]);
}

#[tokio::test]
async fn a_pod_deleted_in_the_guest_stays_until_the_host_has_stopped_it() {
    let space = NamespacePair::shared().await;
    made(&space.guest, pod("app")).await;
    space.host.appears("Pod", "app").await;
    run_on(&space.host, "app", &unique("node")).await;
    space.guest.shows("Pod", "app", "/status/phase", "Running").await;
    space.guest.delete("Pod", "app").await;
    let going = space.host.sees("Pod", "app", "going", going).await;
    assert_eq!(going["metadata"]["deletionGracePeriodSeconds"], 7);
    assert!(space.guest.get("Pod", "app").await.is_some());
    stopped(&space.host, "app").await;
    space.guest.until_gone("Pod", "app").await;
    space.host.until_gone("Pod", "app").await;
}

#[tokio::test]
async fn a_pod_that_the_host_evicts_is_gone_in_the_guest() {
    let space = NamespacePair::shared().await;
    made(&space.guest, pod("app")).await;
    space.host.appears("Pod", "app").await;
    run_on(&space.host, "app", &unique("node")).await;
    space.guest.shows("Pod", "app", "/status/phase", "Running").await;
    space.host.delete("Pod", "app").await;
    let going = space.guest.sees("Pod", "app", "going", going).await;
    assert_eq!(condition(&going, "DisruptionTarget"), Some("True"));
    stopped(&space.host, "app").await;
    space.guest.until_gone("Pod", "app").await;
    space.host.until_gone("Pod", "app").await;
}

/// Returns a pod of one container that names a ConfigMap and a Secret, each of which is optional.
pub(crate) fn pod(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "terminationGracePeriodSeconds": 7,
            "containers": [{
                "name": "app",
                "image": "example.com/app:1",
                "envFrom": [
                    {"configMapRef": {"name": "values", "optional": true}},
                    {"secretRef": {"name": "password", "optional": true}},
                ],
            }],
        },
    })
}

/// Creates a pod, once its namespace accepts pods.
pub(crate) async fn made(guest: &Side, pod: Value) -> Value {
    guest.appears("ServiceAccount", "default").await;
    guest.create(pod).await
}

fn values(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name},
        "data": {"a": "00123"},
        "binaryData": {"b": "AAH/"},
    })
}

fn password(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "type": "Opaque",
        "stringData": {"password": "secret"},
    })
}

/// Has the host add a container to each pod of the namespace, as Dapr's injector does.
pub(crate) async fn inject_sidecars(host: &Side) {
    let add = r#"[JSONPatch{op: "add", path: "/spec/containers/-", value: Object.spec.containers{name: "daprd", image: "example.com/daprd:1"}}]"#;
    inject(
        host,
        &json!({"patchType": "JSONPatch", "jsonPatch": {"expression": add}}),
    )
    .await;
}

/// Has the host add a container `daprd` to each pod of the namespace, by this mutation.
pub(crate) async fn inject(host: &Side, mutation: &Value) {
    let name = unique("injector");
    let admission = |kind: &str, spec: Value| json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "spec": spec});
    let policy = json!({
        "matchConstraints": {"resourceRules": [
            {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]},
        ]},
        "reinvocationPolicy": "Never",
        "mutations": [mutation],
    });
    let here = json!({"matchLabels": {"kubernetes.io/metadata.name": host.namespace()}});
    let binding = json!({"policyName": name, "matchResources": {"namespaceSelector": here}});
    let everywhere = host.everywhere();
    everywhere
        .create(admission("MutatingAdmissionPolicy", policy))
        .await;
    everywhere
        .create(admission("MutatingAdmissionPolicyBinding", binding))
        .await;

    let path = format!("{}?dryRun=All", host.path("Pod", ""));
    let probe = pod("probe");
    wait::until("the host to add a sidecar", SOON, || async {
        let added = host.post(&path, &probe).await;
        let has_sidecar = |pod: &Value| {
            let lists = ["containers", "initContainers"].map(|list| &pod["spec"][list]);
            lists.iter().any(|list| names(list).contains(&"daprd"))
        };
        Ok::<_, Refusal>(match added {
            Ok(pod) if has_sidecar(&pod) => Seen::Ready(()),
            other => Seen::NotYet(format!("{other:?}")),
        })
    })
    .await
    .expect("it does");
}

/// Does the work of a scheduler and a kubelet for a pod whose sidecar is not ready yet.
pub(crate) async fn run_on(host: &Side, name: &str, node: &str) {
    let binding = json!({
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name},
        "target": {"apiVersion": "v1", "kind": "Node", "name": node},
    });
    let path = format!("{}/binding", host.path("Pod", name));
    host.post(&path, &binding).await.expect("it can be bound");
    let container = |name: &str, ready: bool| {
        json!({
            "name": name, "image": "a", "imageID": "a", "restartCount": 0, "ready": ready, "started": true,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
            // By these, an API server sees that a kubelet can change them.
            "resources": {"requests": {"cpu": "10m"}},
        })
    };
    let condition = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastTransitionTime": "2026-01-01T00:00:00Z"});
    let status = json!({
        "phase": "Running",
        "hostIP": "10.0.0.1",
        "hostIPs": [{"ip": "10.0.0.1"}],
        "podIP": "10.0.0.7",
        "podIPs": [{"ip": "10.0.0.7"}],
        "startTime": "2026-01-01T00:00:00Z",
        "containerStatuses": [container("app", true), container("daprd", false)],
        "conditions": [
            condition("PodScheduled", "True"),
            condition("Initialized", "True"),
            condition("ContainersReady", "False"),
            condition("Ready", "False"),
        ],
    });
    host.merge_status("Pod", name, &status).await;
}

/// Does the work of a kubelet when a pod's containers have stopped.
pub(crate) async fn stopped(host: &Side, name: &str) {
    let path = format!("{}?gracePeriodSeconds=0", host.path("Pod", name));
    let removed = host
        .ask(http::Method::DELETE, &path, "application/json", None)
        .await;
    removed.expect("it is there");
}

pub(crate) fn going(found: &Value) -> Option<Value> {
    found["metadata"].get("deletionTimestamp").map(|_| found.clone())
}

/// Returns a condition of a pod.
pub(crate) fn condition<'a>(pod: &'a Value, kind: &str) -> Option<&'a str> {
    let mut all = pod["status"]["conditions"].as_array().into_iter().flatten();
    all.find(|condition| condition["type"] == kind)?["status"].as_str()
}

pub(crate) fn names(containers: &Value) -> Vec<&str> {
    let all = containers.as_array().into_iter().flatten();
    all.filter_map(|container| container["name"].as_str()).collect()
}

/// Returns the claims of a token in a Secret.
fn claims(encoded: &Value) -> Value {
    let token: ByteString = serde_json::from_value(encoded.clone()).expect("it is encoded");
    let token = String::from_utf8(token.0).expect("it is text");
    let claims = token.split('.').nth(1).expect("it has three parts");
    // Like a Secret's data, but for two letters and the padding.
    let mut claims = claims.replace('-', "+").replace('_', "/");
    while !claims.len().is_multiple_of(4) {
        claims.push('=');
    }
    let claims: ByteString = serde_json::from_value(json!(claims)).expect("it is encoded");
    serde_json::from_slice(&claims.0).expect("it is JSON")
}
