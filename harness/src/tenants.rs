//! The virtual clusters, one for each tenant.
//!
//! This module takes the platform. For each tenant it returns a client of the tenant's own API server. Several
//! tenants are created side by side.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use kube::Client;
use kube::api::{Api, DeleteParams, ListParams, ObjectMeta};
use provision::command;
use provision::events::Events;
use provision::helm::{Helm, Release};
use provision::naming;
use provision::wait::{self, Budget, Seen};
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::labels::{OF_NAMESPACE, OF_TENANT};
use crate::manifests;
use crate::plan::names::NAMESPACE_PREFIX;
use crate::platform::{self, Login, Platform};
use crate::substrate::{self, Cluster};

/// The providers of virtual clusters.
mod provider;

/// A Component that is created in the guest, to check that it arrives on the host.
mod canary;

/// A kubeconfig that works from outside of the host cluster.
pub mod access;

/// The check that a tenant's cluster is still the one that the host has namespaces of.
mod store;

/// When a tenant's cluster is ready to be used.
pub mod ready;

/// The condition of a tenant's control plane, for error messages and progress.
pub mod control_plane;

/// Kinds that tenants' values name and the host has to have.
pub mod kinds;

pub use provider::Provider;

/// A Redis of a tenant's own, to be applied in its virtual cluster.
pub const OWN_REDIS: &str = include_str!("../manifests/tenants/redis.yaml");

/// Namespaces go in the background; a controller manager that is busy with a crowd of pods takes its time.
const NAMESPACES_GONE: Budget = Budget::seconds(120);

/// The settings for creating tenants. They are kept with the environment, so that a scenario can create one more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The run's id: a label on the created objects.
    pub run: String,
    /// Helm, for the host cluster.
    pub helm: Helm,
    /// The provider of the virtual clusters.
    pub provider: Provider,
    /// The folder to which the kubeconfigs are written, as `NAME.kubeconfig`.
    pub kubeconfigs: PathBuf,
}

/// A tenant to create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Its name.
    pub name: String,
    /// The values of its virtual cluster, as YAML.
    pub values: String,
}

/// A tenant whose virtual cluster can be used.
#[derive(Clone)]
pub struct Tenant {
    /// Its name.
    pub name: String,
    /// The host namespace that its control plane is in.
    pub namespace: String,
    /// Its administrator's kubeconfig, which works from outside of the host cluster.
    pub kubeconfig: PathBuf,
    /// The same as a client.
    pub client: Client,
    /// Its user of Redis.
    pub login: Login,
    /// The host cluster.
    pub cluster: Cluster,
}

impl std::fmt::Debug for Tenant {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Tenant")
            .field("name", &self.name)
            .field("kubeconfig", &self.kubeconfig)
            .finish_non_exhaustive()
    }
}

impl Tenant {
    /// Returns the host namespace that mirrors one of the tenant's own.
    #[must_use]
    pub fn host_namespace(&self, guest: &str) -> String {
        naming::host_namespace(&self.name, &self.namespace, guest)
    }
}

/// Returns the host namespace of a tenant's control plane, as in vcluster's own command line.
#[must_use]
pub fn namespace_of(tenant: &str) -> String {
    format!("{NAMESPACE_PREFIX}{tenant}")
}

/// The number of tenants that start at a time on a small machine. An API server takes seconds of a processor to
/// start. So of 25 at once on two processors, the last was not there after three minutes.
const AT_A_TIME: usize = 5;

/// Creates tenants, several side by side, and returns them in the requested order when each can be used.
///
/// Repeated, it goes on where it stopped. When one fails, it does not wait for the others.
pub async fn create(
    settings: &Settings,
    wanted: &[Wanted],
    platform: &Platform,
    events: &Events,
) -> Result<Vec<Tenant>, Error> {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    let places = Arc::new(Semaphore::new(AT_A_TIME.max(2 * processors)));
    let mut making = JoinSet::new();
    for (position, tenant) in wanted.iter().cloned().enumerate() {
        let (settings, platform, events) = (settings.clone(), platform.clone(), events.clone());
        let places = places.clone();
        making.spawn(async move {
            // Nobody closes it.
            let _place = places.acquire_owned().await;
            let stage = format!("tenants/{}", tenant.name);
            let namespace = namespace_of(&tenant.name);
            let host = &platform.cluster.client;
            let made = events.stage(&stage, async {
                tokio::select! {
                    made = create_one(&settings, &tenant, &platform) => made,
                    never = control_plane::tell(&stage, host, &tenant.name, &namespace, &events) => match never {},
                }
            });
            made.await.map(|tenant| (position, tenant))
        });
    }
    let mut made = Vec::new();
    while let Some(ended) = making.join_next().await {
        made.push(ended.map_err(Error::Ended)??);
    }
    made.sort_by_key(|&(position, _)| position);
    Ok(made.into_iter().map(|(_, tenant)| tenant).collect())
}

