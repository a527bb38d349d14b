//! A tenant: its guest and its syncer.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use k8s_openapi::ByteString;
use provision::command;
use provision::helm::{Chart, Release};
use provision::wait::{self, Seen};
use provision::{naming, values};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::control_plane::ControlPlane;
use super::process::tail;
use super::proxy::Proxy;
use super::{Host, NamespacePair, SOON, Side, Syncer, background, unique};

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

/// Each test has namespaces of its own in the tenants that tests share.
const MANY_NAMESPACES: &str = "defaults.policies.namespaces=1000";

/// The driver of inline volumes that a tenant's pods may use.
const DRIVER: &str = "defaults.policies.csiDrivers={d}";

impl Tenant {
    /// Returns the tenant of all tests that do nothing to the syncer itself.
    pub(crate) async fn shared() -> Arc<Self> {
        static TENANT: OnceCell<Arc<Tenant>> = OnceCell::const_new();
        // The background thread makes both, and must not wait for itself.
        Host::shared().await;
        background::shared(&TENANT, || async move {
            let name = unique("shared");
            let set = [MANY_NAMESPACES.to_owned(), DRIVER.to_owned()];
            Arc::new(Self::made(&name, &format!("vcluster-{name}"), values::BLOG, &set).await)
        })
        .await
    }

