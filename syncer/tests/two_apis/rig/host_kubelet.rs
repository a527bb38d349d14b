//! A kubelet of the host's, which runs nothing: it answers with the request that it got, and then with the lines of the test.

use std::future::ready;

use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::sync::watch;

use super::https::{self, Body, whole};
use super::{Host, unique};

/// Its answer in place of the log of a container's previous instance.
pub(crate) const NO_FORMER: &str = "there was no container before";

/// A node of the host and its kubelet. It ends with the test.
pub(crate) struct HostKubelet {
    /// The node's name.
    pub(crate) node: String,
    lines: watch::Sender<String>,
}

impl HostKubelet {
    /// Starts the kubelet of a new node with these labels.
    pub(crate) async fn new(labels: serde_json::Value) -> Self {
        let host = Host::shared().await;
        let (lines, said) = watch::channel(String::new());
        let answer = move |request| ready(answer(request, said.clone()));
        let port = https::serve(&host, answer).await;

        let node = unique("node");
        let admin = host.admin().await;
        let metadata = json!({"name": node, "labels": labels});
        admin
            .create(json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata}))
            .await;
        let status = json!({
            "addresses": [{"type": "InternalDNS", "address": "localhost"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
        });
        admin.merge_status("Node", &node, &status).await;
        Self { node, lines }
    }

    /// Appends a line to the log of its containers; every client that follows a log gets it.
    pub(crate) fn writes(&self, line: &str) {
        self.lines.send_replace(format!("{line}\n"));
    }
}

fn answer(mut request: Request<Incoming>, said: watch::Receiver<String>) -> Response<Body> {
    let asked = format!("{} {}\n", request.method(), request.uri());
    if let Some(protocol) = request.headers().get(header::UPGRADE).cloned() {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let (mut from, mut to) = split(TokioIo::new(upgrade.await.expect("it was agreed on")));
            to.write_all(asked.as_bytes()).await.expect("somebody reads");
            // To its end or until somebody leaves.
            let _ = copy(&mut from, &mut to).await;
            let _ = to.shutdown().await;
        });
        let response = Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, protocol);
        return response.body(whole("")).expect("a response");
    }
    let query = request.uri().query().unwrap_or_default();
    if query.contains("previous=true") {
        let response = Response::builder().status(StatusCode::BAD_REQUEST);
        return response.body(whole(NO_FORMER)).expect("a response");
    }
    if !query.contains("follow=true") {
        return Response::new(whole(asked));
    }
    let lines = stream::unfold((Some(asked), said), |(first, mut said)| async move {
        if let Some(first) = first {
            return Some((first, (None, said)));
        }
        said.changed().await.ok()?;
        let line = said.borrow_and_update().clone();
        Some((line, (None, said)))
    });
    let lines = futures::StreamExt::map(lines, |line| Ok(Frame::data(Bytes::from(line))));
    Response::new(BodyExt::boxed(StreamBody::new(Box::pin(lines))))
}
