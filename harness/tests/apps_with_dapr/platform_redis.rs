//! Redis as the platform runs it: with the command line of its manifest, and the users of two tenants.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use harness::platform::{Login, redis as platform};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Container;
use kube::api::DynamicObject;
use provision::wait::{self, Seen};
use redis::AsyncConnectionConfig;
use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use tokio::process::Command;

use crate::rig::{BUDGET, Process, Rig, free_port};

/// The administrator's password.
const PASSWORD: &str = "of-the-administrator";

/// A Redis of the platform's, on the loopback address. Its state is in the rig's folder.
pub(crate) struct PlatformRedis<'a> {
    rig: &'a Rig,
    pub(crate) port: u16,
    container: Container,
    process: Process,
}

/// Returns the login of a tenant.
pub(crate) fn login(tenant: &str) -> Login {
    Login {
        username: tenant.to_owned(),
        password: format!("of-{tenant}"),
    }
}

impl<'a> PlatformRedis<'a> {
    pub(crate) async fn start(rig: &'a Rig) -> Self {
        let users = [
            format!("user default on >{PASSWORD} ~* &* +@all"),
            platform::acl_line(&login("tenant-1")),
            platform::acl_line(&login("tenant-2")),
        ];
        fs::write(users_in(rig), users.join("\n") + "\n").expect("the folder is ours");
        let port = free_port();
        let container = container();
        let process = process(rig, &container, port);
        let redis = Self {
            rig,
            port,
            container,
            process,
        };
        redis.answers().await;
        redis
    }

    /// Ends the process at once, as the kernel and the kubelet do.
    pub(crate) async fn kill(&mut self) {
        self.process.signal(Signal::KILL);
        self.process.exit_code().await;
    }

    pub(crate) fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    /// Starts it again, as the kubelet does: with the same state.
    pub(crate) async fn start_again(&mut self) {
        self.process = process(self.rig, &self.container, self.port);
        self.answers().await;
    }

    async fn answers(&self) {
        wait::until("redis", BUDGET, || async {
            Ok::<_, String>(if self.is_alive().await {
                Seen::Ready(())
            } else {
                Seen::not_yet("its probe fails")
            })
        })
        .await
        .expect("it starts");
    }

    /// Runs the liveness probe's command. Returns true if it succeeds within the probe's timeout.
    pub(crate) async fn is_alive(&self) -> bool {
        let probe = self.container.liveness_probe.as_ref().expect("it has a probe");
        let words = probe.exec.as_ref().and_then(|exec| exec.command.as_ref());
        let words = words.expect("it is a command");
        assert_eq!(words[0], "redis-cli");
        let mut command = Command::new(self.rig.program("redis-cli"));
        command
            .envs(self.rig.redis_environment())
            .env("REDISCLI_AUTH", PASSWORD)
            .args(["-p", &self.port.to_string()])
            .args(&words[1..])
            .kill_on_drop(true);
        let seconds = probe.timeout_seconds.expect("it has a timeout");
        let timeout = Duration::from_secs(seconds.try_into().expect("it is positive"));
        match wait::at_most(timeout, command.output()).await {
            Some(output) => output.expect("the program is there").status.success(),
            None => false,
        }
    }

    pub(crate) async fn administrator(&self) -> Connection {
        self.connect(&format!(":{PASSWORD}")).await
    }

    pub(crate) async fn tenant(&self, tenant: &str) -> Connection {
        let login = login(tenant);
        self.connect(&format!("{}:{}", login.username, login.password))
            .await
    }

    async fn connect(&self, who: &str) -> Connection {
        let server =
            redis::Client::open(format!("redis://{who}@127.0.0.1:{}", self.port)).expect("an address");
        // The client's own half a second is too short for a disk that others use as well.
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(BUDGET.at_most));
        let connection = server.get_multiplexed_async_connection_with_config(&config).await;
        Connection(connection.expect("redis lets the user in"))
    }
}

/// A user's connection.
#[derive(Clone)]
pub(crate) struct Connection(MultiplexedConnection);

impl Connection {
    /// Sends a command and returns the answer.
    pub(crate) async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut self.0.clone()).await
    }

    /// Returns the commands that were run since the last `CONFIG RESETSTAT`, those of scripts as well.
    pub(crate) async fn commands_used(&self) -> BTreeSet<String> {
        let statistics: String = self.ask(&["INFO", "commandstats"]).await.expect("redis answers");
        // cmdstat_xgroup|create:calls=1,usec=…
        let used = statistics.lines().filter_map(|line| {
            let (name, numbers) = line.strip_prefix("cmdstat_")?.split_once(':')?;
            (!numbers.starts_with("calls=0,")).then(|| name.to_owned())
        });
        used.collect()
    }
}

/// Returns the one container of the manifest's Deployment.
fn container() -> Container {
    let objects: Vec<DynamicObject> =
        serde_saphyr::from_multiple(platform::MANIFEST).expect("the manifest is YAML");
    let deployment = objects
        .into_iter()
        .find(|object| {
            object
                .types
                .as_ref()
                .is_some_and(|types| types.kind == "Deployment")
        })
        .expect("it has a Deployment");
    let deployment: Deployment = deployment.try_parse().expect("it is one");
    let pod = deployment.spec.template.spec;
    pod.and_then(|pod| pod.containers.into_iter().next())
        .expect("it has a container")
}

/// Starts the container's command, with the folders of the rig for those of the container.
fn process(rig: &Rig, container: &Container, port: u16) -> Process {
    let folder = rig.folder();
    let words = container.command.as_ref().expect("it has a command");
    assert_eq!(words[0], "redis-server");
    let here = |word: &String| match word.as_str() {
        "/acl/users.acl" => users_in(rig),
        "/data" => folder.clone(),
        other => other.into(),
    };
    let mut command = Command::new(rig.program("redis-server"));
    command
        .envs(rig.redis_environment())
        .args(words[1..].iter().map(here))
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()]);
    Process::start(command, folder.join("platform-redis.log"))
}

fn users_in(rig: &Rig) -> PathBuf {
    rig.folder().join("users.acl")
}
