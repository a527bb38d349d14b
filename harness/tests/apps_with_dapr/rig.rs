//! Starting the programs, and asking them.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::TcpListener;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use provision::binaries::{self, Binaries};
use provision::wait::{self, Budget, Seen};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

/// Generous: other tests keep the machine busy.
pub(crate) const BUDGET: Budget = Budget::seconds(30);

/// Returns the programs, once for all tests: the binaries, and the apps as they go into their images.
async fn programs() -> &'static Binaries {
    static PROGRAMS: OnceCell<Binaries> = OnceCell::const_new();
    let programs = async {
        testkit::binaries(&["daprd", "redis-cli", "redis-server", "write-app", "read-app"])
            .await
            .expect("the programs can be had")
    };
    PROGRAMS.get_or_init(|| programs).await
}

/// The ports for tests. They are below those that Linux gives to processes that ask for any port (32768 and up by
/// default), so that no other connection takes one before its use.
const PORTS: Range<u16> = 20_000..32_000;

/// Returns a free port of the loopback address that no other test is given.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Processes begin at places of their own, for those who run each test in one.
    let first = u16::try_from(std::process::id() % 12 * 1_000).unwrap_or_default();
    let count = PORTS.end - PORTS.start;
    let port = || PORTS.start + (first + NEXT.fetch_add(1, Ordering::Relaxed) % count) % count;
    std::iter::repeat_with(port)
        .take(count.into())
        .find(|&port| TcpListener::bind(("127.0.0.1", port)).is_ok())
        .expect("a loopback port is free")
}

/// A folder for one test, and the programs to run in it.
pub(crate) struct Rig {
    folder: TempDir,
    programs: &'static Binaries,
}

impl Rig {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            folder,
            programs: programs().await,
        }
    }

    pub(crate) async fn redis(&self) -> Redis {
        let mut redis = Redis {
            program: self.program("redis-server"),
            environment: self.redis_environment(),
            folder: self.folder(),
            port: free_port(),
            process: None,
        };
        redis.start().await;
        redis
    }

    pub(crate) async fn sidecar(&self, redis: &Redis) -> Sidecar {
        self.sidecar_with(&redis.component(), &[]).await
    }

    pub(crate) async fn sidecar_with(&self, component: &str, environment: &[(&str, &str)]) -> Sidecar {
        self.sidecar_at(free_port(), component, environment).await
    }

    pub(crate) async fn sidecar_at(
        &self,
        port: u16,
        component: &str,
        environment: &[(&str, &str)],
    ) -> Sidecar {
        self.sidecar_of(port, None, component, environment).await
    }

    /// Starts a sidecar that delivers to its app, if there is one at a port.
    pub(crate) async fn sidecar_of(
        &self,
        port: u16,
        app: Option<u16>,
        component: &str,
        environment: &[(&str, &str)],
    ) -> Sidecar {
        let resources = self.folder.path().join(format!("resources-{port}"));
        fs::create_dir(&resources).expect("the folder is ours");
        fs::write(resources.join("component.yaml"), component).expect("the folder is ours");
        let mut command = Command::new(self.program("daprd"));
        command
            .args([
                "--mode",
                "standalone",
                "--app-id",
                "app",
                "--enable-metrics=false",
                "--resources-path",
            ])
            .arg(&resources)
            .args([
                "--dapr-listen-addresses",
                "127.0.0.1",
                "--dapr-internal-grpc-listen-address",
                "127.0.0.1",
            ])
            .args([
                "--dapr-http-port",
                &port.to_string(),
                "--dapr-grpc-port",
                &free_port().to_string(),
                // Left to itself, it takes one that was free a moment ago.
                "--dapr-internal-grpc-port",
                &free_port().to_string(),
            ])
            .envs(environment.iter().copied());
        if let Some(app) = app {
            command.args(["--app-port", &app.to_string()]);
        }
        let process = Process::start(command, self.folder.path().join(format!("sidecar-{port}.log")));
        let sidecar = Sidecar { port, process };
        wait::until("the sidecar", BUDGET, || async {
            Ok::<_, String>(match ask(port, "GET", "/v1.0/healthz/outbound", None).await {
                Ok((204, _)) => Seen::Ready(()),
                other => Seen::not_yet(format!("{other:?}")),
            })
        })
        .await
        .expect("it starts");
        sidecar
    }

    pub(crate) async fn write_app(&self, sidecar: &Sidecar) -> App {
        self.app("write-app", sidecar.port, &[]).await
    }

    pub(crate) async fn read_app(&self, sidecar: &Sidecar) -> App {
        self.app("read-app", sidecar.port, &[]).await
    }

    pub(crate) async fn app(&self, name: &str, sidecar: u16, environment: &[(&str, &str)]) -> App {
        let mut command = Command::new(self.program(name));
        command
            .env_clear()
            .envs([
                ("LISTEN_ADDRESS", "127.0.0.1"),
                ("PORT", "0"),
                ("RUST_LOG", "service=debug"),
            ])
            .env("DAPR_HTTP_PORT", sidecar.to_string())
            .envs(environment.iter().copied());
        let log = self.folder.path().join(format!("{name}-{}.log", free_port()));
        let process = Process::start(command, log);
        let started = process.logs("listening").await;
        let address = started["address"].as_str().expect("the log says where");
        App {
            port: address
                .rsplit(':')
                .next()
                .and_then(|port| port.parse().ok())
                .expect("a port"),
            process,
        }
    }

    /// Returns the folder, which is removed with the rig.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Returns the environment that Redis's programs need.
    pub(crate) fn redis_environment(&self) -> Vec<(&'static str, OsString)> {
        let debian = self.programs.debian(binaries::DEBIAN);
        debian.expect("redis comes from there").environment()
    }

    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.program(name).expect("it was asked for").to_owned()
    }
}

