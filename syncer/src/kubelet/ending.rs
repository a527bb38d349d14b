//! Delayed ends of answers: an answer ends after all of its content was sent. A stream counts its flushes, and bodies wait for
//! them.
//!
//! An API server copies a log to a WebSocket by reads, and drops the data of a read that also returns the end
//! (`k8s.io/streaming`, as of Kubernetes 1.36). Everything that arrives in one TLS record is in one read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The number of a stream's flushes, and the task that waits for the next one.
#[derive(Debug, Default)]
struct Flushes {
    count: u64,
    waiting: Option<Waker>,
}

/// A stream that counts its flushes.
#[derive(Debug)]
pub(super) struct Flushed<S> {
    stream: S,
    flushes: Arc<Mutex<Flushes>>,
}

impl<S> Flushed<S> {
    /// Wraps a stream.
    pub(super) fn new(stream: S) -> Self {
        Self {
            stream,
            flushes: Arc::default(),
        }
    }

    /// Returns the factory of delayed bodies for this stream.
    pub(super) fn end(&self) -> End {
        End(self.flushes.clone())
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Flushed<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Flushed<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        let mut flushes = lock(&self.flushes);
        flushes.count += 1;
        if let Some(waker) = flushes.waiting.take() {
            waker.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// A factory of delayed bodies.
#[derive(Clone, Debug)]
pub(super) struct End(Arc<Mutex<Flushes>>);

impl End {
    /// Returns a body that ends after its content was flushed.
    pub(super) fn of<B>(&self, body: B) -> Apart<B> {
        Apart {
            body,
            flushes: self.0.clone(),
            state: State::Empty,
        }
    }
}

/// A body whose end is sent separately from its content.
#[derive(Debug)]
pub(super) struct Apart<B> {
    body: B,
    flushes: Arc<Mutex<Flushes>>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No content has been sent yet.
    Empty,
    /// Some content has been sent.
    Given,
    /// All content has been sent; the stream had this number of flushes then.
    Waiting(u64),
}

impl<B: Body + Unpin> Body for Apart<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        if !matches!(self.state, State::Waiting(_)) {
            let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
            if frame.is_some() {
                self.state = State::Given;
                return Poll::Ready(frame);
            }
            if self.state == State::Empty {
                return Poll::Ready(None);
            }
            let count = lock(&self.flushes).count;
            self.state = State::Waiting(count);
        }
        let mut flushes = lock(&self.flushes);
        if self.state != State::Waiting(flushes.count) {
            return Poll::Ready(None);
        }
        flushes.waiting = Some(context.waker().clone());
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Empty && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            return SizeHint::with_exact(0);
        }
        // With its length, who reads it knows of the end without another read.
        SizeHint::default()
    }
}

fn lock(flushes: &Mutex<Flushes>) -> MutexGuard<'_, Flushes> {
    flushes.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::task::Context;

    use kube::client::Body as Whole;
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn poll(body: &mut Apart<Whole>) -> Poll<Option<String>> {
        let frame = Pin::new(body).poll_frame(&mut Context::from_waker(Waker::noop()));
        frame.map(|frame| {
            let data = frame?.expect("it is there").into_data().expect("it is content");
            Some(String::from_utf8_lossy(&data).into_owned())
        })
    }

    #[tokio::test]
    async fn a_body_ends_once_its_content_has_left() {
        let mut stream = Flushed::new(tokio::io::sink());
        let mut body = stream.end().of(Whole::from(b"line\n".to_vec()));
        assert_eq!(body.size_hint().exact(), None);
        assert_eq!(poll(&mut body), Poll::Ready(Some("line\n".to_owned())));
        assert!(!body.is_end_stream());
        // A flush before may have been of other content.
        stream.flush().await.expect("it takes all");
        assert_eq!(poll(&mut body), Poll::Pending);
        assert_eq!(poll(&mut body), Poll::Pending);
        stream.flush().await.expect("it takes all");
        assert_eq!(poll(&mut body), Poll::Ready(None));
    }

    #[test]
    fn what_is_empty_ends_at_once() {
        let mut body = Flushed::new(tokio::io::sink()).end().of(Whole::empty());
        assert!(body.is_end_stream());
        assert_eq!(body.size_hint().exact(), Some(0));
        assert_eq!(poll(&mut body), Poll::Ready(None));
    }
}
