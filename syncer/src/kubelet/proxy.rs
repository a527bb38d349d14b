//! Requests to the host, and their answers: a log is streamed, and an upgraded connection is passed on in both directions
//! unchanged, whatever protocol the two ends agree on.

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::upgrade::{OnUpgrade, on};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use kube::client::Body;
use kube::core::Status;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, copy, split};
use tracing::debug;

use super::Sides;
use super::request::{KubeletRequest, Verb};
use super::status_error::{StatusError, text};
use super::target_pod::TargetPod;

/// Headers by which two ends agree on a protocol. No other header of a request goes to the host, as the syncer is the client
/// there.
const OF_UPGRADES: [&str; 7] = [
    "connection",
    "upgrade",
    "x-stream-protocol-version",
    "x-accepted-stream-protocol-versions",
    "sec-websocket-key",
    "sec-websocket-version",
    "sec-websocket-protocol",
];

/// The same headers of an answer.
const OF_UPGRADED: [&str; 7] = [
    "connection",
    "upgrade",
    "x-stream-protocol-version",
    "x-accepted-stream-protocol-versions",
    "sec-websocket-accept",
    "sec-websocket-protocol",
    "content-type",
];

/// Maximum size of a `Status` of an API, in bytes; an API server reads 2,000 of it.
const LONGEST: usize = 64 * 1024;

/// Sends the request to the host, and returns the answer.
pub(super) async fn pass(
    sides: &Sides,
    asked: &KubeletRequest,
    target: &TargetPod,
    mut request: Request<Incoming>,
) -> Result<Response<Body>, StatusError> {
    let mut question = Request::new(Body::empty());
    *question.method_mut() = request.method().clone();
    *question.uri_mut() = (asked.at(&target.namespace, &target.name).parse())
        .map_err(|_| StatusError::bad("the request cannot be sent to the host: it gives no valid URL"))?;
    if asked.verb != Verb::Log {
        *question.headers_mut() = some_of(request.headers(), &OF_UPGRADES);
    }
    let answer = sides.host.send(question).await;
    let mut answer = answer.map_err(|error| StatusError::of_api("ask the host", &error))?;
    let headers = some_of(answer.headers(), &OF_UPGRADED);
    match answer.status() {
        StatusCode::SWITCHING_PROTOCOLS => {
            let (ours, theirs) = (on(&mut request), on(&mut answer));
            let shutdown = sides.shutdown.clone();
            sides.tasks.spawn(async move {
                shutdown.run_until_cancelled(join(ours, theirs)).await;
            });
            Ok(with(answer.status(), headers, Body::empty()))
        }
        status if asked.verb == Verb::Log && !status.is_success() => {
            Ok(text(status, said(answer.into_body()).await))
        }
        status => Ok(with(status, headers, answer.into_body())),
    }
}

/// Copies data in both directions until both have ended.
async fn join(ours: OnUpgrade, theirs: OnUpgrade) {
    let (ours, theirs) = match tokio::try_join!(ours, theirs) {
        Ok(both) => both,
        Err(error) => {
            debug!(%error, "one side closed the connection before the stream began");
            return;
        }
    };
    copy_both(TokioIo::new(ours), TokioIo::new(theirs)).await;
}

/// Copies data in both directions, each until it ends. An error of one direction does not end the other: after a command has ended,
/// the host closes its connection, and the exit code may still be on its way when a write to the host fails.
async fn copy_both(ours: impl AsyncRead + AsyncWrite, theirs: impl AsyncRead + AsyncWrite) {
    let (from_guest, to_guest) = split(ours);
    let (from_host, to_host) = split(theirs);
    tokio::join!(carry(from_guest, to_host), carry(from_host, to_guest));
}

async fn carry(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) {
    let copied = copy(&mut from, &mut to).await.map(drop);
    // The other end learns in any case that nothing more comes.
    let closed = to.shutdown().await;
    if let Err(error) = copied.and(closed) {
        debug!(%error, "a stream ended with an error");
    }
}

fn some_of(headers: &HeaderMap, names: &[&str]) -> HeaderMap {
    (headers.iter())
        .filter(|(name, _)| names.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

fn with(status: StatusCode, headers: HeaderMap, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Returns the message of an API's refusal. A kubelet sends it as text, and an API server wraps that in its own `Status`.
async fn said(body: Body) -> String {
    let Ok(read) = Limited::new(body, LONGEST).collect().await else {
        return "the host refused the request, and its message could not be read".to_owned();
    };
    let bytes = read.to_bytes();
    match serde_json::from_slice::<Status>(&bytes) {
        Ok(status) => status.message,
        Err(_) => String::from_utf8_lossy(&bytes).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    use tokio::io::{AsyncReadExt, ReadBuf, duplex};

    use super::*;

    /// A host that has closed its connection, whose last bytes arrive after a write has failed.
    #[derive(Default)]
    struct Closed {
        has_refused: bool,
        has_sent: bool,
        reader: Option<Waker>,
    }

    impl AsyncRead for Closed {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !self.has_refused {
                self.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
            if !std::mem::replace(&mut self.has_sent, true) {
                buffer.put_slice(b"exit code 7");
            }
            Poll::Ready(Ok(()))
        }
    }

    impl AsyncWrite for Closed {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            self.has_refused = true;
            self.reader.take().into_iter().for_each(Waker::wake);
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn the_last_bytes_of_a_host_arrive_though_a_write_to_it_fails() {
        let (mut guest, ours) = duplex(1024);
        guest.write_all(b"the end of a stream").await.unwrap();
        let mut read = Vec::new();
        let reading = async {
            guest.read_to_end(&mut read).await.unwrap();
            drop(guest);
        };
        tokio::join!(copy_both(ours, Closed::default()), reading);
        assert_eq!(String::from_utf8_lossy(&read), "exit code 7");
    }

    #[test]
    fn who_asks_is_not_passed_on() {
        let mut headers = HeaderMap::new();
        for name in [
            "authorization",
            "impersonate-user",
            "cookie",
            "host",
            "x-forwarded-for",
        ] {
            headers.insert(name, "somebody".parse().unwrap());
        }
        headers.append("upgrade", "SPDY/3.1".parse().unwrap());
        headers.append("x-stream-protocol-version", "v5.channel.k8s.io".parse().unwrap());
        headers.append("x-stream-protocol-version", "v4.channel.k8s.io".parse().unwrap());
        let passed = some_of(&headers, &OF_UPGRADES);
        let passed: Vec<_> = passed
            .iter()
            .map(|(name, value)| (name.as_str(), value))
            .collect();
        assert_eq!(
            passed,
            [
                ("upgrade", &"SPDY/3.1".parse().unwrap()),
                ("x-stream-protocol-version", &"v5.channel.k8s.io".parse().unwrap()),
                ("x-stream-protocol-version", &"v4.channel.k8s.io".parse().unwrap()),
            ]
        );
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_message() {
        let status =
            br#"{"kind":"Status","status":"Failure","message":"container \"app\" is waiting","code":400}"#;
        assert_eq!(
            said(Body::from(status.to_vec())).await,
            "container \"app\" is waiting"
        );
        assert_eq!(said(Body::from(b"not found".to_vec())).await, "not found");
        assert!(
            said(Body::from(vec![b'a'; LONGEST + 1]))
                .await
                .contains("could not be read")
        );
    }
}