    /// Returns the tenant of the tests that need all kinds which have a switch.
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
        set.push(MANY_NAMESPACES.to_owned());
        Host::shared().await;
        background::shared(&TENANT, || async move {
            let name = unique("all-kinds");
            Arc::new(Self::made(&name, &format!("vcluster-{name}"), values::BLOG, &set).await)
        })
        .await
    }

    /// Creates a tenant for a single test.
    pub(crate) async fn new(stem: &str) -> Self {
        Self::with_values(stem, values::BLOG).await
    }

    /// Creates a tenant for a single test, with these values.
    pub(crate) async fn with_values(stem: &str, values: &str) -> Self {
        let name = unique(stem);
        let namespace = format!("vcluster-{name}");
        Self::made(&name, &namespace, values, &[]).await
    }

    /// Creates a tenant for a single test, with single values besides those of the blog.
    pub(crate) async fn with_set(stem: &str, set: &[String]) -> Self {
        let name = unique(stem);
        let namespace = format!("vcluster-{name}");
        Self::made(&name, &namespace, values::BLOG, set).await
    }

    /// Creates a tenant of this name, whose control plane is in this host namespace. Its syncer is ready.
    pub(crate) async fn named(name: &str, namespace: &str) -> Self {
        Self::made(name, namespace, values::BLOG, &[]).await
    }

    async fn made(name: &str, namespace: &str, values: &str, set: &[String]) -> Self {
        let host = Host::shared().await;
        let folder = background::folder().join(format!("{namespace}-{name}"));
        fs::create_dir(&folder).expect("the folder is ours");
        install(&host, name, namespace, values, set)
            .await
            .expect("the chart installs");
        let admin = host.admin().await.within(namespace);
        write_values(&admin, name, &folder).await;
        // The syncer's way to the host: by a token of the account that the chart makes, and nothing else.
        let account = format!("vc-{name}");
        write_kubeconfig(&host, &admin, &account, &folder.join("host.kubeconfig")).await;

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

    /// Returns the tenant's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Returns the host namespace of its control plane.
    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the folder that `syncer init` wrote.
    pub(crate) fn pki(&self) -> &Path {
        &self.folder
    }

    /// Returns the host namespace of a guest namespace, by vcluster's rule.
    pub(crate) fn host_namespace(&self, guest: &str) -> String {
        naming::host_namespace(&self.name, &self.namespace, guest)
    }

    /// Returns the client of the guest's administrator, for cluster-scoped objects.
    pub(crate) async fn guest(&self) -> Side {
        Side::connect(&self.guest.admin()).await
    }

    /// Returns the client of the host's administrator, for cluster-scoped objects.
    pub(crate) async fn host(&self) -> Side {
        self.host.admin().await
    }

    /// Returns the host.
    pub(super) fn host_side(&self) -> &Host {
        &self.host
    }

    /// Returns the folder of its files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the client of the syncer's account on the host, for cluster-scoped objects.
    pub(crate) async fn account(&self) -> Side {
        Side::connect(&self.folder.join("host.kubeconfig")).await
    }

    /// Returns the client of the syncer's account in the guest, for cluster-scoped objects.
    pub(super) async fn guest_account(&self) -> Side {
        Side::connect(&self.folder.join("syncer.kubeconfig")).await
    }

    /// Returns a namespace of the guest, once its mirror exists.
    pub(crate) async fn space(&self, namespace: &str) -> NamespacePair {
        NamespacePair::of(self, namespace).await
    }

    /// Starts the syncer and waits until it has reconciled everything.
    pub(crate) async fn start(&mut self) {
        assert!(self.syncer.is_none(), "it runs");
        let mut syncer = self.another(&[]).await;
        syncer.is_ready().await;
        self.syncer = Some(syncer);
    }

    /// Starts a syncer besides, or instead of, the one that runs, with further arguments; it serves probes and metrics.
    pub(crate) async fn another(&mut self, further: &[String]) -> Syncer {
        self.starts += 1;
        let mut arguments = [
            &["run".to_owned()],
            &common(&self.name, &self.namespace)[..],
            further,
        ]
        .concat();
        arguments.extend([
            "--guest-kubeconfig=syncer.kubeconfig".to_owned(),
            "--status=127.0.0.1:0".to_owned(),
            "--metrics=127.0.0.1:0".to_owned(),
            "--kubelet=127.0.0.1:0".to_owned(),
            "--resolv-conf=resolv.conf".to_owned(),
        ]);
        let name = format!("syncer-{}", self.starts);
        Syncer::start(self.host.syncer(), &arguments, &self.folder, &name).await
    }

    /// Starts a syncer that ends by itself, and returns its exit code and its output.
    pub(crate) async fn tries_to_start(&self, further: &[String]) -> (Option<i32>, String) {
        let arguments = [
            &["run".to_owned()],
            &common(&self.name, &self.namespace)[..],
            further,
        ]
        .concat();
        let output = tokio::process::Command::new(self.host.syncer())
            .args(arguments)
            .current_dir(&self.folder)
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .await
            .expect("it is there");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stderr).into_owned(),
        )
    }

    /// Replaces the guest by an empty one.
    pub(crate) async fn lose_store(&mut self) {
        assert!(self.syncer.is_none(), "it would see the guest go");
        let arguments = [&["init".to_owned()], &common(&self.name, &self.namespace)[..]].concat();
        run(self.host.syncer(), &arguments, &self.folder).await;
        let (programs, etcd) = (self.host.programs(), self.host.etcd());
        let prefix = format!("/{}/{}-again", self.namespace, self.name);
        self.guest = ControlPlane::start(programs, etcd, &prefix, &self.folder).await;
    }

    /// Changes the values of syncers that start from now on; the chart's objects stay.
    pub(crate) fn give_values(&self, values: &str) {
        fs::write(self.folder.join("values.yaml"), values).expect("the folder is ours");
    }

    /// Upgrades its release to other values; returns the message if the chart refuses. Its guest is no pod of the release, so
    /// nothing is lost.
    pub(crate) async fn upgrade(&self, values: &str) -> Result<(), String> {
        self.upgrade_with(values, &["allowDataLoss=true".to_owned()])
            .await
    }

    /// Upgrades its release to other values, with single ones on top; returns the message if the chart refuses.
    pub(crate) async fn upgrade_with(&self, values: &str, set: &[String]) -> Result<(), String> {
        let upgraded = install(&self.host, &self.name, &self.namespace, values, set).await;
        upgraded.map_err(|error| error.to_string())
    }

    /// Makes syncers that start from now on reach the host by a proxy that can be closed.
    pub(crate) async fn through_proxy(&self) -> Proxy {
        let file = self.folder.join("host.kubeconfig");
        let text = fs::read_to_string(&file).expect("it was written");
        let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
        let server = &mut config["clusters"][0]["cluster"]["server"];
        let address = server.as_str().and_then(|url| url.strip_prefix("https://"));
        let proxy = Proxy::to(
            address
                .and_then(|address| address.parse().ok())
                .expect("an address"),
        )
        .await;
        *server = json!(format!("https://{}", proxy.address));
        fs::write(&file, config.to_string()).expect("the folder is ours");
        proxy
    }

    /// Stops the syncer.
    pub(crate) async fn stop(&mut self) {
        let syncer = self.syncer.take().expect("it runs");
        assert_eq!(syncer.end(Signal::TERM).await, Some(0));
    }

    /// Kills the syncer.
    pub(crate) async fn kill(&mut self) {
        let syncer = self.syncer.take().expect("it runs");
        assert_eq!(syncer.end(Signal::KILL).await, None);
    }

    /// Freezes the syncer: it gets all changes of the meantime at once afterwards.
    pub(crate) fn freeze(&self) {
        self.syncer.as_ref().expect("it runs").signal(Signal::STOP);
    }

    /// Resumes a frozen syncer.
    pub(crate) fn thaw(&self) {
        self.syncer.as_ref().expect("it runs").signal(Signal::CONT);
    }

    /// Returns the number of writes on both sides, by the syncer's metrics.
    pub(crate) async fn writes(&self) -> u64 {
        let metrics = self.syncer.as_ref().expect("it runs").metrics().await;
        (metrics.lines())
            .filter(|line| line.starts_with("syncer_writes_total"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    }

    /// Returns the syncer's answer to a probe: the code, and the text.
    pub(crate) async fn probed(&self, path: &str) -> (u16, String) {
        self.syncer.as_ref().expect("it runs").probed(path).await
    }

    /// Returns the value of a series of the syncer, such as `syncer_failures_total{controller="pods",reason="Forbidden"}`.
    pub(crate) async fn counted(&self, series: &str) -> u64 {
        let metrics = self.syncer.as_ref().expect("it runs").metrics().await;
        let value = (metrics.lines()).find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        value.unwrap_or_default()
    }

    /// Waits until a series has this value or a higher one.
    pub(crate) async fn counts_up_to(&self, series: &str, least: u64) {
        wait::until(format!("{series} {least}"), SOON, || async {
            let counted = self.counted(series).await;
            Ok::<_, String>(if counted >= least {
                Seen::Ready(())
            } else {
                Seen::NotYet(counted.to_string())
            })
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Returns the syncer's log: an object a line.
    pub(crate) fn logged(&self) -> Vec<Value> {
        let log = self.syncer.as_ref().expect("it runs").log();
        (log.lines())
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// Waits until a gauge of the syncer has this value, as in `syncer_workqueue_depth{controller="pods"}`.
    pub(crate) async fn counts(&self, gauge: &str, expected: u64) {
        let syncer = self.syncer.as_ref().expect("it runs");
        let line = format!("{gauge} {expected}");
        let line = &line;
        wait::until(line, SOON, || async move {
            let metrics = syncer.metrics().await;
            Ok::<_, String>(if metrics.lines().any(|counted| counted == line) {
                Seen::Ready(())
            } else {
                Seen::NotYet(metrics)
            })
        })
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    }

    /// Returns the syncer's last log lines that contain a word.
    pub(super) fn said_of(&self, word: &str) -> String {
        let log = self.syncer.as_ref().map(Syncer::log);
        tail(&log.unwrap_or_default(), word)
    }
}

/// Installs the chart, or upgrades its release.
async fn install(
    host: &Host,
    name: &str,
    namespace: &str,
    values: &str,
    set: &[String],
) -> Result<(), command::Error> {
    let release = Release {
        name,
        namespace,
        chart: &Chart::Folder(concat!(env!("CARGO_MANIFEST_DIR"), "/chart").into()),
        values,
        set,
        compared: false,
    };
    host.helm().install(release).await
}

/// Returns the arguments that `syncer init` and `syncer run` have in common; files are in their working directory.
fn common(name: &str, namespace: &str) -> [String; 5] {
    [
        format!("--name={name}"),
        format!("--namespace={namespace}"),
        "--values=values.yaml".to_owned(),
        "--pki=.".to_owned(),
        "--host-kubeconfig=host.kubeconfig".to_owned(),
    ]
}

/// Writes the values as the chart gives them to the syncer, and a host's DNS configuration.
async fn write_values(admin: &Side, name: &str, folder: &Path) {
    let config = admin.get("Secret", &format!("vc-config-{name}")).await;
    let values: ByteString =
        serde_json::from_value(config.expect("the chart makes it")["data"]["values.yaml"].clone())
            .expect("it is encoded");
    fs::write(folder.join("values.yaml"), values.0).expect("the folder is ours");
    fs::write(folder.join("resolv.conf"), "nameserver 192.0.2.53\n").expect("the folder is ours");
}

/// Writes a kubeconfig of the host for one of its accounts.
pub(super) async fn write_kubeconfig(host: &Host, admin: &Side, account: &str, file: &Path) {
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
    let path = format!("{}/token", admin.path("ServiceAccount", account));
    let answer = admin.post(&path, &request).await.expect("the account is there");
    let text = fs::read_to_string(host.admin_kubeconfig()).expect("it was written");
    let mut config: Value = serde_json::from_str(&text).expect("it is JSON");
    config["users"][0]["user"] = json!({"token": answer["status"]["token"]});
    fs::write(file, config.to_string()).expect("the folder is ours");
}

/// Runs a command to its end.
pub(super) async fn run(program: &Path, arguments: &[String], folder: &Path) {
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
