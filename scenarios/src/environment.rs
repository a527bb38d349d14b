//! The environment that a scenario runs against.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::Context as _;
use harness::environment::{Attached, AttachedTenant};
use harness::platform::{self, Redis, dapr};
use harness::substrate::{self, Cluster};
use harness::tenants;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Pod, Service};
use kube::Client;
use kube::api::{Api, DynamicObject, ListParams};
use provision::pins::Kubernetes;
use provision::pins::pins;
use serde::Deserialize;

use crate::names::Names;
use crate::pod::Pod as SeenPod;
use crate::state::State;
use crate::tenant::{Pair, Tenant};

/// The variable with which the harness names the environment's file.
const VARIABLE: &str = "HARNESS_ENVIRONMENT";

/// The variable with the tenant, for a scenario that runs in each of them.
const TENANT: &str = "HARNESS_TENANT";

/// The variable with the other tenant, for a scenario that runs in two.
const OTHER_TENANT: &str = "HARNESS_OTHER_TENANT";

/// The variable with the seed of unique names. Without it, the environment's own seed is used.
const SEED: &str = "HARNESS_SEED";

/// A running environment.
#[derive(Clone, Debug)]
pub struct Environment {
    attached: Attached,
    file: PathBuf,
    host: Cluster,
    /// The names of this run.
    pub names: Names,
}

impl Environment {
    /// Attaches to the environment that the harness, or the user who runs the tests, names.
    pub async fn attach() -> anyhow::Result<Self> {
        let file = PathBuf::from(variable(VARIABLE).with_context(|| {
            format!(
                "{VARIABLE} names no environment: `cargo harness up` brings one up, and `cargo harness test` runs \
                 these scenarios against it"
            )
        })?);
        let attached = Attached::read(&file)?;
        let seed = variable(SEED).map_or(Ok(attached.seed), |seed| seed.parse())?;
        let host = attached.cluster().await?;
        Ok(Self {
            attached,
            file,
            host,
            names: Names::from_seed(seed),
        })
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.attached.name
    }

    /// Returns the host cluster.
    #[must_use]
    pub fn host(&self) -> &Cluster {
        &self.host
    }

    /// Returns the name by which pods get an image of `pins.toml`.
    #[must_use]
    pub fn image(&self, short: &str) -> String {
        self.host.image(&pins().image(short, self.attached.kubernetes))
    }

    /// Returns every tenant, in order.
    pub async fn tenants(&self) -> anyhow::Result<Vec<Tenant>> {
        let mut tenants = Vec::new();
        for tenant in &self.attached.tenants {
            tenants.push(self.attach_tenant(tenant).await?);
        }
        Ok(tenants)
    }

    /// Returns the tenant that this scenario is to run in: the first, unless the variable names another.
    pub async fn tenant(&self) -> anyhow::Result<Tenant> {
        self.attach_tenant(self.chosen(TENANT, 0)?).await
    }

    /// Returns the two tenants that this scenario is to run in: the first two, unless the variables name others.
    pub async fn pair(&self) -> anyhow::Result<Pair> {
        let ours = self.chosen(TENANT, 0)?;
        let theirs = self.chosen(OTHER_TENANT, 1)?;
        anyhow::ensure!(
            ours.name != theirs.name,
            "two tenants are needed, and both are {}",
            ours.name
        );
        Ok(Pair {
            ours: self.attach_tenant(ours).await?,
            theirs: self.attach_tenant(theirs).await?,
        })
    }

    /// Returns the names of all objects that the host's administrator can list.
    pub async fn everything(&self) -> anyhow::Result<Everything> {
        Everything::listed_by(&self.host.client).await
    }

    /// Returns the host namespaces that have a Deployment of this name.
    pub async fn namespaces_with_deployment(&self, name: &str) -> anyhow::Result<Vec<String>> {
        let deployments: Api<Deployment> = Api::all(self.host.client.clone());
        let named = ListParams::default().fields(&format!("metadata.name={name}"));
        let list = deployments.list_metadata(&named).await?;
        Ok(list.iter().filter_map(kube::ResourceExt::namespace).collect())
    }

    /// Returns the address that a Service has on the host.
    pub async fn address_of(&self, service: &str, namespace: &str) -> anyhow::Result<Ipv4Addr> {
        let services: Api<Service> = Api::namespaced(self.host.client.clone(), namespace);
        let address = services.get(service).await?.spec.and_then(|spec| spec.cluster_ip);
        Ok(address
            .with_context(|| format!("{namespace}/{service} has no address"))?
            .parse()?)
    }

    /// Returns the Kubernetes that the host and the tenants run.
    #[must_use]
    pub const fn kubernetes(&self) -> Kubernetes {
        self.attached.kubernetes
    }

