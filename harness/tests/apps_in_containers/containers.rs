//! Redis, an app with its sidecar, and asking them.

use std::ops::Deref;
use std::sync::Arc;

use provision::wait::{self, Budget, Seen};
use serde_json::{Value, json};
use testcontainers::bollard::models::ContainerInspectResponse;
use testcontainers::bollard::query_parameters::{TopOptionsBuilder, UploadToContainerOptionsBuilder};
use testcontainers::bollard::{Docker, body_full};
use testcontainers::core::IntoContainerPort;
use testcontainers::runners::AsyncRunner;
use testcontainers::{ContainerAsync, ContainerRequest, GenericImage, ImageExt};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::lab::{LABEL, Lab};

/// Generous: other tests keep the machine busy.
const BUDGET: Budget = Budget::seconds(30);

/// The app's port, as in its manifest.
const APP: u16 = 8080;

const REDIS: u16 = 6379;

/// The time that a container has to stop before it is killed, in seconds; as in Kubernetes.
const GRACE: i32 = 30;

/// A container that is removed with its owner, and whose log is shown if the test fails.
struct Contained {
    name: String,
    container: ContainerAsync<GenericImage>,
}

impl Contained {
    async fn start(request: ContainerRequest<GenericImage>, lab: &Lab, of: &str) -> Self {
        let name = lab.name(of);
        let request = request.with_container_name(&name).with_label(LABEL, &lab.run);
        let container = request.start().await.expect("the daemon starts it");
        Self { name, container }
    }

    async fn log(&self) -> String {
        let (out, errors) = (self.stdout_to_vec().await, self.stderr_to_vec().await);
        [out, errors]
            .into_iter()
            .flatten()
            .map(|said| String::from_utf8_lossy(&said).into_owned())
            .collect()
    }
}

impl Deref for Contained {
    type Target = ContainerAsync<GenericImage>;

    fn deref(&self) -> &Self::Target {
        &self.container
    }
}

#[expect(clippy::print_stderr, reason = "it is shown where the test fails")]
impl Drop for Contained {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = block_in_place(|| Handle::current().block_on(self.log()));
            eprintln!("{}:\n{log}", self.name);
        }
    }
}

fn of(lab: &Lab, short: &str) -> GenericImage {
    let (repository, tag) = lab.image(short);
    GenericImage::new(repository, tag)
}

/// A Redis with a password that persists its data, also when it stops.
pub(crate) struct Redis {
    container: Contained,
}

impl Redis {
    pub(crate) async fn start(lab: &Lab) -> Self {
        let request = of(lab, "redis")
            .with_exposed_port(REDIS.tcp())
            .with_cmd([
                "--requirepass",
                "secret",
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
            ])
            .with_network(&lab.run);
        let redis = Self {
            container: Contained::start(request, lab, "redis").await,
        };
        redis.answers().await;
        redis
    }

    pub(crate) async fn stop(&self) {
        self.container
            .stop_with_timeout(Some(GRACE))
            .await
            .expect("the daemon stops it");
    }

    pub(crate) async fn start_again(&self) {
        self.container.start().await.expect("the daemon starts it");
        self.answers().await;
    }

    async fn answers(&self) {
        // Started again, it is published at another port.
        let address = self.container.address(REDIS).await;
        wait::until("redis", BUDGET, || async {
            let asked = async {
                let client = redis::Client::open(format!("redis://:secret@{address}"))?;
                let mut connection = client.get_multiplexed_async_connection().await?;
                redis::cmd("PING").query_async::<String>(&mut connection).await
            };
            Ok::<_, String>(match asked.await {
                Ok(_) => Seen::Ready(()),
                Err(error) => Seen::not_yet(error.to_string()),
            })
        })
        .await
        .expect("it starts");
    }

    /// Returns its Component.
    fn component(&self) -> String {
        let metadata = [
            ("redisHost", format!("{}:{REDIS}", self.container.name)),
            ("redisPassword", "secret".to_owned()),
        ];
        let metadata = metadata.map(|(name, value)| json!({"name": name, "value": value}));
        // JSON is YAML.
        json!({
            "apiVersion": "dapr.io/v1alpha1",
            "kind": "Component",
            "metadata": {"name": "my-statestore"},
            "spec": {"type": "state.redis", "version": "v1", "metadata": metadata},
        })
        .to_string()
    }
}

impl Contained {
    /// Returns the address at which a port of the container is reached from here.
    async fn address(&self, port: u16) -> String {
        let host = self.get_host().await.expect("the daemon has a host");
        let port = self
            .get_host_port_ipv4(port.tcp())
            .await
            .expect("it is published");
        format!("{host}:{port}")
    }
}

/// One of the two apps, and its sidecar in the same network, as in a pod.
pub(crate) struct App {
    // The sidecar is in the app's network, so it is removed first.
    sidecar: Contained,
    container: Contained,
    address: String,
    docker: Docker,
}

impl App {
    /// Starts one and waits until it is ready.
    pub(crate) async fn start(lab: &Arc<Lab>, name: &str, redis: &Redis) -> Self {
        let app = Self::start_with(lab, name, redis, &[], &[]).await;
        app.becomes(200, None).await;
        app
    }

