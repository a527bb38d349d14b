//! Logs of containers, exec, attach and port-forward. The host's kubelet is the rig's, as nothing runs: it answers with the
//! request that it got, and an upgraded connection echoes its input.

use std::fs;
use std::path::PathBuf;

use futures::{AsyncBufReadExt, TryStreamExt};
use http::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::LogParams;
use kube::client::Body;
use rstest::rstest;
use serde_json::{Value, json};
use syncer::pki::{self, Authority, Identity, Issued};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::pods::{made, pod, run_on};
use crate::rig::{HostKubelet, NO_FORMER, NamespacePair, Refusal, Side, Tenant, namespace};

#[tokio::test]
async fn a_log_is_followed_line_by_line() {
    let space = NamespacePair::shared().await;
    let kubelet = app(&space).await;
    let pods: Api<Pod> = Api::namespaced(space.guest.client(), space.guest.namespace());
    let params = LogParams {
        follow: true,
        tail_lines: Some(7),
        ..LogParams::default()
    };
    let log = pods.log_stream("app", &params).await.expect("there is one");
    let mut lines = log.lines();
    let asked = lines.try_next().await.expect("it goes on");
    let mirror = space.host.namespace();
    assert_eq!(
        asked,
        Some(format!(
            "GET /containerLogs/{mirror}/app/app?follow=true&tailLines=7"
        ))
    );
    for line in ["written later", "and later still"] {
        kubelet.writes(line);
        assert_eq!(lines.try_next().await.expect("it goes on").as_deref(), Some(line));
    }
}

/// Workflow engines use names of one long word.
#[tokio::test]
async fn a_log_is_there_of_a_pod_whose_name_is_longer_than_a_label() {
    let space = NamespacePair::shared().await;
    let kubelet = HostKubelet::new(json!({})).await;
    let name = format!("nightly-{}", "import-".repeat(20) + "1");
    let mut wanted = pod(&name);
    wanted["spec"]["hostname"] = json!("import");
    wanted["metadata"]["labels"]["app"] = json!("import");
    made(&space.guest, wanted).await;
    space.host.appears("Pod", &name).await;
    run_on(&space.host, &name, &kubelet.node).await;
    space.guest.shows("Pod", &name, "/status/phase", "Running").await;
    let node = kubelet.node.as_str();
    space.guest.shows("Pod", &name, "/spec/nodeName", node).await;
    let pods: Api<Pod> = Api::namespaced(space.guest.client(), space.guest.namespace());
    let log = pods
        .logs(&name, &LogParams::default())
        .await
        .expect("there is one");
    let mirror = space.host.namespace();
    assert!(
        log.contains(&format!("GET /containerLogs/{mirror}/{name}/app")),
        "{log}"
    );
}

/// An API server drops the data that it reads together with the end of a log.
#[tokio::test]
async fn a_log_that_ends_is_whole_by_a_web_socket() {
    let space = NamespacePair::shared().await;
    let _kubelet = app(&space).await;
    let path = format!("{}/log?container=app", space.guest.path("Pod", "app"));
    let request = Request::get(path)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "websocket")
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_KEY, "AAAAAAAAAAAAAAAAAAAAAA==")
        .header(header::SEC_WEBSOCKET_PROTOCOL, "binary.k8s.io")
        .header(header::ORIGIN, "http://localhost/")
        .body(Body::empty())
        .expect("a request");
    let mut answer = space.guest.client().send(request).await.expect("it is answered");
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = hyper::upgrade::on(&mut answer).await.expect("it was agreed on");
    let mut stream = TokioIo::new(upgraded);
    let mut said = Vec::new();
    // A frame has its kind, its length, which is short here, and so much content; the last one says goodbye.
    loop {
        let (kind, length) = (
            stream.read_u8().await.expect("it goes on"),
            stream.read_u8().await.expect("it goes on"),
        );
        assert!(length < 126, "it is short");
        let mut content = vec![0; length.into()];
        stream.read_exact(&mut content).await.expect("it goes on");
        if kind == 0x88 {
            break;
        }
        assert_eq!(kind, 0x82);
        said.extend(content);
    }
    let mirror = space.host.namespace();
    assert_eq!(
        String::from_utf8_lossy(&said),
        format!("GET /containerLogs/{mirror}/app/app\n")
    );
}

