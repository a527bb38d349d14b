//! The kubelet API for the guest's API server: logs of containers, exec, attach and port-forward. The same port serves the usage
//! of pods and nodes.
//!
//! The syncer takes the requests that an API server sends to the kubelet of a pod's node, and asks the host's API the same about
//! the pod's mirror. Only the guest's API server gets an answer, and it reaches nothing that the guest does not show: the pod has
//! to be in the guest, the host pod has to be its mirror, and the container has to be the guest's own, not one that the host has
//! added.

/// The request to the kubelet.
mod request;

/// A kubelet's parameters in the words of the host's API.
mod parameters;

/// Authentication of clients.
mod tls;

/// The host pod that a request is about.
mod target_pod;

/// Requests to the host, and their answers.
mod proxy;

/// The usage of pods and nodes.
mod metrics;

/// The end of an answer.
mod ending;

/// Answers to requests that are not passed on.
mod status_error;

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::rustls;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, info, warn};
use vcluster_values::MetricsServer;
use vcluster_values::naming::Tenant;

use self::ending::Flushed;
use self::request::KubeletRequest;
use self::status_error::StatusError;
use self::tls::{Acceptor, Caller};
use crate::error_chain::error_chain;
use crate::retry::pause;

/// Time limit of a TLS handshake. The expected client is in the same pod.
const GREETING: Duration = Duration::from_secs(10);

/// Pause after a failure to accept a connection: file descriptors are missing then.
const REST: Duration = Duration::from_millis(100);

/// Failure to start the kubelet API.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not a loopback address, so anybody in the host's network could connect.
    #[error("answer at {0} as a kubelet: only this pod's API server may ask, so give a loopback address")]
    NotLoopback(SocketAddr),
    /// The port can't be used.
    #[error("answer at {address} as a kubelet")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// A file that `syncer init` writes does not exist, or has other content.
    #[error("read {}, which `syncer init` writes", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificates cannot be used.
    #[error("use the certificates of {}", folder.display())]
    Certificates {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The server in place of all kubelets of the guest's nodes.
pub struct Kubelet {
    listener: TcpListener,
    address: SocketAddr,
    door: Acceptor,
}

impl std::fmt::Debug for Kubelet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Kubelet({})", self.address)
    }
}

impl Kubelet {
    /// Listens at a loopback address, with the files that `syncer init` wrote into a folder. Port 0 stands for any free port.
    pub async fn listen(address: SocketAddr, pki: &Path) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let door = Acceptor::new(pki)?;
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "serving the kubelet API");
        Ok(Self {
            listener,
            address,
            door,
        })
    }

    /// Returns the address that it listens at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves requests until `shutdown` is cancelled; requests that are not finished then are aborted.
    pub async fn serve(self, of: Of, host: Client, guest: Client, shutdown: &CancellationToken) {
        let Of {
            tenant,
            metrics,
            imports_pods,
        } = of;
        let connections = Arc::new(Connections {
            door: self.door,
            sides: Sides {
                tenant,
                metrics,
                imports_pods,
                host,
                guest,
                tasks: TaskTracker::new(),
                shutdown: shutdown.clone(),
            },
        });
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                () = shutdown.cancelled() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let (connections, shutdown) = (connections.clone(), shutdown.clone());
                    let tasks = connections.sides.tasks.clone();
                    tasks.spawn(async move {
                        shutdown.run_until_cancelled(connections.take(stream)).await;
                    });
                }
                Err(error) => {
                    warn!(%error, "failed to accept a connection to the kubelet API");
                    pause(REST).await;
                }
            }
        }
        connections.sides.tasks.close();
        connections.sides.tasks.wait().await;
    }
}

/// The virtual cluster of a server, with its settings.
#[derive(Clone, Debug)]
pub struct Of {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// The metrics of the host that it shows.
    pub metrics: MetricsServer,
    /// True if foreign pods of the host are shown in it.
    pub imports_pods: bool,
}

/// Everything that is needed to answer requests.
struct Sides {
    tenant: Tenant,
    metrics: MetricsServer,
    imports_pods: bool,
    host: Client,
    guest: Client,
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

struct Connections {
    door: Acceptor,
    sides: Sides,
}

impl Connections {
    /// Serves the requests of one connection.
    async fn take(&self, stream: TcpStream) {
        let greeted = tokio::select! {
            greeted = self.door.greet(stream) => greeted,
            () = pause(GREETING) => return,
        };
        let (stream, caller) = match greeted {
            Ok(greeted) => greeted,
            Err(error) => {
                debug!(%error, "refused a client of the kubelet API, as its TLS handshake failed");
                return;
            }
        };
        let stream = Flushed::new(stream);
        let end = stream.end();
        let answer = service_fn(|request| async {
            let answer = self.sides.answer(caller, request).await;
            Ok::<_, std::convert::Infallible>(answer.map(|body| end.of(body)))
        });
        let served = http1::Builder::new()
            .serve_connection(TokioIo::new(stream), answer)
            .with_upgrades()
            .await;
        // Whoever has read enough of a log goes without a word.
        if let Err(error) = served {
            debug!(error = %error_chain(&error), "a connection to the kubelet API ended with an error");
        }
    }
}

impl Sides {
    async fn answer(&self, caller: Caller, request: Request<Incoming>) -> Response<Body> {
        match (caller, metrics::is_of(request.uri().path())) {
            (Caller::FrontProxy, true) => return metrics::answer(self, &request).await,
            (Caller::ApiServer, false) => {}
            _ => return StatusError::forbidden().response(),
        }
        let asked = match KubeletRequest::read(request.method(), request.uri()) {
            Ok(asked) => asked,
            Err(refusal) => return refusal.response(),
        };
        let answered = async {
            let mirror = target_pod::find(self, &asked).await?;
            proxy::pass(self, &asked, &mirror, request).await
        };
        answered.await.unwrap_or_else(|refusal: StatusError| {
            debug!(?asked, ?refusal, "refused a request to the kubelet API");
            refusal.response_to(&asked)
        })
    }
}
