//! A cluster that somebody else brought up.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::substrate::native::address;
use serde_json::{Value, json};

/// Kinds that are looked at, to see that nothing is left and nothing has changed; with what each has by itself left out.
const KINDS: &str = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,\
    mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,\
    validatingadmissionpolicybindings,roles,rolebindings,deployments,statefulsets,services,secrets";

/// A native host cluster, and everything that runs against it.
pub(crate) struct Host {
    name: String,
    state: tempfile::TempDir,
    kubectl: PathBuf,
}

/// A run against the cluster: an environment of a name, by a kubeconfig.
pub(crate) struct Other {
    name: &'static str,
    kubeconfig: Option<PathBuf>,
}

impl Other {
    /// By the administrator's.
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            kubeconfig: None,
        }
    }

    /// By this one.
    pub(crate) fn with(name: &'static str, kubeconfig: &Path) -> Self {
        Self {
            name,
            kubeconfig: Some(kubeconfig.to_owned()),
        }
    }
}

/// What came of a run.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    said: String,
    report: Option<Value>,
}

impl Ran {
    pub(crate) fn said(&self, text: &str) -> bool {
        self.said.contains(text)
    }

    /// How many scenarios passed, as its report says.
    pub(crate) fn passed(&self) -> u64 {
        let report = self.report.as_ref().expect("an end-to-end run writes a report");
        assert_eq!(report["substrate"], "existing");
        report["totals"]["passed"].as_u64().unwrap_or_default()
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "exit code {:?}\n{}", self.code, self.said)
    }
}

impl Host {
    /// Brings the cluster up, and nothing on it.
    pub(crate) fn up(name: &str) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder can be made");
        let runtime = tokio::runtime::Runtime::new().expect("there can be a runtime");
        let components = runtime
            .block_on(harness::components::for_tests(&["kubectl"]))
            .expect("kubectl can be had");
        let host = Self {
            name: format!("existing-{name}-{}", std::process::id()),
            kubectl: components
                .program("kubectl")
                .expect("it was asked for")
                .to_owned(),
            state,
        };
        host.brings_up("substrate");
        host
    }

    /// Goes on as far as `stage`, as its owner.
    pub(crate) fn brings_up(&self, stage: &str) {
        let output = self
            .harness(&self.name)
            .args(["up", "--substrate", "native", "--until", stage])
            .output()
            .expect("the program can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    /// Runs the harness against it.
    pub(crate) fn run(&self, other: &Other, arguments: &[&str]) -> Ran {
        let kubeconfig = other.kubeconfig.clone().unwrap_or_else(|| self.kubeconfig());
        let mut command = self.harness(other.name);
        command.args(arguments).args(["--substrate", "existing"]);
        command.arg("--kubeconfig").arg(kubeconfig);
        self.ran(other.name, command)
    }

    /// The same as if this machine were the cluster's node: in its network.
    pub(crate) fn run_beside(&self, other: &Other, arguments: &[&str]) -> Ran {
        let mut command = self.beside(env!("CARGO_BIN_EXE_harness"));
        command.args(["--name", other.name]).args(arguments);
        command.args(["--substrate", "existing", "--kubeconfig"]);
        command.arg(self.kubeconfig_beside());
        self.ran(other.name, command)
    }

    /// A command in the network of the cluster's node.
    pub(crate) fn beside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .arg(harness::sandbox::enter::COMMAND)
            .arg(self.folder(&self.name).join("host"))
            .arg("--")
            .arg(program)
            .env("XDG_STATE_HOME", self.state.path())
            .current_dir(self.state.path())
            .stdin(Stdio::null());
        command
    }

    fn ran(&self, name: &str, mut command: Command) -> Ran {
        let reports = self.state.path().join(format!("reports-{name}"));
        let Output {
            status,
            stdout,
            stderr,
        } = command
            .arg("--report-dir")
            .arg(&reports)
            .output()
            .expect("the program can be run");
        let report = fs::read(reports.join("report.json")).ok();
        Ran {
            code: status.code(),
            said: format!(
                "{}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ),
            report: report.map(|text| serde_json::from_slice(&text).expect("a report is JSON")),
        }
    }

    /// Everything in the cluster of the kinds that a run makes, and what changes when somebody changes it.
    pub(crate) fn everything(&self) -> Vec<String> {
        let listed = self.kubectl(&["get", KINDS, "--all-namespaces", "--output", "json"]);
        let listed: Value = serde_json::from_str(&listed).expect("kubectl prints JSON");
        let mut all: Vec<String> = listed["items"]
            .as_array()
            .expect("a list has items")
            .iter()
            .map(|object| {
                let (meta, kind) = (&object["metadata"], &object["kind"]);
                format!("{kind} {} {} {}", meta["namespace"], meta["name"], meta["uid"])
            })
            .collect();
        all.sort();
        all
    }

    /// Applies objects as its administrator.
    pub(crate) fn apply(&self, objects: &[Value]) {
        for object in objects {
            let file = self.state.path().join("object.json");
            fs::write(&file, object.to_string()).expect("it can be written");
            self.kubectl(&["apply", "--filename", &file.display().to_string()]);
        }
    }

    /// Deletes an object and waits until it is gone.
    pub(crate) fn delete(&self, kind: &str, name: &str) {
        self.kubectl(&["delete", kind, name, "--wait"]);
    }

    /// The kubeconfig of a user who has one of the cluster's own roles.
    pub(crate) fn as_a_user_with(&self, role: &str) -> PathBuf {
        self.kubectl(&["create", "serviceaccount", "weak", "--namespace", "default"]);
        let role = format!("--clusterrole={role}");
        self.kubectl(&[
            "create",
            "clusterrolebinding",
            "weak",
            &role,
            "--serviceaccount=default:weak",
        ]);
        let token = self.kubectl(&["create", "token", "weak", "--namespace", "default"]);
        self.changed("weak", |config| {
            config["users"][0]["user"] = json!({"token": token.trim()});
        })
    }

    fn kubeconfig(&self) -> PathBuf {
        self.folder(&self.name).join("host/kubeconfig/admin")
    }

    /// The same with the address that the cluster's API server has in its node's network.
    fn kubeconfig_beside(&self) -> PathBuf {
        self.changed("beside", |config| {
            config["clusters"][0]["cluster"]["server"] = format!("https://{}", address::API).into();
        })
    }

    fn changed(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let text = fs::read_to_string(self.kubeconfig()).expect("there is a kubeconfig");
        let mut config: Value = serde_json::from_str(&text).expect("ours is JSON");
        change(&mut config);
        let path = self.state.path().join(format!("{name}.kubeconfig"));
        fs::write(&path, config.to_string()).expect("it can be written");
        path
    }

    fn kubectl(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.kubectl)
            .arg("--kubeconfig")
            .arg(self.kubeconfig())
            .args(arguments)
            .output()
            .expect("kubectl can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn harness(&self, name: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .args(["--name", name])
            .env("XDG_STATE_HOME", self.state.path())
            .current_dir(self.state.path())
            .stdin(Stdio::null());
        command
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.state.path().join("shared-dapr").join(name)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let down = self
            .harness(&self.name)
            .arg("down")
            .output()
            .expect("the program can be run");
        if !std::thread::panicking() {
            assert!(down.status.success(), "{}", String::from_utf8_lossy(&down.stderr));
        }
    }
}