/// A Redis with a password that persists its data, also when it stops.
pub(crate) struct Redis {
    program: PathBuf,
    environment: Vec<(&'static str, OsString)>,
    folder: PathBuf,
    port: u16,
    process: Option<Process>,
}

impl Redis {
    /// Returns its Component.
    pub(crate) fn component(&self) -> String {
        let metadata = [
            ("redisHost", format!("127.0.0.1:{}", self.port)),
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

    pub(crate) async fn start(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .args([
                "--bind",
                "127.0.0.1",
                "--port",
                &self.port.to_string(),
                "--requirepass",
                "secret",
            ])
            .args([
                "--appendonly",
                "yes",
                "--appendfsync",
                "always",
                "--save",
                "",
                "--dir",
            ])
            .arg(&self.folder);
        self.process = Some(Process::start(command, self.folder.join("redis.log")));
        wait::until("redis", BUDGET, || async {
            Ok::<_, String>(match self.ask::<String>(&["PING"]).await {
                Ok(_) => Seen::Ready(()),
                Err(error) => Seen::not_yet(error.to_string()),
            })
        })
        .await
        .expect("it starts");
    }

    /// Starts it again, a second from now.
    pub(crate) async fn start_after_a_second(&mut self) {
        wait::rest(Duration::from_secs(1)).await;
        self.start().await;
    }

    pub(crate) async fn stop(&mut self) {
        let mut process = self.process.take().expect("it was started");
        process.signal(Signal::TERM);
        process.exit_code().await;
    }

    /// Returns the seconds until `key` expires, if it does.
    pub(crate) async fn seconds_to_live(&self, key: &str) -> Option<u64> {
        let seconds: i64 = self.ask(&["TTL", key]).await.expect("redis answers");
        assert_ne!(seconds, -2, "there is no {key}");
        u64::try_from(seconds).ok()
    }

    async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        let client = redis::Client::open(format!("redis://:secret@127.0.0.1:{}", self.port))?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut connection).await
    }
}

/// A sidecar of an app `app`, on the loopback address.
pub(crate) struct Sidecar {
    pub(crate) port: u16,
    process: Process,
}

impl Sidecar {
    /// Returns the value that is stored at `key`.
    pub(crate) async fn state(&self, key: &str) -> Value {
        let path = format!("/v1.0/state/my-statestore/{key}");
        let (status, body) = ask(self.port, "GET", &path, None)
            .await
            .expect("the sidecar answers");
        assert_eq!(status, 200, "{body}");
        body
    }

