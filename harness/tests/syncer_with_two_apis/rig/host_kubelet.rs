//! A kubelet of the host's, which runs nothing: it says what it was asked, and then what a test has it say.

use std::convert::Infallible;
use std::sync::Arc;

use futures::stream;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::json;
use syncer::pki;
use tokio::io::{AsyncWriteExt, copy, split};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::{Host, unique};

/// What it says instead of the log of a container's last life.
pub(crate) const NO_FORMER: &str = "there was no container before";

/// A node of the host's and the kubelet of it. It ends with the test.
pub(crate) struct HostKubelet {
    /// The node's name.
    pub(crate) node: String,
    lines: watch::Sender<String>,
}

impl HostKubelet {
    /// One of a new node with these labels.
    pub(crate) async fn new(labels: serde_json::Value) -> Self {
        let host = Host::shared().await;
        let folder = host.pki();
        let read = "it was written";
        let certificate =
            CertificateDer::from_pem_file(folder.join(format!("{}.crt", pki::KUBELET))).expect(read);
        let key = PrivateKeyDer::from_pem_file(folder.join(format!("{}.key", pki::KUBELET))).expect(read);
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("they are known")
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .expect("they fit");
        let listener = TcpListener::bind(("127.0.0.1", 0))
            .await
            .expect("a loopback port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let (lines, said) = watch::channel(String::new());
        tokio::spawn(serve(listener, TlsAcceptor::from(Arc::new(config)), said));

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

    /// Has a line more in the log of its containers, the last one; whoever follows one gets it.
    pub(crate) fn writes(&self, line: &str) {
        self.lines.send_replace(format!("{line}\n"));
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, said: watch::Receiver<String>) {
    loop {
        let (stream, _) = listener.accept().await.expect("it listens");
        tokio::spawn(take(stream, tls.clone(), said.clone()));
    }
}

/// Answers what comes by one connection. Whoever goes in the middle of it has what was asked for.
async fn take(stream: TcpStream, tls: TlsAcceptor, said: watch::Receiver<String>) {
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let answer = service_fn(|request| {
        let said = said.clone();
        async { Ok::<_, Infallible>(answer(request, said)) }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let _ = served.with_upgrades().await;
}

fn answer(
    mut request: Request<Incoming>,
    said: watch::Receiver<String>,
) -> Response<BoxBody<Bytes, Infallible>> {
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
        return Response::new(whole(&asked));
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

fn whole(text: &str) -> BoxBody<Bytes, Infallible> {
    Full::new(Bytes::from(text.to_owned())).boxed()
}