    /// Returns the pod of the Redis that all tenants share.
    pub async fn redis_pod(&self) -> anyhow::Result<SeenPod> {
        let pods: Api<Pod> = Api::namespaced(self.host.client.clone(), platform::redis::NAMESPACE);
        let of_redis = ListParams::default().labels("app.kubernetes.io/name=redis");
        let found = pods.list(&of_redis).await?;
        let [pod] = found.items.as_slice() else {
            anyhow::bail!("Redis has {} pods, not one", found.items.len());
        };
        Ok(pod.into())
    }

    /// Returns the data in Redis, as its administrator sees it.
    pub async fn state(&self) -> anyhow::Result<State> {
        Ok(State::new(Redis::attach(&self.host).await?))
    }

    /// Creates one more tenant, whose values differ from the blog's. The scenario has to remove it at its end.
    pub async fn make_tenant(&self, stem: &str, values: String) -> anyhow::Result<Tenant> {
        self.make(self.names.unique(stem), values).await
    }

    async fn make(&self, name: String, values: String) -> anyhow::Result<Tenant> {
        let wanted = tenants::Wanted { name, values };
        let platform = platform::attach(&self.host).await?;
        let made = tenants::create_one(&self.attached.tenant_settings, &wanted, &platform).await?;
        Ok(Tenant::made(self.clone(), made))
    }

    /// Uninstalls a tenant's Helm release, and removes nothing else.
    pub async fn uninstall(&self, tenant: &Tenant) -> anyhow::Result<()> {
        let helm = &self.attached.tenant_settings.helm;
        Ok(helm.uninstall(tenant.name(), tenant.namespace()).await?)
    }

    /// Recreates a tenant whose release was removed, under the same name and with the same values.
    pub async fn make_again(&self, tenant: &Tenant, values: String) -> anyhow::Result<Tenant> {
        self.make(tenant.name().to_owned(), values).await
    }

    /// Removes a tenant that [`Environment::make_tenant`] created.
    pub async fn remove_tenant(&self, tenant: Tenant) -> anyhow::Result<()> {
        let platform = platform::attach(&self.host).await?;
        Ok(tenants::remove(&self.attached.tenant_settings, tenant.name(), &platform).await?)
    }

    /// Waits until no other scenario uses the resource `name`, and keeps it until the returned guard is dropped.
    ///
    /// Scenarios run as processes side by side, so this is a lock on a file beside the environment's.
    pub async fn alone_with(&self, name: &str) -> anyhow::Result<Alone> {
        let path = self.file.with_file_name(format!("{name}.lock"));
        let file = File::create(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let file = tokio::task::spawn_blocking(move || file.lock().map(|()| file)).await??;
        Ok(Alone { _file: file })
    }

    fn chosen(&self, variable_name: &str, position: usize) -> anyhow::Result<&AttachedTenant> {
        let tenants = &self.attached.tenants;
        let Some(name) = variable(variable_name) else {
            let count = tenants.len();
            return tenants
                .get(position)
                .with_context(|| format!("{} tenants are needed, and there are {count}", position + 1));
        };
        tenants
            .iter()
            .find(|tenant| tenant.name == name)
            .with_context(|| format!("{variable_name} is {name:?}, which is no tenant of this environment"))
    }

    async fn attach_tenant(&self, tenant: &AttachedTenant) -> anyhow::Result<Tenant> {
        let guest = substrate::client(&tenant.kubeconfig).await?;
        Ok(Tenant::new(self.clone(), &tenant.name, &tenant.namespace, guest))
    }
}

/// The names of all Components, namespaces and pods that a user can list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Everything {
    /// Components, of all namespaces.
    pub components: Vec<String>,
    /// Namespaces.
    pub namespaces: Vec<String>,
    /// Pods, of all namespaces.
    pub pods: Vec<String>,
}

impl Everything {
    pub(crate) async fn listed_by(client: &Client) -> anyhow::Result<Self> {
        let components: Api<DynamicObject> = Api::all_with(client.clone(), &dapr::components());
        Ok(Self {
            components: names_of(components).await?,
            namespaces: names_of(Api::<Namespace>::all(client.clone())).await?,
            pods: names_of(Api::<Pod>::all(client.clone())).await?,
        })
    }
}

async fn names_of<K>(api: Api<K>) -> anyhow::Result<Vec<String>>
where
    K: Clone + std::fmt::Debug + for<'a> Deserialize<'a>,
{
    let list = api.list_metadata(&ListParams::default()).await?;
    Ok(list
        .items
        .into_iter()
        .filter_map(|object| object.metadata.name)
        .collect())
}

/// Exclusive use of a resource by one scenario, until this is dropped.
#[derive(Debug)]
#[must_use = "dropped, it is shared again"]
pub struct Alone {
    _file: File,
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test binary has no command line of its own to take settings by"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
