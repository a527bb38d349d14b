//! The syncer's life cycle: the order of its steps.
//!
//! The syncer waits until no other syncer leads, and for the guest's API. It checks that the guest is the one that the host's
//! objects come from. It starts the engine and the kubelet API, and creates the guest's own Service and DNS. When the engine has
//! reconciled everything once and the guest accepts pods, it publishes the kubeconfig. Then the virtual cluster is ready.

mod bounds;

mod former_keys;

mod named;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::Client;
use prometheus_client::registry::Registry;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};
use vcluster_values::Values;
use vcluster_values::admission::Admission;
use vcluster_values::naming::{self, Tenant};
use vcluster_values::{from_host, kinds, to_host};

use crate::client;
use crate::guest::{self, dns, kubernetes, metrics as guest_metrics};
use crate::host;
use crate::kubelet::{self, Kubelet};
use crate::leader::{self, Candidate, Election};
use crate::notice::Notices;
use crate::retry::{pause, until_cancelled};
use crate::status::{self, Status};
use crate::store;
use crate::sync::{self, Metrics, Readiness};

/// Interval of the check whether the engine has reconciled everything.
const ENGINE_EVERY: Duration = Duration::from_millis(20);

/// Settings of a syncer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The virtual cluster.
    pub tenant: Tenant,
    /// The values of the virtual cluster.
    pub values: Values,
    /// The folder that `syncer init` wrote.
    pub pki: PathBuf,
    /// The kubeconfig of the host; without one, the pod's service account is used.
    pub host_kubeconfig: Option<PathBuf>,
    /// The kubeconfig of the guest; without one, that of `syncer init` is used.
    pub guest_kubeconfig: Option<PathBuf>,
    /// The address for probes.
    pub status: SocketAddr,
    /// The address for metrics and for the details of readiness.
    pub metrics: SocketAddr,
    /// The address of the kubelet API.
    pub kubelet: SocketAddr,
    /// The address of the pod, if the syncer runs in one.
    pub pod: Option<IpAddr>,
    /// The pod, if the syncer runs in one: of several, one leads.
    pub candidate: Option<Candidate>,
    /// The host's DNS, as a resolv.conf.
    pub resolv_conf: PathBuf,
}

