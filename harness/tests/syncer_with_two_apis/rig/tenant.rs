//! A tenant: its guest and its syncer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use harness::helm::{Chart, Release};
use harness::tenants::{BLOG_VALUES, naming};
use harness::wait::{self, Seen};
use k8s_openapi::ByteString;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::control_plane::ControlPlane;
use super::process::{Process, tail};
use super::{Host, STARTED, Side, Space, background, unique};

/// A virtual cluster without a pod around it.
pub(crate) struct Tenant {
    name: String,
    namespace: String,
    folder: PathBuf,
    host: Arc<Host>,
    guest: ControlPlane,
    syncer: Option<Syncer>,
    starts: u32,
}

/// The syncer while it runs.
struct Syncer {
    process: Process,
    address: String,
}

impl Tenant {
    /// The one that tests share which do nothing to the syncer itself.
    pub(crate) async fn shared() -> Arc<Self> {
        static TENANT: OnceCell<Arc<Tenant>> = OnceCell::const_new();
        // The background thread makes both, and must not wait for itself.
        Host::shared().await;
        background::shared(&TENANT, || async { Arc::new(Self::new("shared").await) }).await
    }

    /// The one that those tests share that need all kinds which have a switch.
    pub(crate) async fn of_all_kinds() -> Arc<Self> {
        static TENANT: OnceCell<Arc<Tenant>> = OnceCell::const_new();
        let on = [
            "ingresses.enabled",
            "networkpolicies.enabled",
            "poddisruptionbudgets.enabled",
            "hoststorageclasses.enabled",
            "ingressclasses.enabled",
            "nodes.enabled",
        ];
        let mut set = on.map(|switch| format!("sync.{switch}=true")).to_vec();
        set.push("sync.nodes.nodeSelector=tier=gold".to_owned());
        Host::shared().await;
        background::shared(&TENANT, || async move {
            let name = unique("all-kinds");
            Arc::new(Self::with(&name, &format!("vcluster-{name}"), &set).await)
        })
        .await
    }

    /// One for a test of its own.
    pub(crate) async fn new(stem: &str) -> Self {
        let name = unique(stem);
        let namespace = format!("vcluster-{name}");
        Self::named(&name, &namespace).await
    }

    /// One of this name, whose control plane is in this host namespace. Its syncer is ready.
    pub(crate) async fn named(name: &str, namespace: &str) -> Self {
        Self::with(name, namespace, &[]).await
    }