/// Makes one tenant and returns it when its virtual cluster can be used. If it does not become usable, the error describes
/// the condition of its control plane.
pub async fn create_one(settings: &Settings, wanted: &Wanted, platform: &Platform) -> Result<Tenant, Error> {
    let source = match make(settings, wanted, platform).await {
        Err(Error::Waiting(source)) => source,
        other => return other,
    };
    let name = &wanted.name;
    let condition = control_plane::look(&platform.cluster.client, name, &namespace_of(name)).await;
    Err(Error::NotReady {
        tenant: name.clone(),
        condition: condition.map_or_else(
            || "the host cluster does not answer".to_owned(),
            |condition| condition.to_string(),
        ),
        source,
    })
}

async fn make(settings: &Settings, wanted: &Wanted, platform: &Platform) -> Result<Tenant, Error> {
    let name = &wanted.name;
    let namespace = namespace_of(name);
    if let Provider::Embedded { .. } = settings.provider {
        let values = vcluster_values::parse(&wanted.values, "the tenant's values")?;
        kinds::known(&platform.cluster.client, name, &values).await?;
    }
    // Before Helm makes one without the run's label.
    manifests::own_namespace(&platform.cluster.client, &namespace, &settings.run)
        .await
        .map_err(|source| Error::Host {
            action: "make the namespace of",
            tenant: name.clone(),
            source,
        })?;
    let input = settings.provider.input(&wanted.values)?;
    let release = Release {
        name,
        namespace: &namespace,
        chart: input.chart,
        values: &input.values,
        set: input.set,
        compared: true,
    };
    settings
        .helm
        .install(release)
        .await
        .map_err(|source| Error::Helm {
            action: "install",
            tenant: name.clone(),
            source,
        })?;
    let admit = platform.redis.admit(name);
    let login = admit.await.map_err(|source| Error::Redis {
        tenant: name.clone(),
        source,
    })?;
    let kubeconfig = settings.kubeconfigs.join(format!("{name}.kubeconfig"));
    access::open(&platform.cluster, name, &namespace, &kubeconfig).await?;
    let client = substrate::client(&kubeconfig).await?;
    if let Provider::Embedded { .. } = settings.provider {
        store::is_the_same(name, &namespace, &platform.cluster.client, &client).await?;
    }
    ready::usable(name, &client).await?;
    if settings.provider.is_early() {
        let mirror = naming::host_namespace(name, &namespace, canary::NAMESPACE);
        canary::flies(name, &client, &platform.cluster.client, &mirror).await?;
    }
    Ok(Tenant {
        name: name.clone(),
        namespace,
        kubeconfig,
        client,
        login,
        cluster: platform.cluster.clone(),
    })
}

/// Finds a tenant that was created before and can be used.
pub async fn attach(settings: &Settings, name: &str, platform: &Platform) -> Result<Tenant, Error> {
    let kubeconfig = settings.kubeconfigs.join(format!("{name}.kubeconfig"));
    let login = platform.redis.admit(name).await.map_err(|source| Error::Redis {
        tenant: name.to_owned(),
        source,
    })?;
    Ok(Tenant {
        name: name.to_owned(),
        namespace: namespace_of(name),
        client: substrate::client(&kubeconfig).await?,
        kubeconfig,
        login,
        cluster: platform.cluster.clone(),
    })
}

