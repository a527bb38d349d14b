//! The choice between shared connections and those that a request has to itself.
//!
//! A virtual cluster needs some hundred watches. By HTTP/1.1, each watch uses a connection of its own, with its buffers and its
//! TLS, here and in the API server. So requests share connections by HTTP/2, with two exceptions: requests that upgrade to
//! another protocol (exec, attach and port-forward; RFC 9113, section 8.6), and all requests if the API, or a proxy in front of
//! it, does not support HTTP/2.

use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::UPGRADE;
use http::uri::Scheme;
use http::{Request, Response};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Bytes;
use hyper_timeout::TimeoutConnector;
use hyper_util::client::legacy;
use hyper_util::rt::TokioExecutor;
use kube::Config;
use kube::client::{Body, ConfigExt};
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceExt};

use super::connection::{Sent, Target};
use super::connections::Connections;

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The transport of requests to an API server.
#[derive(Clone)]
pub(super) struct Transport {
    shared: Option<Arc<Connections>>,
    own: BoxCloneSyncService<Request<Body>, Answer, BoxError>,
}

impl Transport {
    pub(super) fn to(config: &Config) -> Result<Self, BoxError> {
        let mut connector = TimeoutConnector::new(config.rustls_https_connector()?);
        connector.set_connect_timeout(config.connect_timeout);
        let own = legacy::Client::builder(TokioExecutor::new())
            .build(connector)
            .map_response(|response: Response<_>| {
                response.map(|body| body.map_err(Into::into).boxed_unsync())
            })
            .map_err(BoxError::from);
        let is_encrypted = config.cluster_url.scheme() == Some(&Scheme::HTTPS);
        let target = is_encrypted.then(|| Target::of(config)).transpose()?;
        Ok(Self {
            shared: target.map(Connections::to),
            own: BoxCloneSyncService::new(own),
        })
    }

    async fn carry(self, mut request: Request<Body>) -> Result<Answer, BoxError> {
        if let Some(shared) = self.shared.filter(|_| !request.headers().contains_key(UPGRADE)) {
            while let Some(connection) = shared.lease().await? {
                match connection.send(request).await? {
                    Sent::Answered(answer) => {
                        return Ok(answer.map(|body| body.map_err(Into::into).boxed_unsync()));
                    }
                    // It has ended meanwhile: the next one is another.
                    Sent::Unsent(unsent) => request = unsent,
                }
            }
        }
        self.own.oneshot(request).await
    }
}

impl Service<Request<Body>> for Transport {
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        self.clone().carry(request).boxed()
    }
}
