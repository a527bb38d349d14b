//! The syncer's life: what comes after what.
//!
//! Wait for the guest's API; start the engine; give the guest its own Service and DNS; when the engine has looked
//! at everything once and the guest takes pods, publish the kubeconfig. Then the virtual cluster is ready.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use kube::Client;
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::guest::{self, dns, kubernetes};
use crate::host::{self, ApiService};
use crate::naming::Tenant;
use crate::patience::{pause, persist};
use crate::status::{self, Status};
use crate::sync::{self, CoreKind, FromHost, HostKind, Metrics, Readiness};
use crate::values::{Core, Sync, Values};

/// How often the engine is asked whether it has looked at everything.
const ENGINE_EVERY: Duration = Duration::from_millis(20);

/// What a syncer needs to run.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// What it is asked to be.
    pub values: Values,
    /// The folder that `syncer init` wrote.
    pub pki: PathBuf,
    /// The host, if not as the pod that this is.
    pub host_kubeconfig: Option<PathBuf>,
    /// The guest, if not as `syncer init` wrote it.
    pub guest_kubeconfig: Option<PathBuf>,
    /// Where to answer about itself.
    pub status: SocketAddr,
    /// The address of the pod, if this is one.
    pub pod: Option<IpAddr>,
    /// The host's DNS, as a resolv.conf.
    pub resolv_conf: PathBuf,
}

