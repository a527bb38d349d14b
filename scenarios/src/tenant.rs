//! One tenant, or two of them.

use std::fmt;

use anyhow::Context as _;
use harness::labels;
use harness::platform::Login;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use kube::api::{Api, ListParams};
use kube::{Client, ResourceExt as _};
use provision::naming;

use crate::apps::{self, Apps};
use crate::dns::Dns;
use crate::environment::{Environment, Everything};
use crate::eventually::{LATER, SOON, eventually};
use crate::invariants::Invariants;
use crate::namespace_pair::NamespacePair;
use crate::pod::Pod as SeenPod;

/// The namespace that the standard apps are in.
const DEFAULT: &str = "default";

/// A tenant: in its own view a cluster, and in the host's view a few namespaces.
#[derive(Clone)]
pub struct Tenant {
    environment: Environment,
    name: String,
    namespace: String,
    guest: Client,
    login: Option<Login>,
}

/// Two tenants: one that acts, and one that must not notice.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The tenant that owns the objects.
    pub ours: Tenant,
    /// The other tenant.
    pub theirs: Tenant,
}

impl fmt::Debug for Tenant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tenant")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Pair {
    /// Records the state that a scenario must not change, to be compared when it ends.
    pub async fn invariants(&self) -> anyhow::Result<Invariants> {
        Invariants::of_all(vec![self.ours.clone(), self.theirs.clone()]).await
    }

    /// Returns the standard apps of both, for this scenario alone until the returned guards are dropped.
    pub async fn apps(&self) -> anyhow::Result<[Apps; 2]> {
        // Always in the same order, or two scenarios would wait for each other.
        if self.ours.name < self.theirs.name {
            let ours = self.ours.apps().await?;
            Ok([ours, self.theirs.apps().await?])
        } else {
            let theirs = self.theirs.apps().await?;
            Ok([self.ours.apps().await?, theirs])
        }
    }
}

impl Tenant {
    pub(crate) fn new(environment: Environment, name: &str, namespace: &str, guest: Client) -> Self {
        Self {
            environment,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            guest,
            login: None,
        }
    }

    /// Wraps a tenant that a scenario has created. It has no standard apps, from which the login would be read.
    pub(crate) fn made(environment: Environment, tenant: harness::tenants::Tenant) -> Self {
        Self {
            environment,
            name: tenant.name,
            namespace: tenant.namespace,
            guest: tenant.client,
            login: Some(tenant.login),
        }
    }

    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the host namespace of its control plane.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the environment that it is in.
    #[must_use]
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Acts as the tenant's own administrator.
    pub(crate) fn guest_client(&self) -> &Client {
        &self.guest
    }

    /// Acts as the host's administrator.
    pub(crate) fn host_client(&self) -> &Client {
        &self.environment.host().client
    }

    /// Returns the host namespace that mirrors a guest namespace.
    #[must_use]
    pub fn host_namespace(&self, guest: &str) -> String {
        naming::host_namespace(&self.name, &self.namespace, guest)
    }

    /// Returns the namespace of the standard apps, seen from both sides.
    #[must_use]
    pub fn default_space(&self) -> NamespacePair {
        NamespacePair::new(self.clone(), DEFAULT)
    }

    /// Creates a namespace for one scenario alone.
    pub async fn new_space(&self, stem: &str) -> anyhow::Result<NamespacePair> {
        let space = NamespacePair::new(self.clone(), &self.environment.names.unique(stem));
        space.make().await?;
        Ok(space)
    }

    /// Creates a namespace, without waiting for its mirror on the host.
    pub async fn begun_space(&self, stem: &str) -> anyhow::Result<NamespacePair> {
        let space = NamespacePair::new(self.clone(), &self.environment.names.unique(stem));
        space.begin().await?;
        Ok(space)
    }

    /// Returns the standard write and read app, for this scenario alone until the returned guard is dropped.
    pub async fn apps(&self) -> anyhow::Result<Apps> {
        let alone = self
            .environment
            .alone_with(&format!("apps-of-{}", self.name))
            .await?;
        let write = apps::WriteApp::find(&self.default_space(), "write-app").await?;
        let read = apps::ReadApp::find(&self.default_space(), "read-app").await?;
        Ok(Apps {
            write,
            read,
            _alone: alone,
        })
    }

    /// Returns its user of Redis.
    pub async fn login(&self) -> anyhow::Result<Login> {
        if let Some(login) = &self.login {
            return Ok(login.clone());
        }
        let secrets: Api<Secret> = Api::namespaced(self.guest.clone(), DEFAULT);
        let password = secrets
            .get("redis")
            .await?
            .data
            .unwrap_or_default()
            .remove("redis-password");
        let password = password.context("the tenant has no password of Redis")?;
        Ok(Login {
            username: self.name.clone(),
            password: String::from_utf8(password.0)?,
        })
    }

    /// Returns its DNS server, as soon as it answers. The node may route to the pod a moment after the pod is ready.
    pub async fn dns(&self) -> anyhow::Result<Dns> {
        let services: Api<Service> = Api::namespaced(self.guest.clone(), "kube-system");
        let service = services.get("kube-dns").await?;
        let address = service
            .spec
            .and_then(|spec| spec.cluster_ip)
            .context("kube-dns has no address")?;
        let dns = Dns::at(&self.environment.host().reach, address.parse()?).await?;
        eventually(format!("the DNS of {} to answer", self.name), SOON, || async {
            dns.ask("kubernetes.default.svc.cluster.local")
                .await
                .map(|_| Ok(()))
        })
        .await?;
        Ok(dns)
    }

