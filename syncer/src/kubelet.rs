//! A kubelet's part for the guest's API server: the logs of containers, and the ways into them. By the same port it asks
//! what pods and nodes use.
//!
//! It takes what an API server asks the kubelet of a pod's node, and asks the host's API the same about the pod's mirror,
//! as the syncer. Nobody but the guest's API server is answered, and nothing is reached that the guest does not show:
//! the pod has to be in the guest, the host's has to be its mirror, and a container has to be the guest's own, not one that
//! the host has put there.

/// What is asked for.
mod asked;

/// A kubelet's parameters in the words of the host's API.
mod parameters;

/// Who is let in.
mod door;

/// Which pod of the host it is about.
mod target_pod;

/// Asking the host, and passing on what it answers.
mod passage;

/// What pods and nodes use.
mod metrics;

/// The end of an answer.
mod ending;

/// What is said where nothing is passed on.
mod refusal;

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

use self::asked::Asked;
use self::door::{Caller, Door};
use self::ending::Flushed;
use self::refusal::Refusal;
use crate::patience::{chain, pause};

/// How long somebody may take to say who they are. The one who should be there is in the same pod.
const GREETING: Duration = Duration::from_secs(10);

/// How long to rest where no connection could be taken: what is missing then is file descriptors.
const REST: Duration = Duration::from_millis(100);

/// Why no kubelet's part can be played.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Anybody in the host's network could knock.
    #[error("answer at {0} as a kubelet: only this pod's API server may ask, so give a loopback address")]
    NotLoopback(SocketAddr),
    /// The port can't be used.
    #[error("answer at {address} as a kubelet")]
    Listen {
        /// The address and port.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// What `syncer init` writes is not there, or is something else.
    #[error("read {}, which `syncer init` writes", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::pki_types::pem::Error,
    },
    /// The certificates are of no use.
    #[error("use the certificates of {}", folder.display())]
    Certificates {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// What listens in the place of all kubelets of the guest's nodes.
pub struct Kubelet {
    listener: TcpListener,
    address: SocketAddr,
    door: Door,
}

impl std::fmt::Debug for Kubelet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Kubelet({})", self.address)
    }
}

impl Kubelet {
    /// Listens at a loopback address, with what `syncer init` wrote into a folder; port 0 is any that is free.
    pub async fn listen(address: SocketAddr, pki: &Path) -> Result<Self, Error> {
        if !address.ip().is_loopback() {
            return Err(Error::NotLoopback(address));
        }
        let door = Door::new(pki)?;
        let failed = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "answering as a kubelet");
        Ok(Self {
            listener,
            address,
            door,
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `shutdown` is cancelled; who is in the middle of something then is cut off.
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
                    warn!(%error, "failed to take a connection as a kubelet");
                    pause(REST).await;
                }
            }
        }
        connections.sides.tasks.close();
        connections.sides.tasks.wait().await;
    }
}

/// The subject of a message.
#[derive(Clone, Debug)]
pub struct Of {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// What of the host's metrics it has.
    pub metrics: MetricsServer,
    /// Whether pods of the host's own are shown in it.
    pub imports_pods: bool,
}

/// What is needed to answer.
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
    door: Door,
    sides: Sides,
}

impl Connections {
    /// Answers what comes by one connection.
    async fn take(&self, stream: TcpStream) {
        let greeted = tokio::select! {
            greeted = self.door.greet(stream) => greeted,
            () = pause(GREETING) => return,
        };
        let (stream, caller) = match greeted {
            Ok(greeted) => greeted,
            Err(error) => {
                debug!(%error, "somebody without a certificate asked for a kubelet");
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
            debug!(error = %chain(&error), "a connection to the kubelet ended");
        }
    }
}

impl Sides {
    async fn answer(&self, caller: Caller, request: Request<Incoming>) -> Response<Body> {
        match (caller, metrics::is_of(request.uri().path())) {
            (Caller::FrontProxy, true) => return metrics::answer(self, &request).await,
            (Caller::ApiServer, false) => {}
            _ => return Refusal::forbidden().response(),
        }
        let asked = match Asked::read(request.method(), request.uri()) {
            Ok(asked) => asked,
            Err(refusal) => return refusal.response(),
        };
        let answered = async {
            let mirror = target_pod::find(self, &asked).await?;
            passage::pass(self, &asked, &mirror, request).await
        };
        answered.await.unwrap_or_else(|refusal: Refusal| {
            debug!(?asked, ?refusal, "refused what a kubelet was asked for");
            refusal.response_to(&asked)
        })
    }
}