/// Failure that stopped a syncer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The way to reach an API is not known.
    #[error(transparent)]
    Client(#[from] client::Error),
    /// The host's objects are not as the chart creates them.
    #[error(transparent)]
    Host(#[from] host::Error),
    /// The guest is not the one that the host's objects come from.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Another syncer of the virtual cluster leads.
    #[error(transparent)]
    Leader(#[from] leader::Error),
    /// The engine stopped.
    #[error("sync guest and host")]
    Engine(#[from] sync::Error),
    /// A mapping in the values cannot be read.
    #[error("read a mapping of the values: {0}")]
    Mapping(String),
    /// The kubelet API cannot be started.
    #[error(transparent)]
    Kubelet(#[from] kubelet::Error),
    /// Signals cannot be handled.
    #[error("listen for signals")]
    Signals(#[source] std::io::Error),
    /// The address cannot be listened at.
    #[error("answer at {address}")]
    Status {
        /// The address and port.
        address: SocketAddr,
        /// The cause.
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
    let probes = status::serve_probes(status.clone(), settings.status, shutdown.clone());
    let details = status::serve_metrics(status.clone(), settings.metrics, shutdown.clone());
    let failed = |address| move |source| Error::Status { address, source };
    let host = client::connect("host", settings.host_kubeconfig.as_deref()).await?;
    let telling = tell(&settings, &host, &status, &shutdown);
    let working = work(&settings, &host, metrics, &status, started, &shutdown);
    let working = async {
        tokio::pin!(working);
        tokio::select! {
            ended = &mut working => ended,
            () = telling => working.await,
        }
    };
    tokio::select! {
        ended = working => ended,
        ended = probes => ended.map_err(failed(settings.status)),
        ended = details => ended.map_err(failed(settings.metrics)),
    }
}

/// Creates Events on the host about what the virtual cluster waits for until it is ready, if the syncer runs in a pod.
async fn tell(settings: &Settings, host: &Client, status: &Status, shutdown: &CancellationToken) {
    if let Some(pod) = &settings.candidate {
        let notices = Notices::new(host.clone(), settings.tenant.clone(), pod.clone());
        notices.keep(status.watch(), shutdown).await;
    }
}

async fn work(
    settings: &Settings,
    host: &Client,
    metrics: Metrics,
    status: &Status,
    started: Instant,
    shutdown: &CancellationToken,
) -> Result<(), Error> {
    let made = settings.pki.join("syncer.kubeconfig");
    let guest = client::connect(
        "guest",
        Some(settings.guest_kubeconfig.as_deref().unwrap_or(&made)),
    )
    .await?;

    status.waits_for("the host");
    let look = || host::api_service(host, &settings.tenant);
    let Some(service) = until_cancelled("find the control plane's Service on the host", shutdown, look).await
    else {
        return Ok(());
    };

    let look = || host::owner(host, &settings.tenant);
    let Some(owner) = until_cancelled("find the release's service account on the host", shutdown, look).await
    else {
        return Ok(());
    };

    status.waits_for("the guest's API");
    let look = || guest::answers(&guest);
    let Some(()) = until_cancelled("reach the guest's API", shutdown, look).await else {
        return Ok(());
    };
    info!(
        seconds = started.elapsed().as_secs_f64(),
        "the guest's API answered"
    );

    let candidate = settings.candidate.clone();
    let election = candidate.map(|me| Election::new(host, &settings.tenant, me));
    let begin = || status.hear(begin(host, &guest, &settings.tenant, election.as_ref(), &owner));
    let Some(()) = until_cancelled("begin", shutdown, begin).await else {
        return Ok(());
    };

    let Some(configured) = configured(settings, host, &guest, status, shutdown).await else {
        return Ok(());
    };

    let imports_pods = configured.imports_pods();
    let kubelet = Kubelet::listen(settings.kubelet, &settings.pki).await?;
    let kubelet_port = kubelet.address().port();
    let readiness = Readiness::new();
    let place = kubernetes::Place {
        service: service.address(),
        pod: settings.pod,
    };
    let resolv_conf = read(&settings.resolv_conf).await;
    let dns = dns::Server::of(&settings.values, &resolv_conf, service.address());
    let engine = sync::run(
        config(settings, configured, service.address(), kubelet_port)?,
        host.clone(),
        guest.clone(),
        metrics,
        readiness.clone(),
        shutdown.clone(),
    );
    let opening = async {
        let opened = async {
            show_metrics(settings, &guest, kubelet_port, status, shutdown).await?;
            open(&guest, dns.as_ref(), &readiness, status, shutdown).await?;
            publish(settings, host, &owner, status, shutdown).await
        };
        if opened.await.is_some() {
            status.ready();
            info!(
                seconds = started.elapsed().as_secs_f64(),
                "the virtual cluster is ready"
            );
            if let Some(server) = &dns {
                dns::keep(&guest, server, shutdown).await;
            }
        }
        Ok::<_, Error>(())
    };
    let engine = async { engine.await.map_err(Error::from) };
    let keeping = async {
        kubernetes::keep(&guest, place, shutdown).await;
        Ok(())
    };
    let of = kubelet::Of {
        tenant: settings.tenant.clone(),
        metrics: settings.values.integrations.metrics_server,
        imports_pods,
    };
    let kubelet = async {
        kubelet.serve(of, host.clone(), guest.clone(), shutdown).await;
        Ok(())
    };
    let leading = async {
        match &election {
            Some(election) => election.hold(shutdown).await.map_err(Error::from),
            None => Ok(()),
        }
    };
    tokio::try_join!(engine, keeping, kubelet, leading, opening).map(drop)
}

/// Starts to lead the syncers of this virtual cluster, if its guest is the one that the host's objects come from. The guest of a
/// surplus pod is another one, and such a pod would keep the tenant's own from leading.
async fn begin(
    host: &Client,
    guest: &Client,
    tenant: &Tenant,
    election: Option<&Election>,
    owner: &OwnerReference,
) -> Result<(), Error> {
    store::check(host, guest, tenant).await?;
    if let Some(election) = election {
        election.stand(owner).await?;
    }
    Ok(())
}

/// Returns the configured kinds, once the host serves them and the annotations of an earlier version are renamed. Returns `None` if
/// stopped before.
async fn configured(
    settings: &Settings,
    host: &Client,
    guest: &Client,
    status: &Status,
    shutdown: &CancellationToken,
) -> Option<named::Kinds> {
    let tenant = &settings.tenant;
    status.waits_for("the host to have the configured kinds");
    let generic = &settings.values.sync.generic.kinds;
    let look = || status.hear(named::kinds(host, generic, tenant));
    let configured = until_cancelled("find the configured kinds on the host", shutdown, look).await?;

    status.waits_for("the annotations of an earlier version to be renamed");
    let sides = former_keys::Sides {
        host,
        guest,
        tenant,
        imports: &configured.imports,
    };
    let rename = || status.hear(sides.rename());
    until_cancelled("rename the annotations of an earlier version", shutdown, rename).await?;
    Some(configured)
}

/// Creates the metrics API in the guest, or removes it, as the values say. Returns `None` if stopped before.
async fn show_metrics(
    settings: &Settings,
    guest: &Client,
    port: u16,
    status: &Status,
    shutdown: &CancellationToken,
) -> Option<()> {
    status.waits_for("the guest's metrics to be set up");
    until_cancelled("set up the guest's metrics", shutdown, || async move {
        if settings.values.integrations.metrics_server.enabled {
            guest_metrics::apply(guest, port, &settings.pki).await
        } else {
            guest_metrics::remove(guest).await
        }
    })
    .await
}

/// Creates the objects that the guest needs, and checks that it works. Returns `None` if stopped before.
async fn open(
    guest: &Client,
    dns: Option<&dns::Server>,
    readiness: &Readiness,
    status: &Status,
    shutdown: &CancellationToken,
) -> Option<()> {
    status.waits_for("the guest's DNS to be set up");
    if let Some(server) = dns {
        until_cancelled("apply the guest's DNS server", shutdown, || {
            dns::apply(guest, server)
        })
        .await?;
    }

    status.waits_for("the guest to accept pods");
    until_cancelled("check that the guest accepts pods", shutdown, || {
        guest::takes_pods(guest)
    })
    .await?;

    while !readiness.is_ready() {
        status.waits_for(format!(
            "the initial sync of {}",
            readiness.waiting_for().join(", ")
        ));
        tokio::select! {
            () = pause(ENGINE_EVERY) => {}
            () = shutdown.cancelled() => return None,
        }
    }
    Some(())
}

/// Publishes the tenant's kubeconfig. Returns `None` if stopped before.
async fn publish(
    settings: &Settings,
    host: &Client,
    owner: &OwnerReference,
    status: &Status,
    shutdown: &CancellationToken,
) -> Option<()> {
    status.waits_for("the kubeconfig to be published");
    let publish = || host::publish(host, &settings.tenant, &settings.pki, owner);
    until_cancelled("publish the kubeconfig", shutdown, publish).await
}

/// Returns the configuration of the engine.
fn config(
    settings: &Settings,
    configured: named::Kinds,
    api: IpAddr,
    kubelet_port: u16,
) -> Result<sync::Config, Error> {
    let Settings { tenant, values, .. } = settings;
    Ok(sync::Config {
        tenant: tenant.clone(),
        exports: configured.exports,
        imports: configured.imports,
        core: kinds::core(&values.to_host),
        unnamed: sync::Unnamed {
            config_maps: values.to_host.config_maps.all,
            secrets: values.to_host.secrets.all,
        },
        from_host: from_host::shown(tenant, values).map_err(|error| Error::Mapping(error.why))?,
        services_to_host: to_host::services(tenant, values).map_err(Error::Mapping)?,
        admission: admission(values),
        limits: limits(values),
        cluster_domain: "cluster.local".to_owned(),
        api_server_service_ip: api,
        tenant_role: format!("vc-{}-v-{}-tenant", tenant.name(), tenant.namespace()),
        namespace_labels: namespace_labels(values),
        namespaces: values.policies.namespaces,
        bounds: bounds::bounds(tenant, &values.policies),
        kubelet_port,
    })
}

/// Returns the host's policies for the tenant's objects.
fn admission(values: &Values) -> Admission {
    let policies = &values.policies;
    Admission {
        level: policies.pod_security_standard,
        tolerations: policies.tolerations.clone(),
        runtime_classes: policies.runtime_classes.clone(),
        csi_drivers: policies.csi_drivers.clone(),
    }
}

/// Returns the limits of what the syncer keeps and writes on the host.
fn limits(values: &Values) -> sync::Limits {
    const MEBIBYTE: u64 = 1 << 20;
    sync::Limits {
        bytes: u64::from(values.policies.mebibytes) * MEBIBYTE,
        ..sync::Limits::default()
    }
}

/// Returns the labels that every host namespace gets. The Pod Security Standard is one of them; a level among the labels of the
/// values takes precedence.
fn namespace_labels(values: &Values) -> BTreeMap<String, String> {
    let mut labels = values.namespaces.labels.clone();
    labels
        .entry(naming::POD_SECURITY.to_owned())
        .or_insert_with(|| values.policies.pod_security_standard.name().to_owned());
    labels
}

/// Reads the host's resolv.conf; without the file the guest only knows its own names.
async fn read(resolv_conf: &Path) -> String {
    tokio::fs::read_to_string(resolv_conf)
        .await
        .unwrap_or_else(|error| {
            error!(path = %resolv_conf.display(), %error, "failed to read where the host's DNS is");
            String::new()
        })
}

/// Handles signals: the first stops the syncer gracefully, the second at once.
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