    /// Returns the names of all namespaces that the tenant sees.
    pub async fn namespaces(&self) -> anyhow::Result<Vec<String>> {
        let namespaces: Api<Namespace> = Api::all(self.guest.clone());
        let list = namespaces.list_metadata(&ListParams::default()).await?;
        Ok(list.iter().map(kube::ResourceExt::name_any).collect())
    }

    /// Returns the host namespaces whose labels name this tenant.
    pub async fn host_namespaces(&self) -> anyhow::Result<Vec<String>> {
        let namespaces: Api<Namespace> = Api::all(self.host_client().clone());
        let labels = format!(
            "{}={},{}={}",
            labels::OF_TENANT,
            self.name,
            labels::OF_NAMESPACE,
            self.namespace
        );
        let list = namespaces
            .list_metadata(&ListParams::default().labels(&labels))
            .await?;
        Ok(list.iter().map(kube::ResourceExt::name_any).collect())
    }

    /// Returns the pod of its control plane, on the host.
    pub async fn control_plane(&self) -> anyhow::Result<SeenPod> {
        let pods: Api<Pod> = Api::namespaced(self.host_client().clone(), &self.namespace);
        let found = pods.list(&ListParams::default()).await?;
        let pods: Vec<_> = found.iter().map(SeenPod::from).collect();
        pods.into_iter()
            .find(|pod| pod.containers.iter().any(|container| container == "syncer"))
            .with_context(|| format!("no pod in {} has a container called syncer", self.namespace))
    }

    /// Returns the address of that pod.
    pub async fn control_plane_address(&self) -> anyhow::Result<String> {
        let pods: Api<Pod> = Api::namespaced(self.host_client().clone(), &self.namespace);
        let pod = pods.get(&self.control_plane().await?.name).await?;
        let address = pod.status.and_then(|status| status.pod_ip);
        address.context("the control plane has no address")
    }

    /// Waits until containers of its control plane were restarted, and run.
    pub async fn was_restarted(&self, before: &SeenPod, containers: &[&str]) -> anyhow::Result<()> {
        eventually(
            format!("the control plane of {} to be started again", self.name),
            LATER,
            || async {
                let now = self.control_plane().await?;
                let left: Vec<_> = containers
                    .iter()
                    .filter(|&&container| {
                        now.restarts.get(container) <= before.restarts.get(container)
                            || !now.ready_containers.iter().any(|ready| ready == container)
                    })
                    .collect();
                Ok(if left.is_empty() {
                    Ok(())
                } else {
                    Err(format!("{left:?} did not come back yet"))
                })
            },
        )
        .await
    }

    /// Waits until its API server answers, and its syncer syncs a new Component to the host.
    pub async fn works_again(&self) -> anyhow::Result<()> {
        let space = eventually(format!("{} to make a namespace", self.name), LATER, || async {
            Ok(Ok(self.new_space("works-again").await?))
        })
        .await?;
        let sign = crate::Component::redis("sign-of-life");
        space.guest().apply(&sign).await?;
        space.host().has(&sign).await?;
        space.remove().await
    }

    /// Returns a name for one object in this tenant alone, unique to the run.
    #[must_use]
    pub fn unique(&self, stem: &str) -> String {
        self.environment.names.unique(&format!("{}-{stem}", self.name))
    }

    /// Returns the names of all objects that the tenant's administrator can list.
    pub async fn everything(&self) -> anyhow::Result<Everything> {
        Everything::listed_by(&self.guest).await
    }

    /// Returns the names of the pods in this tenant's host namespaces.
    pub async fn host_pod_names(&self) -> anyhow::Result<Vec<String>> {
        let mut names = Vec::new();
        for namespace in self.host_namespaces().await? {
            let pods: Api<Pod> = Api::namespaced(self.host_client().clone(), &namespace);
            names.extend(
                pods.list_metadata(&ListParams::default())
                    .await?
                    .iter()
                    .map(kube::ResourceExt::name_any),
            );
        }
        Ok(names)
    }

    /// Records the state that a scenario must not change, to be compared when it ends.
    pub async fn invariants(&self) -> anyhow::Result<Invariants> {
        Invariants::of(self).await
    }

    /// Returns the name of one of the tenant's own keys in Redis, `<tenant>||<key>`.
    #[must_use]
    pub fn key(&self, key: &str) -> String {
        format!("{}||{key}", self.name)
    }

    /// Returns the administrator's password of Redis, which the blog gives to every tenant.
    pub async fn shared_password(&self) -> anyhow::Result<String> {
        let secrets: Api<Secret> =
            Api::namespaced(self.host_client().clone(), harness::platform::redis::NAMESPACE);
        let secret = secrets.get(harness::platform::redis::SECRET).await?;
        let password = secret
            .data
            .unwrap_or_default()
            .remove(harness::platform::redis::PASSWORD_KEY);
        Ok(String::from_utf8(
            password.context("the Secret of Redis has no password")?.0,
        )?)
    }

    /// Waits until a host namespace exists and belongs to this tenant.
    pub(crate) async fn mirrors(&self, guest: &str) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.host_client().clone());
        let name = self.host_namespace(guest);
        eventually(
            format!("the host to have {name} for {guest} of {}", self.name),
            SOON,
            || async {
                let Some(found) = namespaces.get_metadata_opt(&name).await? else {
                    return Ok(Err("no such namespace".to_owned()));
                };
                let owner = found.labels().get(labels::OF_TENANT);
                Ok(if owner == Some(&self.name) {
                    Ok(())
                } else {
                    Err(format!("it is labelled {owner:?}"))
                })
            },
        )
        .await
    }
}