#[rstest]
#[case::exec(
    "exec?container=app&command=cat&command=a%26b&stdin=true&stdout=true",
    "/app?command=cat&command=a%26b&input=1&output=1"
)]
#[case::attach("attach?stdin=true&stdout=true&tty=true", "/app?input=1&output=1&tty=1")]
#[case::port_forward("portforward", "")]
#[tokio::test]
async fn what_is_said_by_an_upgraded_connection_comes_back(#[case] asked: &str, #[case] told: &str) {
    let space = NamespacePair::shared().await;
    let _kubelet = app(&space).await;
    let path = format!("{}/{asked}", space.guest.path("Pod", "app"));
    let request = Request::post(path)
        .header(header::CONNECTION, "Upgrade")
        .header(header::UPGRADE, "SPDY/3.1")
        .header("X-Stream-Protocol-Version", "v4.channel.k8s.io")
        .body(Body::empty())
        .expect("a request");
    let mut answer = space.guest.client().send(request).await.expect("it is answered");
    assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
    let upgraded = hyper::upgrade::on(&mut answer).await.expect("it was agreed on");
    let mut stream = BufReader::new(TokioIo::new(upgraded));

    let mut line = String::new();
    stream.read_line(&mut line).await.expect("it goes on");
    let mirror = space.host.namespace();
    let (verb, _) = asked.split_once('?').unwrap_or((asked, ""));
    let verb = verb.replace("portforward", "portForward");
    assert_eq!(line, format!("POST /{verb}/{mirror}/app{told}\n"));

    let sent: Vec<u8> = (0..=u8::MAX).cycle().take(100_000).collect();
    let mut back = vec![0; sent.len()];
    let (mut from, mut to) = tokio::io::split(stream);
    let (read, written) = tokio::join!(from.read_exact(&mut back), to.write_all(&sent));
    read.expect("it goes on");
    written.expect("it goes on");
    assert!(back == sent, "it comes back as it was");
}

#[tokio::test]
async fn what_the_host_refuses_is_answered_with_the_hosts_message() {
    let space = NamespacePair::shared().await;
    let _kubelet = app(&space).await;
    let refused = log(&space.guest, "app", "previous=true").await.unwrap_err();
    assert_eq!((refused.code, refused.message.as_str()), (400, NO_FORMER));
}

#[tokio::test]
async fn by_a_nodes_proxy_no_kubelet_is_reached() {
    let space = NamespacePair::shared().await;
    let kubelet = app(&space).await;
    let path = format!("/containerLogs/{}/app/app", space.guest.namespace());
    let door = Door::of(&space, &kubelet).await;
    let mirror = space.host.namespace();
    let ours = format!("GET /containerLogs/{mirror}/app/app\n");
    assert_eq!(text(&door.api_server().await, &path).await, Ok(ours));
    // The API server's other way to a kubelet leads to no loopback address.
    let node = space.guest.everywhere().path("Node", &kubelet.node);
    let refused = text(&space.guest, &format!("{node}/proxy{path}"))
        .await
        .unwrap_err();
    assert_eq!(refused.message, "address not allowed");
}

#[tokio::test]
async fn nobody_but_the_api_server_is_answered() {
    let space = NamespacePair::shared().await;
    let kubelet = app(&space).await;
    let door = Door::of(&space, &kubelet).await;
    let path = format!("/containerLogs/{}/app/app", space.guest.namespace());
    let api = door.api_server().await;
    text(&api, &path).await.expect("the API server is answered");
    // A guest's administrator has a certificate, and can have one signed in any name.
    for identity in [Identity::Admin, Identity::KubeletClient] {
        let issued = door.authority.issue(&identity).expect("it can be issued");
        let refused = text(&door.knock(&issued).await, &path).await.unwrap_err();
        assert_eq!(refused.code, 403, "{identity:?}");
    }
    // What it shows to other API servers leads to metrics alone.
    let file = |name: &str| fs::read_to_string(door.pki.join(name)).expect("it was written");
    let (certificate, key) = (file("front-proxy-client.crt"), file("front-proxy-client.key"));
    let refused = text(&door.knock(&Issued { certificate, key }).await, &path).await;
    assert_eq!(refused.unwrap_err().code, 403);
    // With one of another authority there is nobody to talk to.
    let foreign = Authority::generate("foreign").expect("it can be made");
    let issued = foreign.issue(&Identity::KubeletClient).expect("it can be issued");
    let stranger = door.knock(&issued).await;
    let request = Request::get(&path).body(Vec::new()).expect("a request");
    let said = stranger.client().request_text(request).await;
    assert!(
        matches!(said, Err(ref error) if !matches!(error, kube::Error::Api(_))),
        "{said:?}"
    );
}

#[tokio::test]
async fn after_a_restart_the_nodes_lead_to_the_new_syncer() {
    let mut tenant = Tenant::new("kubelet").await;
    tenant.guest().await.create(namespace("work")).await;
    let space = tenant.space("work").await;
    let kubelet = app(&space).await;
    let everywhere = space.guest.everywhere();
    let port = |node: &Value| node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"].as_u64();
    let before = everywhere
        .get("Node", &kubelet.node)
        .await
        .expect("it runs a pod");
    log(&space.guest, "app", "").await.expect("it is there");
    tenant.stop().await;
    tenant.start().await;
    let after = everywhere
        .sees("Node", &kubelet.node, "leading elsewhere", |node| {
            (port(node) != port(&before)).then(|| node.clone())
        })
        .await;
    assert_eq!(after["status"]["addresses"], before["status"]["addresses"]);
    log(&space.guest, "app", "").await.expect("it is there");
}

