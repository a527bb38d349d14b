//! The one place that knows the order of the stages of an environment.
//!
//! Each stage takes the handle of the previous one, so the types enforce the order. The ledger records the objects of
//! a stage before their creation. [`down`] needs nothing else to remove them.

use std::path::{Path, PathBuf};

use provision::binaries::{self, Binaries};
use provision::events::Events;
use provision::images;
use provision::places::Places;
use tokio_util::sync::CancellationToken;

use crate::ledger::{self, Ledger};
use crate::plan::{Plan, Until};
use crate::substrate::Cluster;
use crate::{platform, substrate, tenants, workloads};

use host::{Host, Material};
use identity::Identity;

pub use attached::{Attached, AttachedTenant};
pub use identity::of_cut_off;
pub use recipe::Recipe;
pub use removal::remove;
pub use salvage::salvage;

/// An existing cluster as the host cluster.
pub(crate) mod existing;

mod attached;
mod host;
mod identity;
mod recipe;
mod removal;
mod salvage;
mod stages;
mod trouble;

/// Errors of bringing up, finding or removing an environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The environment's ledger could not be used.
    #[error(transparent)]
    Ledger(#[from] ledger::Error),
    /// A binary does not exist and could not be built.
    #[error("prepare the binaries")]
    Binaries(#[from] binaries::Error),
    /// An image could not be assembled or stored.
    #[error("prepare the images")]
    Images(#[from] images::Error),
    /// There is no host cluster.
    #[error("bring up the host cluster")]
    Substrate(#[from] substrate::Error),
    /// The processes of the environment could not be ended.
    #[error(transparent)]
    Sandbox(#[from] sandbox::Error),
    /// Dapr or Redis is not there.
    #[error("install Dapr and Redis")]
    Platform(#[from] platform::Error),
    /// A tenant is not there.
    #[error("create the tenants")]
    Tenants(#[from] tenants::Error),
    /// An app is not there.
    #[error("deploy the apps")]
    Workloads(#[from] workloads::Error),
    /// The user, or the process that started the run, stopped it.
    #[error("bring up {name}: it was interrupted")]
    Interrupted {
        /// The environment's name.
        name: String,
    },
    /// There is no such environment, or it did not come up whole.
    #[error("find environment {name}: it is not up")]
    NotUp {
        /// Its name.
        name: String,
    },
    /// It is up, and other than asked.
    #[error("bring up {name}: it is up with {has}, not with {wanted}")]
    Different {
        /// Its name.
        name: String,
        /// The property that the environment has.
        has: String,
        /// The property that was asked for.
        wanted: String,
    },
    /// A pod will not start, however long one waits.
    #[error("start pod {pod} with the image {image}: {why}")]
    NotStarting {
        /// Its namespace and name.
        pod: String,
        /// The image.
        image: String,
        /// The kubelet's message.
        why: String,
    },
    /// A file of the environment could not be read or written.
    #[error("{what} {}", path.display())]
    File {
        /// The action that failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// Returns true if the user's request is at fault, and nothing was done.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Different { .. })
    }

    /// Returns the remedy for the user, if there is one.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::NotUp { name } => Some(format!("bring it up: cargo harness up --name {name}")),
            Self::Different { name, .. } => Some(format!(
                "remove it first (cargo harness down --name {name}), or use another --name"
            )),
            Self::Substrate(error) => error.remedy(),
            Self::NotStarting { .. } => Some(
                "have the image where the cluster pulls it from: --registry PREFIX pushes all of them there, and its nodes need to \
                 be able to pull from it"
                    .to_owned(),
            ),
            Self::Ledger(error) => Some(error.remedy()),
            _ => None,
        }
    }
}

/// An environment that this process brought up or found up.
#[derive(Debug)]
pub struct Up {
    /// The data that is needed to use the environment.
    pub attached: Attached,
    /// The binaries it runs on.
    pub binaries: Binaries,
    ledger: Ledger,
}

impl Up {
    /// Removes it; see [`down`].
    pub async fn down(self, places: &Places, events: &Events) -> Result<Vec<String>, Error> {
        let name = self.attached.name;
        events.stage("down", remove(self.ledger, places, &name)).await
    }
}

/// Puts everything that an environment is made from into the cache, and creates no environment.
pub async fn prepare(
    recipe: &Recipe,
    options: &binaries::Options,
    places: &Places,
    events: &Events,
) -> Result<Binaries, Error> {
    Ok(provide(recipe, options, places, events).await?.0)
}

/// Runs the two stages that fill the cache.
async fn provide(
    recipe: &Recipe,
    options: &binaries::Options,
    places: &Places,
    events: &Events,
) -> Result<(Binaries, Material), Error> {
    let binaries = events
        .stage("binaries", stages::binaries(recipe, places, options, events))
        .await?;
    let material = events
        .stage("images", host::material(recipe, &binaries, places, events))
        .await?;
    Ok((binaries, material))
}

/// Takes the planned environment for `doing`, so that nobody else changes it.
///
/// Fails if another process holds it, or if it is up and differs from the plan. This changes nothing of it.
pub fn claim(plan: &Plan, places: &Places, doing: &str) -> Result<Ledger, Error> {
    let folder = places.environment(&plan.name);
    let ledger = Ledger::take(&folder, doing)?;
    identity::require_same(&folder, plan)?;
    Ok(ledger)
}

/// Brings the planned environment up, which was claimed. Run again after an interruption, it goes on where it
/// stopped.
///
/// When `cancel` fires, it stops where it is. The ledger has the objects that exist, for [`down`] or the next `up`.
pub async fn up(
    plan: &Plan,
    ledger: Ledger,
    options: &binaries::Options,
    places: &Places,
    events: &Events,
    cancel: &CancellationToken,
) -> Result<Up, Error> {
    let folder = places.environment(&plan.name);
    let made = cancel
        .run_until_cancelled(Box::pin(bring_up(
            plan, options, places, &folder, &ledger, events,
        )))
        .await;
    let (attached, binaries) = made.unwrap_or_else(|| {
        Err(Error::Interrupted {
            name: plan.name.clone(),
        })
    })?;
    Ok(Up {
        attached,
        binaries,
        ledger,
    })
}

/// Runs all stages, in their order.
async fn bring_up(
    plan: &Plan,
    options: &binaries::Options,
    places: &Places,
    folder: &Path,
    ledger: &Ledger,
    events: &Events,
) -> Result<(Attached, Binaries), Error> {
    let recipe = Recipe::planned(plan).await;
    // A stage's future is large: each on the heap, where it does not add to the others.
    let (binaries, material) = Box::pin(provide(&recipe, options, places, events)).await?;
    let identity = Identity::of(folder)?;
    let host = Host {
        plan,
        run: &identity.run,
        places,
        binaries: &binaries,
        ledger,
        events,
    };
    let cluster = Box::pin(host.up(folder, &material));
    let cluster = events.stage("substrate", cluster).await?;
    let settings = stages::settings(plan, &identity.run, folder, &cluster, &binaries)?;
    let filling = Box::pin(fill(plan, &settings, &cluster, &binaries, events));
    let tenants = trouble::watched(&cluster.client, &identity.run, filling).await?;

    let attached = Attached {
        name: plan.name.clone(),
        run: identity.run,
        seed: plan.seed,
        started: identity.started,
        substrate: plan.substrate,
        kubernetes: plan.kubernetes,
        virtual_cluster: plan.virtual_cluster.to_string(),
        kubeconfig: cluster.kubeconfig,
        reach: cluster.reach,
        service_cidr: cluster.service_cidr,
        registry: cluster.registry,
        tenants: tenants
            .into_iter()
            .map(|tenant| AttachedTenant {
                name: tenant.name,
                namespace: tenant.namespace,
                kubeconfig: tenant.kubeconfig,
            })
            .collect(),
        tenant_settings: settings,
        report_dir: plan.report_dir.clone(),
    };
    attached.write(folder)?;
    Ok((attached, binaries))
}

/// Fills the host cluster, as far as planned.
async fn fill(
    plan: &Plan,
    settings: &tenants::Settings,
    cluster: &Cluster,
    binaries: &Binaries,
    events: &Events,
) -> Result<Vec<tenants::Tenant>, Error> {
    if plan.until < Until::Platform {
        return Ok(Vec::new());
    }
    stages::kinds(plan, cluster).await?;
    let platform = stages::platform(plan, settings, cluster, binaries, events);
    let platform = events.stage("platform", platform).await?;
    if plan.until < Until::Tenants {
        return Ok(Vec::new());
    }
    let tenants = stages::tenants(plan, settings, &platform, events);
    let tenants = events.stage("tenants", tenants).await?;
    if plan.until < Until::Workloads {
        return Ok(tenants);
    }
    let deployed = workloads::deploy(&tenants, events);
    events.stage("workloads", deployed).await?;
    Ok(tenants)
}

/// Returns the path of the host cluster's kubeconfig in the environment's folder, which is the same for every substrate.
#[must_use]
pub fn kubeconfig(folder: &Path) -> PathBuf {
    folder.join("host/kubeconfig/admin")
}

/// Removes everything that the environment's ledger owns, and returns the objects that are left all the same, one per
/// line.
pub async fn down(name: &str, places: &Places, events: &Events) -> Result<Vec<String>, Error> {
    let folder = places.environment(name);
    if !folder.exists() {
        return Ok(Vec::new());
    }
    let ledger = Ledger::take(&folder, "down")?;
    events.stage("down", remove(ledger, places, name)).await
}

/// An environment that is there, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// True if the environment is up as a whole. Otherwise it was cut off, or is just being created or removed.
    pub up: bool,
    /// The time since when it is up.
    pub since: Option<jiff::Timestamp>,
    /// Its substrate, if it is up.
    pub substrate: Option<String>,
    /// Its tenants, if it is up.
    pub tenants: Vec<String>,
    /// Its host cluster's kubeconfig, if it is up.
    pub kubeconfig: Option<PathBuf>,
}

/// Returns all existing environments of this user, by name.
pub fn status(places: &Places) -> Result<Vec<Status>, Error> {
    let failed = |source| Error::File {
        what: "list",
        path: places.state.clone(),
        source,
    };
    let entries = match std::fs::read_dir(&places.state) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
        let attached = Attached::open(places, &name).ok();
        found.push(Status {
            up: attached.is_some(),
            since: attached.as_ref().map(|it| it.started),
            substrate: attached.as_ref().map(|it| it.substrate.to_string()),
            tenants: attached
                .iter()
                .flat_map(|it| &it.tenants)
                .map(|tenant| tenant.name.clone())
                .collect(),
            kubeconfig: attached.map(|it| it.kubeconfig),
            name,
        });
    }
    found.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(found)
}
