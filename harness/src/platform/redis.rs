//! The one Redis, with a user for each tenant.
//!
//! It has the name of the blog's release. The permissions are an ACL file in the Secret `redis-acl`, so that a
//! restarted Redis knows its users. A running one learns them by a command.

use std::convert::Infallible;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::{Secret, Service};
use kube::Client;
use kube::api::Api;
use minijinja::context;
use provision::images;
use provision::wait::{self, Budget, Seen};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use tokio::sync::Mutex;

use super::{Error, Settings};
use crate::manifests;
use crate::substrate::Cluster;

/// The users and their permissions.
mod acl;

/// Their passwords, and where these are kept.
mod secrets;

pub use acl::line as acl_line;

/// The namespace that it is in.
pub const NAMESPACE: &str = "shared-dapr";

/// The Service.
pub const SERVICE: &str = "redis-master";

/// The Secret of the administrator's password.
pub const SECRET: &str = "redis";

/// The key in it.
pub const PASSWORD_KEY: &str = "redis-password";

/// The Service's port.
pub const PORT: u16 = 6379;

/// Redis's objects: Service, network policy, Deployment.
pub const MANIFEST: &str = include_str!("../../manifests/platform/redis.yaml");

/// The time limit of a connection and of each answer. The client's own half a second is for a server nearby; on kind
/// and existing clusters each byte goes through the API server, which may be busy starting tenants.
const ANSWER: Duration = Duration::from_secs(20);

/// It takes 2 s; the image may still be unpacked, on a machine that builds something.
const ANSWERS: Budget = Budget {
    at_most: Duration::from_mins(2),
    every: Duration::from_millis(100),
};

/// A Redis that answers its administrator.
#[derive(Clone)]
pub struct Redis {
    client: Client,
    server: redis::Client,
    changes: Arc<Mutex<()>>,
}

/// The credentials of a tenant for Redis.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// The user, named as the tenant.
    pub username: String,
    /// Its password.
    pub password: String,
}

impl Redis {
    /// Installs it and returns when it answers with the password.
    pub(super) async fn install(settings: &Settings, cluster: &Cluster) -> Result<Self, Error> {
        manifests::own_namespace(&cluster.client, NAMESPACE, &settings.run)
            .await
            .map_err(|source| Error::Host {
                action: "make",
                object: format!("namespace {NAMESPACE}"),
                source,
            })?;
        let password = secrets::administrator(&cluster.client).await?;
        acl::prepare(&cluster.client, &password).await?;
        manifests::apply(
            &cluster.client,
            NAMESPACE,
            "platform/redis.yaml",
            MANIFEST,
            context! { run => settings.run.as_str(), image => settings.redis_image.as_str(), architecture => images::architecture() },
        )
        .await?;
        let redis = Self::reach(cluster, &password).await?;
        wait::until("Redis to answer", ANSWERS, || async {
            Ok::<_, Infallible>(match redis.ping().await {
                Ok(()) => Seen::Ready(()),
                Err(error) => Seen::not_yet(error.to_string()),
            })
        })
        .await?;
        Ok(redis)
    }

    /// Finds one that was installed before.
    pub async fn attach(cluster: &Cluster) -> Result<Self, Error> {
        let password = secrets::administrator(&cluster.client).await?;
        Self::reach(cluster, &password).await
    }

    async fn reach(cluster: &Cluster, password: &str) -> Result<Self, Error> {
        let address = cluster_ip(&cluster.client, NAMESPACE, SERVICE).await?;
        let reached = cluster
            .reach
            .open(SocketAddr::new(address, PORT))
            .await
            .map_err(|source| Error::Reach {
                what: "Redis".to_owned(),
                source,
            })?;
        let server = redis::Client::open(format!("redis://:{password}@{reached}/")).map_err(|source| {
            Error::Redis {
                action: "open a client",
                source,
            }
        })?;
        Ok(Self {
            client: cluster.client.clone(),
            server,
            changes: Arc::default(),
        })
    }

    /// Connects as the administrator, who sees all tenants' keys.
    pub async fn connect(&self) -> Result<MultiplexedConnection, Error> {
        self.log_in().await.map_err(|source| Error::Redis {
            action: "log in as the administrator",
            source,
        })
    }

    async fn log_in(&self) -> Result<MultiplexedConnection, redis::RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER));
        self.server
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Gives a tenant a user that reaches only keys with the tenant's own prefix, `<tenant>||`.
    ///
    /// The same login comes back when the tenant was admitted before.
    pub async fn admit(&self, tenant: &str) -> Result<Login, Error> {
        let login = secrets::tenant(&self.client, tenant).await?;
        let _one_change_at_a_time = self.changes.lock().await;
        acl::add(&self.client, &login).await?;
        let mut connection = self.connect().await?;
        acl::set_user(&login)
            .exec_async(&mut connection)
            .await
            .map_err(|source| Error::Redis {
                action: "add a tenant's user",
                source,
            })?;
        Ok(login)
    }

    /// Takes a tenant's user away, and the keys that it left.
    pub async fn dismiss(&self, tenant: &str) -> Result<(), Error> {
        let _one_change_at_a_time = self.changes.lock().await;
        let mut connection = self.connect().await?;
        acl::remove(&self.client, tenant).await?;
        secrets::forget(&self.client, tenant).await?;
        let failed = |source| Error::Redis {
            action: "remove a tenant's user and keys",
            source,
        };
        let () = redis::cmd("ACL")
            .arg("DELUSER")
            .arg(tenant)
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        let pattern = format!("{tenant}||*");
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(pattern)
            .query_async(&mut connection)
            .await
            .map_err(failed)?;
        if !keys.is_empty() {
            redis::cmd("DEL")
                .arg(keys)
                .exec_async(&mut connection)
                .await
                .map_err(failed)?;
        }
        Ok(())
    }

    async fn ping(&self) -> Result<(), redis::RedisError> {
        let mut connection = self.log_in().await?;
        redis::cmd("PING").exec_async(&mut connection).await
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Redis").finish_non_exhaustive()
    }
}