/// Why a syncer stopped without being told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An API cannot be reached at all, or the host is not as the chart makes it.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// The engine stopped.
    #[error("keep guest and host in step")]
    Engine(#[from] sync::Error),
    /// Signals cannot be listened to.
    #[error("listen to signals")]
    Signals(#[source] std::io::Error),
    /// The port to answer at cannot be used.
    #[error("answer at {address}")]
    Status {
        /// The address and port.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// Runs until a signal ends it; a second signal ends it at once.
pub async fn run(settings: Settings) -> Result<(), Error> {
    let started = Instant::now();
    let shutdown = CancellationToken::new();
    listen(shutdown.clone())?;
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let status = Status::starting(registry);
    let answering = status::serve(status.clone(), settings.status, shutdown.clone());
    let working = work(&settings, metrics, &status, started, &shutdown);
    tokio::select! {
        ended = working => ended,
        ended = answering => {
            ended.map_err(|source| Error::Status { address: settings.status, source })
        }
    }
}

async fn work(
    settings: &Settings,
    metrics: Metrics,
    status: &Status,
    started: Instant,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let host = host::client("host", settings.host_kubeconfig.as_deref()).await?;
    let made = settings.pki.join("syncer.kubeconfig");
    let guest = host::client(
        "guest",
        Some(settings.guest_kubeconfig.as_deref().unwrap_or(&made)),
    )
    .await?;

    status.waits_for("the host");
    let look = || host::api_service(&host, &settings.tenant);
    let Some(service) = persist("find the Service on the host", shutdown, look).await else {
        return Ok(());
    };

    status.waits_for("the guest's API");
    let look = || guest::answers(&guest);
    let Some(()) = persist("reach the guest's API", shutdown, look).await else {
        return Ok(());
    };
    info!(
        seconds = started.elapsed().as_secs_f64(),
        "the guest's API answered"
    );

    let readiness = Readiness::new();
    let place = kubernetes::Place {
        service: service.address(),
        pod: settings.pod,
    };
    let engine = sync::run(
        config(&settings.tenant, &settings.values.sync, service.address()),
        host.clone(),
        guest.clone(),
        metrics,
        readiness.clone(),
        shutdown.clone(),
    );
    let opening = async {
        let opened = open(settings, &host, &guest, &service, &readiness, status, shutdown).await;
        if opened.is_some() {
            status.ready();
            info!(
                seconds = started.elapsed().as_secs_f64(),
                "the virtual cluster is ready"
            );
        }
        Ok::<_, Error>(())
    };
    let engine = async { engine.await.map_err(Error::from) };
    let keeping = async {
        kubernetes::keep(&guest, place, shutdown).await;
        Ok(())
    };
    tokio::try_join!(engine, keeping, opening).map(drop)
}

/// Gives the guest what it needs and publishes its kubeconfig; nothing if told to stop before.
async fn open(
    settings: &Settings,
    host: &Client,
    guest: &Client,
    service: &ApiService,
    readiness: &Readiness,
    status: &Status,
    shutdown: &CancellationToken,
) -> Option<()> {
    status.waits_for("the guest's DNS to be set up");
    let resolv_conf = read(&settings.resolv_conf).await;
    if let Some(server) = dns::Server::of(&settings.values, &resolv_conf, service.address()) {
        persist("give the guest its DNS server", shutdown, || {
            dns::apply(guest, &server)
        })
        .await?;
    }

    status.waits_for("the guest to take pods");
    persist("find that the guest takes pods", shutdown, || {
        guest::takes_pods(guest)
    })
    .await?;

    while !readiness.is_ready() {
        status.waits_for(format!("a first look at {}", readiness.waiting_for().join(", ")));
        tokio::select! {
            () = pause(ENGINE_EVERY) => {}
            () = shutdown.cancelled() => return None,
        }
    }

    status.waits_for("the kubeconfig to be published");
    let publish = || host::publish(host, &settings.tenant, &settings.pki, &service.owner);
    persist("publish the kubeconfig", shutdown, publish).await
}

/// What the engine has to know.
fn config(tenant: &Tenant, asked: &Sync, api: IpAddr) -> sync::Config {
    let kinds = &asked.generic.kinds;
    let exports = kinds.export.iter().map(|export| sync::Export {
        api_version: export.api_version.clone(),
        kind: export.kind.clone(),
        optional: export.optional,
        replace_on_conflict: export.replace_on_conflict,
        selector: export.selector.clone().unwrap_or_default().label_selector,
    });
    let imports = kinds.import.iter().map(|import| sync::Import {
        api_version: import.api_version.clone(),
        kind: import.kind.clone(),
        optional: import.optional,
        replace_on_conflict: import.replace_on_conflict,
    });
    sync::Config {
        tenant: tenant.clone(),
        exports: exports.collect(),
        imports: imports.collect(),
        core: core(&asked.core),
        from_host: from_host(&asked.core),
        host_access: sync::HostAccess::Refused,
        cluster_domain: "cluster.local".to_owned(),
        api_server_service_ip: api,
        tenant_role: format!("vc-{}-v-{}-tenant", tenant.name(), tenant.namespace()),
        namespace_labels: std::collections::BTreeMap::new(),
    }
}

/// Kubernetes' own kinds that go to the host.
fn core(asked: &Core) -> BTreeSet<CoreKind> {
    let switches = [
        (
            CoreKind::PersistentVolumeClaim,
            asked.persistent_volume_claims.enabled,
        ),
        (CoreKind::Ingress, asked.ingresses.enabled),
        (CoreKind::NetworkPolicy, asked.network_policies.enabled),
        (
            CoreKind::PodDisruptionBudget,
            asked.pod_disruption_budgets.enabled,
        ),
    ];
    (switches.into_iter())
        .filter_map(|(kind, is_on)| is_on.then_some(kind))
        .collect()
}

/// What the host shows. Of runtime and priority classes, config maps and Secrets this dialect does not know.
fn from_host(asked: &Core) -> FromHost {
    let all = |is_on: bool| is_on.then(String::new);
    let switches = [
        (HostKind::StorageClass, all(asked.storage_classes.enabled)),
        (HostKind::IngressClass, all(asked.ingress_classes.enabled)),
        (HostKind::Node, asked.nodes.selector.clone()),
    ];
    let kinds = (switches.into_iter())
        .filter_map(|(kind, selector)| selector.map(|selector| (kind, selector)))
        .collect();
    FromHost {
        kinds,
        ..FromHost::default()
    }
}

/// The host's DNS; without the file the guest only knows its own names.
async fn read(resolv_conf: &Path) -> String {
    tokio::fs::read_to_string(resolv_conf)
        .await
        .unwrap_or_else(|error| {
            error!(path = %resolv_conf.display(), %error, "failed to read where the host's DNS is");
            String::new()
        })
}

/// Turns the first signal into a clean end and the second into an end.
fn listen(shutdown: CancellationToken) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    tokio::spawn(async move {
        let mut told = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        told().await;
        info!("stopping");
        shutdown.cancel();
        told().await;
        abort();
    });
    Ok(())
}

#[expect(
    clippy::exit,
    reason = "whoever asks twice does not want to wait for what hangs"
)]
fn abort() {
    std::process::exit(1);
}
