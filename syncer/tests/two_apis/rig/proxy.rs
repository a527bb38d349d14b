//! A proxy to an API that can be closed and opened.

use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// The state of a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Everything passes.
    Open,
    /// Nothing passes, without an error: as if the other end were frozen.
    Silent,
    /// Nothing passes, and every connection is closed: as if nothing listened at the other end.
    Closed,
}

/// A port that is forwarded to another.
pub(crate) struct Proxy {
    pub(super) address: SocketAddr,
    passage: watch::Sender<Link>,
}

impl Proxy {
    /// Opens a proxy, for as long as the test's runtime lives.
    pub(crate) async fn to(address: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a loopback port is free");
        let (passage, seen) = watch::channel(Link::Open);
        let here = listener.local_addr().expect("it is bound");
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                tokio::spawn(connect(near, address, seen.clone()));
            }
        });
        Self {
            address: here,
            passage,
        }
    }

    /// Sets the state of the proxy.
    pub(crate) fn is(&self, passage: Link) {
        self.passage.send_replace(passage);
    }
}

async fn connect(near: TcpStream, address: SocketAddr, passage: watch::Receiver<Link>) {
    let mut closed = passage.clone();
    let carried = async {
        let far = TcpStream::connect(address).await.ok()?;
        let (from_near, to_near) = near.into_split();
        let (from_far, to_far) = far.into_split();
        tokio::select! {
            end = carry(from_near, to_far, passage.clone()) => end,
            end = carry(from_far, to_near, passage) => end,
        }
    };
    tokio::select! {
        // Whoever ends it, both ends are closed.
        _ = carried => {}
        _ = closed.wait_for(|passage| *passage == Link::Closed) => {}
    }
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut passage: watch::Receiver<Link>,
) -> Option<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
        passage.wait_for(|passage| *passage != Link::Silent).await.ok()?;
        to.write_all(&bytes[..read]).await.ok()?;
    }
}
