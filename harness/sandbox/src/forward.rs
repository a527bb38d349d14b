//! Loopback addresses that lead into the sandbox.
//!
//! A socket belongs to the network namespace of the thread that creates it. So listeners are created on the
//! supervisor's own threads, and connections on one thread that has moved into the sandbox's network.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use provision::wait;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Mutex, mpsc};

use super::Error;

/// A connect inside of the sandbox takes this long at most; nothing there is further away than a virtual link.
const CONNECT: Duration = Duration::from_secs(10);

/// Asks the supervisor behind `control` for a loopback address that leads to `target`.
pub async fn open(control: &Path, target: SocketAddr) -> Result<SocketAddr, Error> {
    let asked = async {
        let mut stream = BufReader::new(UnixStream::connect(control).await?);
        stream.write_all(format!("{target}\n").as_bytes()).await?;
        let mut answer = String::new();
        stream.read_line(&mut answer).await?;
        answer
            .trim()
            .parse()
            .map_err(|_| io::Error::other(format!("the supervisor said {:?}", answer.trim())))
    };
    asked.await.map_err(|source| Error::Forward {
        target,
        control: control.to_owned(),
        source,
    })
}

/// Connections to create inside of the sandbox: the accepted end, and its target.
pub type Wanted = (TcpStream, SocketAddr);

/// The supervisor's side of [`open`].
#[derive(Debug)]
pub struct Forwarder {
    wanted: mpsc::UnboundedSender<Wanted>,
    opened: Mutex<HashMap<SocketAddr, SocketAddr>>,
}

impl Forwarder {
    /// Sends connections to the receiver of `wanted`, which connects them.
    #[must_use]
    pub fn leading_to(wanted: mpsc::UnboundedSender<Wanted>) -> Arc<Self> {
        Arc::new(Self {
            wanted,
            opened: Mutex::new(HashMap::new()),
        })
    }

    /// Starts the thread that lives in `network`, a file of `/proc/<pid>/ns/net`.
    pub(super) fn start(network: File) -> io::Result<Arc<Self>> {
        let (wanted, requests) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::Builder::new()
            .name("sandbox-network".into())
            .spawn(move || {
                let moved = rustix::thread::move_into_link_name_space(
                    std::os::fd::AsFd::as_fd(&network),
                    Some(rustix::thread::LinkNameSpaceType::Network),
                );
                match moved {
                    Ok(()) => runtime.block_on(connect_all(requests)),
                    Err(error) => tracing::error!(%error, "could not enter the sandbox's network"),
                }
            })?;
        Ok(Self::leading_to(wanted))
    }

    /// Answers requests on the control socket for as long as the supervisor lives.
    pub async fn serve(self: Arc<Self>, control: UnixListener) -> io::Result<()> {
        loop {
            let (stream, _) = control.accept().await?;
            let forwarder = Arc::clone(&self);
            tokio::spawn(async move {
                if let Err(error) = forwarder.answer(stream).await {
                    tracing::warn!(%error, "a request for a forward failed");
                }
            });
        }
    }

    async fn answer(&self, stream: UnixStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let answer = match line.trim().parse() {
            Ok(target) => self.listen(target).await?.to_string(),
            Err(_) => format!("not an address and port: {}", line.trim()),
        };
        stream.write_all(format!("{answer}\n").as_bytes()).await
    }

    async fn listen(&self, target: SocketAddr) -> io::Result<SocketAddr> {
        let mut opened = self.opened.lock().await;
        if let Some(address) = opened.get(&target) {
            return Ok(*address);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        opened.insert(target, address);
        let wanted = self.wanted.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                if wanted.send((stream, target)).is_err() {
                    break;
                }
            }
        });
        Ok(address)
    }
}

async fn connect_all(mut requests: mpsc::UnboundedReceiver<Wanted>) {
    while let Some((stream, target)) = requests.recv().await {
        tokio::spawn(async move {
            if let Err(error) = connect(stream, target).await {
                tracing::debug!(%target, %error, "a forwarded connection ended");
            }
        });
    }
}

async fn connect(mut outside: TcpStream, target: SocketAddr) -> io::Result<()> {
    let mut inside = wait::at_most(CONNECT, TcpStream::connect(target))
        .await
        .ok_or_else(|| io::Error::from(io::ErrorKind::TimedOut))??;
    // Each write is a message of some protocol above: none should wait for the next.
    outside.set_nodelay(true)?;
    inside.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await?;
    Ok(())
}