/// Shows the user only.
impl fmt::Debug for Login {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Login")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

async fn cluster_ip(client: &Client, namespace: &str, name: &str) -> Result<IpAddr, Error> {
    let services: Api<Service> = Api::namespaced(client.clone(), namespace);
    let object = || format!("service {namespace}/{name}");
    let service = services.get(name).await.map_err(|source| Error::Host {
        action: "read",
        object: object(),
        source,
    })?;
    service
        .spec
        .and_then(|spec| spec.cluster_ip)
        .and_then(|address| address.parse().ok())
        .ok_or_else(|| Error::Incomplete {
            what: "a cluster IP",
            object: object(),
        })
}

fn secrets_api(client: &Client) -> Api<Secret> {
    Api::namespaced(client.clone(), NAMESPACE)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::Deployment;
    use k8s_openapi::api::core::v1::{Container, EmptyDirVolumeSource};
    use k8s_openapi::api::networking::v1::NetworkPolicy;
    use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
    use serde::de::DeserializeOwned;

    use super::*;
    use crate::labels::OF_TENANT;

    fn object<T: DeserializeOwned>(kind: &str) -> T {
        let values = context! { run => "r", image => "redis:7", architecture => "amd64" };
        let objects = manifests::objects("platform/redis.yaml", MANIFEST, values).unwrap();
        let found = objects
            .into_iter()
            .find(|object| object.types.as_ref().is_some_and(|types| types.kind == kind))
            .unwrap();
        serde_json::from_value(serde_json::to_value(found).unwrap()).unwrap()
    }

    fn container() -> (Container, EmptyDirVolumeSource) {
        let deployment: Deployment = object("Deployment");
        let pod = deployment.spec.template.spec.unwrap();
        let data = pod
            .volumes
            .unwrap()
            .into_iter()
            .find_map(|volume| volume.empty_dir);
        let [container]: [_; 1] = pod.containers.try_into().unwrap();
        (container, data.unwrap())
    }

    /// Reads a size as Redis or Kubernetes writes it.
    fn bytes(size: &str) -> u64 {
        let digits = size.find(|letter: char| !letter.is_ascii_digit()).unwrap();
        let unit = match &size[digits..] {
            "mb" | "Mi" => 1024 * 1024,
            "Gi" => 1024 * 1024 * 1024,
            other => panic!("a unit {other:?}"),
        };
        size[..digits].parse::<u64>().unwrap() * unit
    }

    #[test]
    fn redis_refuses_writes_long_before_the_kernel_ends_it() {
        let (container, data) = container();
        let command = container.command.unwrap();
        let value = |flag: &str| {
            let at = command.iter().position(|word| word == flag).unwrap();
            command[at + 1].as_str()
        };
        assert_eq!(value("--maxmemory-policy"), "noeviction");
        let limit = bytes(&container.resources.unwrap().limits.unwrap()["memory"].0);
        assert!(2 * bytes(value("--maxmemory")) < limit);
        assert!(16 * bytes(value("--maxmemory")) < bytes(&data.size_limit.unwrap().0));
        assert_eq!((value("--appendonly"), value("--appendfsync")), ("yes", "always"));
    }

    #[test]
    fn a_redis_that_a_script_holds_is_started_again_within_half_a_minute() {
        // Redis answers `BUSY` after this time (its `busy-reply-threshold`), and the probe fails by that.
        let busy_after = 5;
        let (container, _) = container();
        let alive = container.liveness_probe.unwrap();
        let started = container.startup_probe.unwrap();
        assert_eq!(alive.exec, started.exec);
        let until_ended = alive.period_seconds.unwrap() * alive.failure_threshold.unwrap()
            + busy_after
            + i32::try_from(alive.termination_grace_period_seconds.unwrap()).unwrap();
        assert!(until_ended <= 30, "{until_ended}");
        assert!(alive.timeout_seconds.unwrap() > busy_after);
    }

    #[test]
    fn tenants_and_nobody_else_reach_it_by_network() {
        let policy: NetworkPolicy = object("NetworkPolicy");
        let service: Service = object("Service");
        let deployment: Deployment = object("Deployment");
        assert_eq!(policy.metadata.namespace.as_deref(), Some(NAMESPACE));
        let spec = policy.spec.unwrap();
        let selected = spec.pod_selector.unwrap().match_labels;
        assert_eq!(selected, service.spec.unwrap().selector);
        assert_eq!(selected, deployment.spec.template.metadata.unwrap().labels);
        assert_eq!(spec.policy_types, Some(vec!["Ingress".to_owned()]));
        let [rule]: [_; 1] = spec.ingress.unwrap().try_into().unwrap();
        let [port]: [_; 1] = rule.ports.unwrap().try_into().unwrap();
        assert_eq!(port.port, Some(IntOrString::Int(PORT.into())));
        let [peer]: [_; 1] = rule.from.unwrap().try_into().unwrap();
        let [label]: [_; 1] = peer
            .namespace_selector
            .unwrap()
            .match_expressions
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!(
            (label.key.as_str(), label.operator.as_str()),
            (OF_TENANT, "Exists")
        );
        assert_eq!((peer.pod_selector, peer.ip_block), (None, None));
    }
}
