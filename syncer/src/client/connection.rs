//! One connection, by HTTP/2.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use kube::Config;
use kube::client::{Body, ConfigExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tower::BoxError;
use tracing::debug;

/// Maximum of requests at a time on one connection: the number that a peer should take if it announces none (RFC 9113, section
/// 6.5.2). API servers take 250.
const REQUESTS_AT_A_TIME: usize = 100;

/// Time without an answer after which the peer is pinged; `PATIENCE` is the time that it then has to answer. Both are those of
/// Kubernetes' own clients (<https://github.com/kubernetes/kubernetes/pull/95981>).
const SILENCE: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(15);

/// Address and TLS settings of an API server.
pub(super) struct Target {
    address: (String, u16),
    name: ServerName<'static>,
    tls: TlsConnector,
    connect_timeout: Duration,
}

impl Target {
    /// Reads the API server of a configuration.
    pub(super) fn of(config: &Config) -> Result<Self, BoxError> {
        let host = config
            .cluster_url
            .host()
            .ok_or("the API's URL is without a host")?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let mut tls = config.rustls_client_config()?;
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            address: (host.to_owned(), config.cluster_url.port_u16().unwrap_or(443)),
            name: ServerName::try_from(config.tls_server_name.clone().unwrap_or_else(|| host.to_owned()))?,
            tls: TlsConnector::from(Arc::new(tls)),
            connect_timeout: config.connect_timeout.unwrap_or(Duration::from_secs(30)),
        })
    }

    /// Opens a new connection. Returns `None` if the other side does not support HTTP/2.
    #[expect(
        clippy::disallowed_methods,
        reason = "the errors of both Results say which one failed"
    )]
    pub(super) async fn connect(&self) -> Result<Option<Connection>, BoxError> {
        timeout(self.connect_timeout, self.shake_hands()).await?
    }

    async fn shake_hands(&self) -> Result<Option<Connection>, BoxError> {
        let stream = TcpStream::connect((self.address.0.as_str(), self.address.1)).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(self.name.clone(), stream).await?;
        if stream.get_ref().1.alpn_protocol() != Some(b"h2") {
            return Ok(None);
        }
        let (requests, working) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(SILENCE)
            .keep_alive_timeout(PATIENCE)
            .keep_alive_while_idle(true)
            .handshake(TokioIo::new(stream))
            .await?;
        tokio::spawn(async move {
            if let Err(error) = working.await {
                debug!(
                    error = &error as &dyn std::error::Error,
                    "a connection to an API has ended"
                );
            }
        });
        Ok(Some(Connection {
            requests,
            under_way: Arc::default(),
        }))
    }
}

/// A connection that requests share.
pub(super) struct Connection {
    requests: SendRequest<Body>,
    /// Cloned by each request until its answer is read; the count limits the requests.
    under_way: Arc<()>,
}

impl Connection {
    /// Returns true if requests can still be sent.
    pub(super) fn is_open(&self) -> bool {
        !self.requests.is_closed()
    }

    /// Returns a lease for one more request, if the connection has room for it.
    pub(super) fn lease(&self) -> Option<Lease> {
        (Arc::strong_count(&self.under_way) <= REQUESTS_AT_A_TIME).then(|| Lease {
            requests: self.requests.clone(),
            place: self.under_way.clone(),
        })
    }
}

/// A lease for one request.
pub(super) struct Lease {
    requests: SendRequest<Body>,
    place: Arc<()>,
}

/// Outcome of a request.
pub(super) enum Sent {
    Answered(Response<Leased>),
    /// The connection had ended before; the request was not sent.
    Unsent(Request<Body>),
}

impl Lease {
    pub(super) async fn send(mut self, request: Request<Body>) -> Result<Sent, hyper::Error> {
        match self.requests.try_send_request(request).await {
            Ok(answer) => Ok(Sent::Answered(answer.map(|body| Leased {
                body,
                _place: self.place,
            }))),
            Err(mut failure) => match failure.take_message() {
                Some(request) => Ok(Sent::Unsent(request)),
                None => Err(failure.into_error()),
            },
        }
    }
}

/// An answer. It keeps its place on the connection until it is read or dropped.
pub(super) struct Leased {
    body: Incoming,
    _place: Arc<()>,
}

impl HttpBody for Leased {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