    /// Starts one with these variables, and its sidecar with those.
    pub(crate) async fn start_with(
        lab: &Lab,
        name: &str,
        redis: &Redis,
        of_app: &[(&str, &str)],
        of_sidecar: &[(&str, &str)],
    ) -> Self {
        let request = of(lab, name)
            .with_exposed_port(APP.tcp())
            .with_network(&lab.run)
            .with_readonly_rootfs(true)
            .with_cap_drop("ALL")
            .with_security_opt("no-new-privileges");
        let request = of_app.iter().fold(request, |request, (name, value)| {
            request.with_env_var(*name, *value)
        });
        let app = Contained::start(request, lab, name).await;

        let request = of(lab, "daprd")
            .with_cmd([
                "--mode",
                "standalone",
                "--app-id",
                "my-example-app",
                "--enable-metrics=false",
                "--resources-path",
                "/components",
            ])
            .with_copy_to("/components/store.yaml", redis.component().into_bytes())
            .with_network(format!("container:{}", app.id()));
        let request = of_sidecar.iter().fold(request, |request, (name, value)| {
            request.with_env_var(*name, *value)
        });
        let sidecar = Contained::start(request, lab, &format!("{name}-daprd")).await;
        Self {
            sidecar,
            address: app.address(APP).await,
            container: app,
            docker: lab.docker.clone(),
        }
    }

    /// Waits until the app reports that it is ready, or that it is not for this reason.
    pub(crate) async fn becomes(&self, status: u16, code: Option<&str>) {
        let what = format!("/readyz to say {status} {}", code.unwrap_or_default());
        wait::until(what, BUDGET, || async {
            Ok::<_, String>(match self.ask("GET", "/readyz").await {
                Ok((seen, body)) if seen == status && body["error"]["code"].as_str() == code => {
                    Seen::Ready(())
                }
                other => Seen::not_yet(format!("{other:?}")),
            })
        })
        .await
        .expect("it comes up");
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path).await.expect("the app answers")
    }

    pub(crate) async fn post(&self, value: &str) -> (u16, Value) {
        let path = format!("/?value={value}");
        self.ask("POST", &path).await.expect("the app answers")
    }

    /// Status and body of an answer; a body that is not JSON is null.
    async fn ask(&self, method: &str, path: &str) -> reqwest::Result<(u16, Value)> {
        let method = method.parse().expect("a method");
        let url = format!("http://{}{path}", self.address);
        let response = reqwest::Client::new().request(method, url).send().await?;
        let status = response.status().as_u16();
        let body = response.bytes().await?;
        Ok((status, serde_json::from_slice(&body).unwrap_or(Value::Null)))
    }

    /// Waits until it takes no more requests.
    pub(crate) async fn is_closed(&self) {
        wait::until("the app to take no more requests", BUDGET, || async {
            Ok::<_, String>(match self.ask("GET", "/healthz").await {
                Ok(answer) => Seen::not_yet(format!("{answer:?}")),
                Err(_) => Seen::Ready(()),
            })
        })
        .await
        .expect("it was told to stop");
    }

    /// Waits for the first line of JSON whose message begins so.
    pub(crate) async fn logs(&self, message: &str) {
        wait::until(format_args!("the log's {message:?}"), BUDGET, || async {
            let log = self.container.log().await;
            let mut lines = log
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let begins = |line: Value| {
                line["message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(message))
            };
            Ok::<_, String>(if lines.any(begins) {
                Seen::Ready(())
            } else {
                Seen::not_yet(log.clone())
            })
        })
        .await
        .expect("it says so");
    }

    pub(crate) async fn pause_sidecar(&self) {
        self.sidecar.pause().await.expect("the daemon pauses it");
    }

    pub(crate) async fn unpause_sidecar(&self) {
        self.sidecar.unpause().await.expect("the daemon lets it go on");
    }

    /// Sends SIGTERM and waits until the app has ended.
    pub(crate) async fn stop(&self) {
        self.container
            .stop_with_timeout(Some(GRACE))
            .await
            .expect("the daemon stops it");
    }

    pub(crate) async fn exit_code(&self) -> Option<i64> {
        self.container.exit_code().await.expect("the daemon knows it")
    }

    pub(crate) async fn inspect(&self) -> ContainerInspectResponse {
        let inspected = self.docker.inspect_container(self.container.id(), None).await;
        inspected.expect("the daemon knows it")
    }

    /// Returns the time when it was started last.
    pub(crate) async fn started_at(&self) -> String {
        let state = self.inspect().await.state.expect("it has a state");
        state.started_at.expect("it was started")
    }

    /// Returns the users that its processes run as.
    pub(crate) async fn user_ids(&self) -> Vec<String> {
        let options = TopOptionsBuilder::new().ps_args("-eo uid,pid").build();
        let top = self
            .docker
            .top_processes(self.container.id(), Some(options))
            .await;
        let processes = top.expect("the daemon lists them").processes;
        processes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|row| row.into_iter().next())
            .collect()
    }

    /// Puts a file into the container's root file system; the daemon's words if it refuses.
    pub(crate) async fn put_file(&self, path: &str, text: &str) -> Result<(), String> {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        let mut archive = tar::Builder::new(Vec::new());
        archive
            .append_data(&mut header, path.trim_start_matches('/'), text.as_bytes())
            .expect("it fits");
        let archive = archive.into_inner().expect("it fits");
        let options = UploadToContainerOptionsBuilder::new().path("/").build();
        let put =
            self.docker
                .upload_to_container(self.container.id(), Some(options), body_full(archive.into()));
        put.await.map_err(|error| error.to_string())
    }
}
