//! A user of a Redis: of the shared one, or of one that a tenant runs for itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use harness::manifests;
use harness::platform::redis::{NAMESPACE, PASSWORD_KEY, PORT, SERVICE};
use harness::tenants::OWN_REDIS;
use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, RedisError, RedisResult, Value};
use tokio::task::JoinHandle;

use crate::eventually::{LATER, SOON, becomes, eventually};
use crate::namespace_pair::NamespacePair;
use crate::tenant::Tenant;

/// The name of a tenant's own Redis: of its Deployment, its Service and the Secret with its password.
pub const OWN: &str = "own-redis";

/// The time limit of an answer: as long as a script runs that the kubelet ends.
const ANSWER: Duration = Duration::from_mins(2);

/// A Redis that is up answers within this.
const AT_ONCE: Duration = Duration::from_secs(2);

/// The sizes of the values that fill a Redis: the large ones first. Redis disconnects a client that sends much more at once.
const SIZES: [usize; 4] = [2 << 20, 64 << 10, 1 << 10, 1];

/// A number of values that is more than Redis can hold: of the largest, 128 MB; of each other size, the room that the
/// larger size leaves.
const MANY: u32 = 20_000;

/// A script that writes and does not end.
const ENDLESS: &str = "redis.call('hset', KEYS[1], 'written', '1') while true do end";

/// A user of a Redis.
#[derive(Clone, Debug)]
pub struct RedisUser {
    server: redis::Client,
}

impl RedisUser {
    /// Returns a tenant's user of the shared Redis.
    pub async fn of_tenant(tenant: &Tenant) -> anyhow::Result<Self> {
        let login = tenant.login().await?;
        let address = tenant.environment().address_of(SERVICE, NAMESPACE).await?;
        Self::at(tenant, address.into(), &login.username, &login.password).await
    }

    /// Deploys a Redis in a tenant's namespace, waits until it is ready, and returns its one user. The Secret with its
    /// password is there before.
    pub async fn of_own(space: &NamespacePair) -> anyhow::Result<Self> {
        let (client, namespace) = (space.guest().client(), space.guest().namespace());
        let environment = space.tenant().environment();
        let published = provision::pins::pins().image("redis", environment.kubernetes());
        let manifest = OWN_REDIS.replace(&published, &environment.image("redis"));
        manifests::apply_as_is(client, namespace, "tenants/redis.yaml", &manifest, namespace).await?;
        space.guest().shows_ready(OWN, true).await?;

        let secrets: Api<Secret> = Api::namespaced(client.clone(), namespace);
        let password = secrets
            .get(OWN)
            .await?
            .data
            .unwrap_or_default()
            .remove(PASSWORD_KEY);
        let password = String::from_utf8(password.context("the Secret has no password")?.0)?;
        let address = eventually(format!("the address of {OWN}"), SOON, || async {
            let address = space.guest().address_of(OWN).await?;
            Ok(address.parse::<IpAddr>().map_err(|_| address))
        })
        .await?;
        Self::at(space.tenant(), address, "", &password).await
    }

    async fn at(tenant: &Tenant, address: IpAddr, user: &str, password: &str) -> anyhow::Result<Self> {
        let reach = &tenant.environment().host().reach;
        let reached = reach.open(SocketAddr::new(address, PORT)).await?;
        Ok(Self {
            server: redis::Client::open(format!("redis://{user}:{password}@{reached}/"))?,
        })
    }

    /// Sends a command and returns the answer.
    pub async fn ask(&self, command: &Cmd) -> RedisResult<Value> {
        self.ask_within(ANSWER, command).await
    }

    async fn ask_within(&self, limit: Duration, command: &Cmd) -> RedisResult<Value> {
        command.query_async(&mut self.log_in(limit).await?).await
    }

    async fn log_in(&self, limit: Duration) -> RedisResult<MultiplexedConnection> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(limit))
            .set_response_timeout(Some(limit));
        self.server
            .get_multiplexed_async_connection_with_config(&config)
            .await
    }

    /// Connects, as soon as the node routes new connections to Redis. After a restart of its container, kube-proxy
    /// removes the pod and adds it again up to two seconds later. An existing connection stays.
    pub async fn connect(&self) -> anyhow::Result<MultiplexedConnection> {
        eventually("a connection to Redis", SOON, || async {
            Ok(Ok(self.log_in(ANSWER).await?))
        })
        .await
    }

    /// Starts a script that writes to a key and does not end. Returns when Redis answers no client. The handle
    /// returns the answer to the script.
    pub async fn hold_up(&self, key: &str) -> anyhow::Result<JoinHandle<RedisResult<Value>>> {
        let user = self.clone();
        let mut script = redis::cmd("EVAL");
        script.arg(ENDLESS).arg(1).arg(key);
        let held_up = tokio::spawn(async move { user.ask(&script).await });
        becomes("Redis to answer nobody", SOON, false, || self.is_answered()).await?;
        Ok(held_up)
    }

    /// Waits until Redis answers again.
    pub async fn is_answered_again(&self) -> anyhow::Result<()> {
        becomes("Redis to answer again", LATER, true, || self.is_answered()).await
    }

    async fn is_answered(&self) -> anyhow::Result<bool> {
        Ok(self.ask_within(AT_ONCE, &redis::cmd("PING")).await.is_ok())
    }
}

/// Writes to a hash until Redis has no room for the smallest value, and returns how it refuses that. Redis stays full while the
/// connection is kept: a closed one leaves some room.
pub async fn fill(connection: &mut MultiplexedConnection, key: &str) -> anyhow::Result<RedisError> {
    let mut field = 0;
    let mut refusal = None;
    for size in SIZES {
        let value = "x".repeat(size);
        loop {
            anyhow::ensure!(field < MANY, "Redis has taken {MANY} values");
            field += 1;
            let mut write = redis::cmd("HSET");
            write.arg(key).arg(field).arg(&value);
            if let Err(error) = write.exec_async(connection).await {
                refusal = Some(error);
                break;
            }
        }
    }
    refusal.context("nothing was written")
}
