//! Loopback addresses that lead into any cluster, through its API server.
//!
//! A process in the background listens on loopback and forwards each connection to a pod, as `kubectl port-forward`
//! does. It outlives the command that started it, so that kubeconfigs and addresses stay good, and it is asked like
//! the supervisor of a sandbox: for the address of a Service or pod, over a Unix socket.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use kube::api::Api;
use provision::wait::{self, Budget, Seen};
use sandbox::background;
use sandbox::forward::{Forwarder, Wanted};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::Reach;

/// The route from an address of the cluster to a pod.
mod route;

/// The hidden command that is the process in the background.
pub const COMMAND: &str = "api-forwarder";

/// The name of its folder in a run's.
pub const FOLDER: &str = "forwarder";

/// The socket for requests.
const CONTROL: &str = "control.sock";

/// It has a file to read and a socket to make; a machine that builds something takes a second for it.
const STARTED: Budget = Budget {
    at_most: Duration::from_secs(30),
    every: Duration::from_millis(20),
};

/// An error of the way into the cluster.
#[derive(Debug, thiserror::Error)]
#[error("{what} in {}", folder.display())]
pub struct Error {
    what: &'static str,
    folder: PathBuf,
    source: io::Error,
}

/// Starts the process whose folder is `folder`, for the cluster of `kubeconfig`, unless it runs already; returns how it
/// is asked.
pub async fn up(folder: &Path, kubeconfig: &Path) -> Result<Reach, Error> {
    let failed = |what| {
        move |source| Error {
            what,
            folder: folder.to_owned(),
            source,
        }
    };
    let control = folder.join(CONTROL);
    if UnixStream::connect(&control).await.is_err() {
        spawn(folder, kubeconfig).map_err(failed("start a forwarder"))?;
        wait::until("the forwarder to listen", STARTED, async || {
            Ok::<_, io::Error>(match UnixStream::connect(&control).await {
                Ok(_) => Seen::Ready(()),
                Err(error) => Seen::not_yet(error.to_string()),
            })
        })
        .await
        .map_err(io::Error::other)
        .map_err(failed("wait for a forwarder"))?;
    }
    Ok(Reach { control })
}

fn spawn(folder: &Path, kubeconfig: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    background::start(COMMAND, folder, &[kubeconfig.as_os_str()], &folder.join("log"))
}

/// Ends the process whose folder is `folder`; one that has ended is fine.
pub async fn end(folder: &Path) -> io::Result<()> {
    background::end("the forwarder to end", || background::started(&[COMMAND], folder)).await
}

/// Runs as the process in the background; returns only if it cannot serve.
pub async fn serve(folder: &Path, kubeconfig: &Path) -> io::Result<()> {
    background::detach();
    let client = super::client(kubeconfig).await.map_err(io::Error::other)?;
    let control = folder.join(CONTROL);
    match std::fs::remove_file(&control) {
        // Of one that was killed.
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let (wanted, connections) = mpsc::unbounded_channel();
    // Beside its place and then named: who sees it can connect.
    let draft = folder.join("control.draft");
    let _of_one_that_was_killed = std::fs::remove_file(&draft);
    let listener = UnixListener::bind(&draft)?;
    std::fs::rename(&draft, &control)?;
    tokio::spawn(connect_all(client, connections));
    Forwarder::leading_to(wanted).serve(listener).await
}

async fn connect_all(client: Client, mut connections: mpsc::UnboundedReceiver<Wanted>) {
    let routes = Arc::new(route::Routes::new(client.clone()));
    while let Some((stream, target)) = connections.recv().await {
        let (client, routes) = (client.clone(), Arc::clone(&routes));
        tokio::spawn(async move {
            if let Err(error) = connect(stream, target, &client, &routes).await {
                tracing::info!(%target, %error, "a forwarded connection ended");
            }
        });
    }
}

async fn connect(
    mut outside: TcpStream,
    target: SocketAddr,
    client: &Client,
    routes: &route::Routes,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let route::End { namespace, pod, port } = routes.to(target).await?;
    let pods: Api<Pod> = Api::namespaced(client.clone(), &namespace);
    let mut forwarding = pods.portforward(&pod, &[port]).await?;
    let mut inside = forwarding
        .take_stream(port)
        .ok_or("the API server gave no stream")?;
    outside.set_nodelay(true)?;
    tokio::io::copy_bidirectional(&mut outside, &mut inside).await?;
    drop(inside);
    Ok(forwarding.join().await?)
}
