//! A server of the host's, on a loopback port, with a certificate that the host trusts. It ends with the test.

use std::convert::Infallible;
use std::sync::Arc;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use syncer::pki;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::Host;

/// The body of its answers.
pub(super) type Body = BoxBody<Bytes, Infallible>;

/// Answers requests to `localhost` at the port that it returns.
pub(super) async fn serve<Answer, Answering>(host: &Host, answer: Answer) -> u16
where
    Answer: Fn(Request<Incoming>) -> Answering + Clone + Send + Sync + 'static,
    Answering: Future<Output = Response<Body>> + Send + 'static,
{
    serve_to(host, None, answer).await
}

/// Answers clients with a certificate of an authority, of which this is the certificate; all clients if there is none.
pub(super) async fn serve_to<Answer, Answering>(
    host: &Host,
    authority: Option<CertificateDer<'static>>,
    answer: Answer,
) -> u16
where
    Answer: Fn(Request<Incoming>) -> Answering + Clone + Send + Sync + 'static,
    Answering: Future<Output = Response<Body>> + Send + 'static,
{
    let folder = host.pki();
    let read = "it was written";
    let certificate =
        CertificateDer::from_pem_file(folder.join(format!("{}.crt", pki::KUBELET))).expect(read);
    let key = PrivateKeyDer::from_pem_file(folder.join(format!("{}.key", pki::KUBELET))).expect(read);
    let provider = Arc::new(ring::default_provider());
    let verifier = authority.map_or_else(WebPkiClientVerifier::no_client_auth, |authority| {
        let mut authorities = RootCertStore::empty();
        authorities.add(authority).expect("it is one");
        WebPkiClientVerifier::builder_with_provider(Arc::new(authorities), provider.clone())
            .build()
            .expect("there is one")
    });
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("they are known")
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![certificate], key)
        .expect("they fit");
    let tls = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .await
        .expect("a loopback port is free");
    let port = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("it listens");
            tokio::spawn(take(stream, tls.clone(), answer.clone()));
        }
    });
    port
}

/// Answers the requests of one connection. An early disconnect is no failure: the client has the answer that it needs.
async fn take<Answer, Answering>(stream: TcpStream, tls: TlsAcceptor, answer: Answer)
where
    Answer: Fn(Request<Incoming>) -> Answering,
    Answering: Future<Output = Response<Body>> + Send + 'static,
    Answer: Send + Sync + 'static,
{
    let Ok(stream) = tls.accept(stream).await else {
        return;
    };
    let answer = service_fn(|request| {
        let answering = answer(request);
        async { Ok::<_, Infallible>(answering.await) }
    });
    let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
    let _ = served.with_upgrades().await;
}

/// Returns a body with this content.
pub(super) fn whole(content: impl Into<Bytes>) -> Body {
    Full::new(content.into()).boxed()
}
