//! Tests against servers with TLS on loopback.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::{join_all, pending};
use http::{Response, StatusCode, Version};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::client::Body;
use kube::{Client, Config};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rstest::rstest;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// An API server that answers with the version of HTTP: at once, or, for `/watch`, in a stream without end.
struct Server {
    client: Client,
    connections: Arc<AtomicUsize>,
    ended: watch::Sender<()>,
}

impl Server {
    async fn speaking(protocols: &'static [&'static str]) -> Self {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
        let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
        let mut tls = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![cert.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (ended, end) = watch::channel(());
        let connections = Arc::new(AtomicUsize::new(0));
        tokio::spawn(accept(
            listener,
            TlsAcceptor::from(Arc::new(tls)),
            connections.clone(),
            end,
        ));

        let mut config = Config::new(format!("https://{address}").parse().unwrap());
        config.root_cert = Some(vec![cert.der().to_vec()]);
        Self {
            client: super::of(config).unwrap(),
            connections,
            ended,
        }
    }

    async fn ask(&self, request: http::request::Builder) -> Response<Body> {
        let request = request.body(Body::empty()).unwrap();
        self.client.send(request).await.unwrap()
    }

    async fn version(&self, request: http::request::Builder) -> String {
        let answer = self.ask(request).await.into_body().collect_bytes().await.unwrap();
        String::from_utf8(answer.to_vec()).unwrap()
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    connections: Arc<AtomicUsize>,
    end: watch::Receiver<()>,
) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, mut end) = (tls.clone(), end.clone());
        connections.fetch_add(1, Ordering::SeqCst);
        end.mark_unchanged();
        tokio::spawn(async move {
            let stream = tls.accept(stream).await.unwrap();
            let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
            let io = TokioIo::new(stream);
            let serve = async {
                if is_http2 {
                    let serving = http2::Builder::new(TokioExecutor::new());
                    serving.serve_connection(io, service_fn(answer)).await
                } else {
                    http1::Builder::new()
                        .serve_connection(io, service_fn(answer))
                        .await
                }
            };
            tokio::select! {
                _ = serve => {}
                _ = end.changed() => {}
            }
        });
    }
}

async fn answer(
    request: http::Request<Incoming>,
) -> Result<Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>>, Infallible> {
    let body = if request.uri().path() == "/watch" {
        StreamBody::new(futures::stream::once(pending::<Result<Frame<Bytes>, _>>())).boxed_unsync()
    } else {
        Full::new(Bytes::from(format!("{:?}", request.version()))).boxed_unsync()
    };
    Ok(Response::new(body))
}

fn get(path: &str) -> http::request::Builder {
    http::Request::get(path)
}

#[tokio::test]
async fn requests_share_connections_of_a_hundred_each() {
    let server = Server::speaking(&["h2", "http/1.1"]).await;
    let watches = join_all((0..150).map(|_| server.ask(get("/watch")))).await;
    assert!(watches.iter().all(|watch| watch.version() == Version::HTTP_2));
    assert_eq!(server.connections(), 2);

    drop(watches);
    assert_eq!(server.version(get("/")).await, "HTTP/2.0");
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn a_connection_that_has_ended_is_replaced() {
    let server = Server::speaking(&["h2"]).await;
    let watch = server.ask(get("/watch")).await;
    server.ended.send_replace(());
    watch.into_body().collect_bytes().await.expect_err("it has ended");
    assert_eq!(server.version(get("/")).await, "HTTP/2.0");
    assert_eq!(server.connections(), 2);
}

#[rstest]
#[case::by_name(&["http/1.1"])]
#[case::by_saying_nothing(&[])]
#[tokio::test]
async fn an_api_without_http_2_is_asked_as_ever(#[case] protocols: &'static [&'static str]) {
    let server = Server::speaking(protocols).await;
    assert_eq!(server.version(get("/")).await, "HTTP/1.1");
    assert_eq!(server.version(get("/")).await, "HTTP/1.1");
}

#[tokio::test]
async fn what_changes_the_protocol_has_its_own_connection() {
    let server = Server::speaking(&["h2", "http/1.1"]).await;
    assert_eq!(server.version(get("/")).await, "HTTP/2.0");
    let exec = get("/")
        .header("connection", "upgrade")
        .header("upgrade", "SPDY/3.1");
    let answer = server.ask(exec).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.version(), Version::HTTP_11);
}

#[tokio::test]
async fn a_failed_connection_says_why() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let client = super::of(Config::new(format!("https://{closed}").parse().unwrap())).unwrap();
    let ask = || client.send(get("/").body(Body::empty()).unwrap());
    for failed in join_all([ask(), ask()]).await {
        let error = failed.expect_err("nobody listens");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}