    /// Stores `value` at `key` without a condition.
    pub(crate) async fn save(&self, key: &str, value: Value) {
        let body = json!([{"key": key, "value": value}]);
        let answer = ask(self.port, "POST", "/v1.0/state/my-statestore", Some(body)).await;
        assert_eq!(answer.expect("the sidecar answers"), (204, Value::Null));
    }

    pub(crate) fn hang(&self) {
        self.process.signal(Signal::STOP);
    }

    pub(crate) fn go_on(&self) {
        self.process.signal(Signal::CONT);
    }
}

/// One of the two apps.
pub(crate) struct App {
    pub(crate) port: u16,
    process: Process,
}

impl App {
    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        ask(self.port, "GET", path, None).await.expect("the app answers")
    }

    pub(crate) async fn post(&self, value: &str) -> (u16, Value) {
        ask(self.port, "POST", &format!("/?value={value}"), None)
            .await
            .expect("the app answers")
    }

    pub(crate) async fn delete(&self) -> (u16, Value) {
        ask(self.port, "DELETE", "/", None)
            .await
            .expect("the app answers")
    }

    /// Starts a request in the background.
    pub(crate) fn asked(&self, method: &'static str, path: &'static str) -> JoinHandle<(u16, Value)> {
        let port = self.port;
        tokio::spawn(async move { ask(port, method, path, None).await.expect("the app answers") })
    }

    pub(crate) async fn logs(&self, message: &str) {
        self.process.logs(message).await;
    }

    pub(crate) fn terminate(&self) {
        self.process.signal(Signal::TERM);
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        self.process.exit_code().await
    }
}

/// A process that ends with its owner, and whose log is shown if the test fails.
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    pub(crate) fn start(mut command: Command, log: PathBuf) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("the folder is ours");
        let errors = file.try_clone().expect("files may be shared");
        command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .kill_on_drop(true);
        Self {
            child: command.spawn().expect("the program is there"),
            log,
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .expect("it runs");
        kill_process(pid, signal).expect("it is ours");
    }

    pub(crate) async fn exit_code(&mut self) -> Option<i32> {
        let ended = wait::at_most(BUDGET.at_most, self.child.wait())
            .await
            .expect("it ends");
        ended.expect("it is ours").code()
    }

    /// Waits for the first line of JSON whose message begins so.
    async fn logs(&self, message: &str) -> Value {
        wait::until(format_args!("the log's {message:?}"), BUDGET, || async {
            let log = read(&self.log);
            let lines = log
                .lines()
                .filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let begins = |line: &Value| {
                line["message"]
                    .as_str()
                    .is_some_and(|text| text.starts_with(message))
            };
            Ok::<_, String>(
                lines
                    .into_iter()
                    .find(begins)
                    .map_or_else(|| Seen::not_yet(log.clone()), Seen::Ready),
            )
        })
        .await
        .expect("it says so")
    }
}

#[expect(
    clippy::print_stdout,
    reason = "libtest captures it, and shows it where the test fails"
)]
impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}:\n{}", self.log.display(), read(&self.log));
        }
    }
}

fn read(log: &Path) -> String {
    fs::read_to_string(log).unwrap_or_default()
}

/// Status and body of an answer; a body that is not JSON is null.
pub(crate) async fn ask(
    port: u16,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> reqwest::Result<(u16, Value)> {
    let method = method.parse().expect("a method");
    let mut request = reqwest::Client::new().request(method, format!("http://127.0.0.1:{port}{path}"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let response = request.send().await?;
    let status = response.status().as_u16();
    Ok((
        status,
        serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null),
    ))
}
