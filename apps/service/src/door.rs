//! JSON also for what the HTTP server refuses by itself.
//!
//! What is not HTTP, or has more than 64 KiB of path and query, never reaches a router: the server answers with a
//! bare status and closes. Such an answer is recognised on its way out, and given the body that all errors have.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// Where connections come in.
pub(crate) struct Door(pub(crate) TcpListener);

impl Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let (stream, peer) = Listener::accept(&mut self.0).await;
        // Answers are small and somebody waits for each.
        stream.set_nodelay(true).ok();
        (
            Connection {
                stream,
                instead: Vec::new(),
            },
            peer,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(crate) struct Connection {
    stream: TcpStream,
    /// What is left to send instead of the server's own words.
    instead: Vec<u8>,
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let Self { stream, instead } = self.get_mut();
        if instead.is_empty() {
            match in_json(bytes) {
                Some(answer) => *instead = answer,
                None => return Pin::new(stream).poll_write(context, bytes),
            }
        }
        while !instead.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(context, instead))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => drop(instead.drain(..sent)),
            }
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, buffer)
    }
}

/// The answer in JSON, if `answer` is a refusal without a body: those of the routers have one.
fn in_json(answer: &[u8]) -> Option<Vec<u8>> {
    let status = answer.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
    let (line, code, message) = match status {
        b"400" => ("400 Bad Request", "bad_request", "this is not a request in HTTP"),
        // The only thing here that makes a path and query long is a value.
        b"414" => (
            "413 Payload Too Large",
            "value_too_large",
            "path and query may have 65534 bytes together; a form in the body holds longer values",
        ),
        b"431" => (
            "431 Request Header Fields Too Large",
            "headers_too_large",
            "there are too many headers",
        ),
        _ => return None,
    };
    let bare = str::from_utf8(answer).is_ok_and(|answer| answer.contains("\r\ncontent-length: 0\r\n"));
    let body = serde_json::json!({"error": {"code": code, "message": message}}).to_string();
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {line}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    );
    bare.then(|| answer.into_bytes())
}