    /// The same, with values on top of the blog's.
    async fn with(name: &str, namespace: &str, set: &[String]) -> Self {
        let host = Host::shared().await;
        let folder = background::folder().join(format!("{namespace}-{name}"));
        fs::create_dir(&folder).expect("the folder is ours");
        let release = Release {
            name,
            namespace,
            chart: &Chart::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/../syncer/chart").into()),
            values: BLOG_VALUES,
            set,
        };
        host.helm().install(release).await.expect("the chart installs");
        let admin = host.admin().await.within(namespace);
        write_values(&admin, name, &folder).await;
        write_host_kubeconfig(&host, &admin, name, &folder).await;

        let arguments = [&["init".to_owned()], &common(name, namespace)[..]].concat();
        run(host.syncer(), &arguments, &folder).await;
        let guest = ControlPlane::start(
            host.programs(),
            host.etcd(),
            &format!("/{namespace}/{name}"),
            &folder,
        )
        .await;
        let mut tenant = Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            folder,
            host,
            guest,
            syncer: None,
            starts: 0,
        };
        tenant.start().await;
        tenant
    }

    /// The tenant's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The host namespace of its control plane.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The host namespace of one of its own, by vcluster's rule.
    pub(crate) fn host_namespace(&self, guest: &str) -> String {
        naming::host_namespace(&self.name, &self.namespace, guest)
    }

    /// The guest's administrator, asking for what is in no namespace.
    pub(crate) async fn guest(&self) -> Side {
        Side::connect(&self.guest.admin()).await
    }

    /// The host's administrator, asking for what is in no namespace.
    pub(crate) async fn host(&self) -> Side {
        self.host.admin().await
    }

    /// The syncer's own account on the host, asking for what is in no namespace.
    pub(crate) async fn account(&self) -> Side {
        Side::connect(&self.folder.join("host.kubeconfig")).await
    }

    /// The syncer's own account in the guest, asking for what is in no namespace.
    pub(super) async fn guest_account(&self) -> Side {
        Side::connect(&self.folder.join("syncer.kubeconfig")).await
    }

    /// A namespace that the guest has, once its twin is there.
    pub(crate) async fn space(&self, namespace: &str) -> Space {
        Space::of(self, namespace).await
    }

    /// Starts the syncer and waits until it has looked at everything.
    pub(crate) async fn start(&mut self) {
        assert!(self.syncer.is_none(), "it runs");
        self.starts += 1;
        let mut arguments = [&["run".to_owned()], &common(&self.name, &self.namespace)[..]].concat();
        arguments.extend([
            "--guest-kubeconfig=syncer.kubeconfig".to_owned(),
            "--status=127.0.0.1:0".to_owned(),
            "--resolv-conf=resolv.conf".to_owned(),
        ]);
        let name = format!("syncer-{}", self.starts);
        let mut process = Process::start(self.host.syncer(), &arguments, &self.folder, &name);
        let address = wait::until(format!("the syncer of {}", self.name), STARTED, || {
            let ready = match (process.ended(), listens_at(&process.log())) {
                (Some(ended), _) => Err(ended),
                (None, address) => Ok(address),
            };
            async {
                let Some(address) = ready? else {
                    return Ok(Seen::not_yet("it does not say where it listens"));
                };
                let answer = reqwest::get(format!("http://{address}/readyz")).await;
                let answer = answer.map_err(|error| error.to_string())?;
                if answer.status().is_success() {
                    return Ok(Seen::Ready(address));
                }
                Ok::<_, String>(Seen::NotYet(answer.text().await.unwrap_or_default()))
            }
        })
        .await
        .unwrap_or_else(|error| panic!("it starts: {error:#?}\n{}", tail(&process.log(), "")));
        self.syncer = Some(Syncer { process, address });
    }

    /// Has the syncer stop.
    pub(crate) async fn stop(&mut self) {
        let syncer = self.syncer.take().expect("it runs");
        assert_eq!(syncer.process.end(Signal::TERM).await, Some(0));
    }

    /// Kills the syncer.
    pub(crate) async fn kill(&mut self) {
        let syncer = self.syncer.take().expect("it runs");
        assert_eq!(syncer.process.end(Signal::KILL).await, None);
    }

    /// How often the syncer says it has written something, on either side.
    pub(crate) async fn writes(&self) -> u64 {
        let address = &self.syncer.as_ref().expect("it runs").address;
        let answer = reqwest::get(format!("http://{address}/metrics")).await;
        let metrics = answer.expect("it answers").text().await.expect("it is text");
        (metrics.lines())
            .filter(|line| line.starts_with("syncer_writes_total"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// What the syncer has last said of something.
    pub(super) fn said_of(&self, word: &str) -> String {
        let log = self.syncer.as_ref().map(|syncer| syncer.process.log());
        tail(&log.unwrap_or_default(), word)
    }
}

/// What `syncer init` and `syncer run` are both told; files are in the folder that they run in.
fn common(name: &str, namespace: &str) -> [String; 5] {
    [
        format!("--name={name}"),
        format!("--namespace={namespace}"),
        "--values=values.yaml".to_owned(),
        "--pki=.".to_owned(),
        "--host-kubeconfig=host.kubeconfig".to_owned(),
    ]
}

/// The values as the chart gives them to the syncer, and a host's DNS.
async fn write_values(admin: &Side, name: &str, folder: &Path) {
    let config = admin.get("Secret", &format!("vc-config-{name}")).await;
    let values: ByteString =
        serde_json::from_value(config.expect("the chart makes it")["data"]["values.yaml"].clone())
            .expect("it is encoded");
    fs::write(folder.join("values.yaml"), values.0).expect("the folder is ours");
    fs::write(folder.join("resolv.conf"), "nameserver 192.0.2.53\n").expect("the folder is ours");
}

/// The syncer's way to the host: by a token of the account that the chart makes, and nothing else.
async fn write_host_kubeconfig(host: &Host, admin: &Side, name: &str, folder: &Path) {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = format!("{}/token", admin.path("ServiceAccount", &format!("vc-{name}")));
    let answer = admin.post(&path, &request).await.expect("the account is there");
    let text = fs::read_to_string(host.admin_kubeconfig()).expect("it was written");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    config["users"][0]["user"] = json!({"token": answer["status"]["token"]});
    fs::write(folder.join("host.kubeconfig"), config.to_string()).expect("the folder is ours");
}

/// Where the log says that the syncer answers about itself.
fn listens_at(log: &str) -> Option<String> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"] == "listening")
        .find_map(|line| line["address"].as_str().map(ToOwned::to_owned))
}

/// Runs a command to its end.
async fn run(program: &Path, arguments: &[String], folder: &Path) {
    let output = tokio::process::Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .await
        .expect("it is there");
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