/// Removes a tenant: its virtual cluster, everything it had on the host, its user of Redis and its keys.
///
/// The chart of vcluster leaves the namespaces behind that mirror the tenant's own. They are found by their labels.
pub async fn remove(settings: &Settings, name: &str, platform: &Platform) -> Result<(), Error> {
    let namespace = namespace_of(name);
    settings
        .helm
        .uninstall(name, &namespace)
        .await
        .map_err(|source| Error::Helm {
            action: "uninstall",
            tenant: name.to_owned(),
            source,
        })?;
    let namespaces: Api<Namespace> = Api::all(platform.cluster.client.clone());
    let mirrors = ListParams::default().labels(&format!("{OF_TENANT}={name},{OF_NAMESPACE}={namespace}"));
    let failed = |source| Error::Host {
        action: "remove the namespaces of",
        tenant: name.to_owned(),
        source,
    };
    for mirror in namespaces.list_metadata(&mirrors).await.map_err(failed)? {
        delete(&namespaces, &mirror.metadata).await.map_err(failed)?;
    }
    let own = ObjectMeta {
        name: Some(namespace.clone()),
        ..ObjectMeta::default()
    };
    delete(&namespaces, &own).await.map_err(failed)?;
    wait::until(
        format!("the namespaces of {name} to go"),
        NAMESPACES_GONE,
        || async {
            let left = namespaces.list_metadata(&mirrors).await?.items.len();
            let own = namespaces.get_metadata_opt(&namespace).await?.is_some();
            Ok::<_, kube::Error>(if left == 0 && !own {
                Seen::Ready(())
            } else {
                Seen::not_yet(format!("{left} mirrored ones and its own: {own}"))
            })
        },
    )
    .await?;
    platform.redis.dismiss(name).await.map_err(|source| Error::Redis {
        tenant: name.to_owned(),
        source,
    })
}

async fn delete(namespaces: &Api<Namespace>, namespace: &ObjectMeta) -> Result<(), kube::Error> {
    let name = namespace.name.as_deref().unwrap_or_default();
    match namespaces.delete(name, &DeleteParams::default()).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 => Ok(()),
        Err(error) => Err(error),
    }
}

/// Errors of creating or removing a tenant. Parts of the tenant that exist already stay, and are removed with the
/// cluster.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The tenant's values cannot be used.
    #[error(transparent)]
    Values(#[from] vcluster_values::Error),
    /// The values name kinds that the host does not have, or that cannot be synced on it.
    #[error("make {tenant} with its values: {why}")]
    Kinds {
        /// The name of the tenant.
        tenant: String,
        /// The kinds, the reasons, and what to do.
        why: String,
    },
    /// The host did not report its kinds.
    #[error("ask the host for the kinds of {group} that the values of {tenant} name")]
    Discovery {
        /// The name of the tenant.
        tenant: String,
        /// The API group.
        group: String,
        /// The underlying error.
        source: Box<kube::Error>,
    },
    /// Helm failed.
    #[error("{action} the virtual cluster of {tenant}")]
    Helm {
        /// The action that failed.
        action: &'static str,
        /// The name of the tenant.
        tenant: String,
        /// The error of the command.
        source: command::Error,
    },
    /// The host refused.
    #[error("{action} {tenant} on the host")]
    Host {
        /// The action that failed.
        action: &'static str,
        /// The name of the tenant.
        tenant: String,
        /// The underlying error.
        source: kube::Error,
    },
    /// Redis did not add or remove the user of the tenant.
    #[error("change the user of {tenant} in Redis")]
    Redis {
        /// The name of the tenant.
        tenant: String,
        /// The underlying error.
        source: platform::Error,
    },
    /// The virtual cluster's address is not reachable from here.
    #[error("reach the API server of {tenant}")]
    Reach {
        /// The name of the tenant.
        tenant: String,
        /// The underlying error.
        source: sandbox::Error,
    },
    /// The virtual cluster gave no valid kubeconfig.
    #[error("read the kubeconfig of {tenant}: {why}")]
    Kubeconfig {
        /// The name of the tenant.
        tenant: String,
        /// The reason why it is not valid.
        why: String,
    },
    /// The kubeconfig could not be kept.
    #[error("write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: std::io::Error,
    },
    /// The kubeconfig could not be used.
    #[error(transparent)]
    Client(#[from] substrate::ClientError),
    /// The virtual cluster is not the one that the host's namespaces were created for.
    #[error(
        "continue with {tenant}: its control plane has a new pod, for instance because the environment got another syncer, \
         and its store was lost with the old pod. `harness down` removes the environment, and `harness up` recreates it"
    )]
    Store {
        /// The name of the tenant.
        tenant: String,
        /// The identities that differ.
        source: vcluster_values::identity::Mismatch,
    },
    /// It did not come up in time.
    #[error("bring up {tenant}: {condition}")]
    NotReady {
        /// The name of the tenant.
        tenant: String,
        /// The condition of its control plane.
        condition: String,
        /// The state that did not come.
        source: wait::Error<kube::Error>,
    },
    /// It did not come up, or go, in time.
    #[error(transparent)]
    Waiting(#[from] wait::Error<kube::Error>),
    /// It was cut off.
    #[error("make all tenants")]
    Ended(#[source] tokio::task::JoinError),
}