#[tokio::test]
async fn a_node_that_the_tenant_deletes_comes_back_while_its_pods_run() {
    let mut tenant = Tenant::new("nodes").await;
    tenant.guest().await.create(namespace("work")).await;
    let space = tenant.space("work").await;
    let kubelet = app(&space).await;
    let everywhere = space.guest.everywhere();
    let uid = |node: &Value| node["metadata"]["uid"].clone();
    let first = everywhere.appears("Node", &kubelet.node).await;
    everywhere.delete("Node", &kubelet.node).await;
    let second = everywhere
        .sees("Node", &kubelet.node, "another one", |node| {
            (uid(node) != uid(&first)).then(|| node.clone())
        })
        .await;
    assert_eq!(second["metadata"]["labels"], first["metadata"]["labels"]);
    everywhere
        .shows(
            "Node",
            &kubelet.node,
            "/status/daemonEndpoints",
            first["status"]["daemonEndpoints"].clone(),
        )
        .await;
    log(&space.guest, "app", "").await.expect("it is there");

    // The same while the syncer is away.
    tenant.stop().await;
    everywhere.delete("Node", &kubelet.node).await;
    tenant.start().await;
    everywhere
        .shows("Node", &kubelet.node, "/status/addresses/1/address", "localhost")
        .await;
    log(&space.guest, "app", "").await.expect("it is there");
}

#[tokio::test]
async fn a_copied_node_leads_to_the_syncer_too() {
    let space = NamespacePair::of_all_kinds().await;
    let kubelet = HostKubelet::new(json!({"tier": "gold"})).await;
    let everywhere = space.guest.everywhere();
    let node = everywhere
        .shows("Node", &kubelet.node, "/status/addresses/0/address", "localhost")
        .await;
    let theirs = space
        .host
        .everywhere()
        .get("Node", &kubelet.node)
        .await
        .expect("it is there");
    assert_ne!(
        node["status"]["daemonEndpoints"],
        theirs["status"]["daemonEndpoints"]
    );
    run(&space, &kubelet).await;
    let mirror = space.host.namespace();
    let asked = format!("GET /containerLogs/{mirror}/app/app\n");
    assert_eq!(log(&space.guest, "app", "").await, Ok(asked));
}

/// Creates a pod `app` that runs on a node of its own.
pub(crate) async fn app(space: &NamespacePair) -> HostKubelet {
    let kubelet = HostKubelet::new(json!({})).await;
    run(space, &kubelet).await;
    kubelet
}

async fn run(space: &NamespacePair, kubelet: &HostKubelet) {
    made(&space.guest, pod("app")).await;
    space.host.appears("Pod", "app").await;
    run_on(&space.host, "app", &kubelet.node).await;
    space.guest.shows("Pod", "app", "/status/phase", "Running").await;
    space
        .guest
        .shows("Pod", "app", "/spec/nodeName", kubelet.node.as_str())
        .await;
}

pub(crate) async fn log(side: &Side, pod: &str, query: &str) -> Result<String, Refusal> {
    text(side, &format!("{}/log?{query}", side.path("Pod", pod))).await
}

/// Returns the answer for a path, as a text.
pub(crate) async fn text(side: &Side, path: &str) -> Result<String, Refusal> {
    let request = Request::get(path).body(Vec::new()).expect("a request");
    match side.client().request_text(request).await {
        Ok(text) => Ok(text),
        Err(kube::Error::Api(status)) => Err(Refusal {
            code: status.code,
            message: status.message.clone(),
        }),
        Err(error) => panic!("{path} is answered: {error:?}"),
    }
}

/// The kubelet API of the tenant that tests share.
pub(crate) struct Door {
    server: String,
    authority: Authority,
    pki: PathBuf,
}

impl Door {
    /// Reads its address from a node in the guest.
    pub(crate) async fn of(space: &NamespacePair, kubelet: &HostKubelet) -> Self {
        let node = space.guest.everywhere().get("Node", &kubelet.node).await;
        let node = node.expect("it runs a pod");
        let port = &node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"];
        let pki = Tenant::shared().await.pki().to_owned();
        let names = ["ca.crt", "ca.key", "sa.key"];
        let part = |name: &str| (name.to_owned(), fs::read(pki.join(name)).expect("it was written"));
        Self {
            server: format!("https://localhost:{port}"),
            authority: Authority::from_parts(&names.map(part).into()).expect("it was kept"),
            pki,
        }
    }

    /// Connects as the guest's API server.
    pub(crate) async fn api_server(&self) -> Side {
        let file = |name: &str| fs::read_to_string(self.pki.join(name)).expect("it was written");
        let (certificate, key) = (
            file("apiserver-kubelet-client.crt"),
            file("apiserver-kubelet-client.key"),
        );
        self.knock(&Issued { certificate, key }).await
    }

    /// Connects with this certificate.
    async fn knock(&self, who: &Issued) -> Side {
        let config = pki::kubeconfig("kubelet", &self.server, self.authority.certificate(), who);
        let file = tempfile::NamedTempFile::new().expect("a file can be made");
        fs::write(file.path(), config).expect("the file is ours");
        Side::connect(file.path()).await
    }
}
