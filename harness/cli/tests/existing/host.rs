//! A cluster that the run under test did not bring up.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use harness::substrate::native::address;
use serde_json::{Value, json};

use crate::support::{Kubectl, Ran};

/// A native host cluster, and everything that runs against it.
pub(crate) struct Host {
    name: String,
    state: tempfile::TempDir,
    pub(crate) kubectl: Kubectl,
}

/// A run against the cluster: an environment of a name, by a kubeconfig.
pub(crate) struct Other {
    name: &'static str,
    kubeconfig: Option<PathBuf>,
}

impl Other {
    /// Describes a run with the administrator's kubeconfig.
    pub(crate) fn named(name: &'static str) -> Self {
        Self {
            name,
            kubeconfig: None,
        }
    }

    /// Describes a run with this kubeconfig.
    pub(crate) fn with(name: &'static str, kubeconfig: &Path) -> Self {
        Self {
            name,
            kubeconfig: Some(kubeconfig.to_owned()),
        }
    }
}

impl Host {
    /// Brings the cluster up, and nothing on it.
    pub(crate) fn up(name: &str) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder can be made");
        let name = format!("existing-{name}-{}", std::process::id());
        let folder = folder(&state, &name);
        let host = Self {
            kubectl: Kubectl::by(folder.join("host/kubeconfig/admin")),
            name,
            state,
        };
        host.brings_up("substrate");
        host
    }

    /// Goes on as far as `stage`, as its owner.
    pub(crate) fn brings_up(&self, stage: &str) {
        self.goes_on(&["--until", stage]);
    }

    /// Goes on as its owner, with these further arguments.
    pub(crate) fn goes_on(&self, arguments: &[&str]) {
        let output = self
            .harness(&self.name)
            .args(["up", "--substrate", "native"])
            .args(arguments)
            .output()
            .expect("the program can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }

    /// Runs the harness against it.
    pub(crate) fn run(&self, other: &Other, arguments: &[&str]) -> Ran {
        let kubeconfig = other.kubeconfig.clone();
        let kubeconfig = kubeconfig.unwrap_or_else(|| self.kubectl.kubeconfig.clone());
        self.ran(self.harness(other.name), other, arguments, &kubeconfig)
    }

    /// Runs the harness as if this machine were the cluster's node: in its network.
    pub(crate) fn run_beside(&self, other: &Other, arguments: &[&str]) -> Ran {
        let mut command = self.beside(env!("CARGO_BIN_EXE_harness"));
        command.args(["--name", other.name]);
        self.ran(command, other, arguments, &self.kubeconfig_beside())
    }

    /// Returns a command in the network of the cluster's node.
    pub(crate) fn beside(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command
            .arg(sandbox::enter::COMMAND)
            .arg(folder(&self.state, &self.name).join("host"))
            .arg("--")
            .arg(program)
            .env("XDG_STATE_HOME", self.state.path())
            .current_dir(self.state.path())
            .stdin(Stdio::null());
        command
    }

    fn ran(&self, mut command: Command, other: &Other, arguments: &[&str], kubeconfig: &Path) -> Ran {
        command.args(arguments);
        // An environment that is up knows its cluster.
        if ["up", "e2e"].contains(&arguments[0]) {
            command.args(["--substrate", "existing", "--kubeconfig"]);
            command.arg(kubeconfig);
            command.arg("--report-dir").arg(self.reports(other.name));
        }
        let Output {
            status,
            stdout,
            stderr,
        } = command.output().expect("the program can be run");
        Ran {
            code: status.code(),
            said: format!(
                "{}{}",
                String::from_utf8_lossy(&stdout),
                String::from_utf8_lossy(&stderr)
            ),
        }
    }

    /// Returns the number of scenarios that passed in the run of this name, from its report.
    pub(crate) fn passed(&self, name: &str) -> u64 {
        let report =
            fs::read(self.reports(name).join("report.json")).expect("an end-to-end run writes a report");
        let report: Value = serde_json::from_slice(&report).expect("a report is JSON");
        assert_eq!(report["substrate"], "existing");
        report["totals"]["passed"].as_u64().unwrap_or_default()
    }

    fn reports(&self, name: &str) -> PathBuf {
        self.state.path().join(format!("reports-{name}"))
    }

    /// Applies objects as its administrator.
    pub(crate) fn apply(&self, objects: &[Value]) {
        for object in objects {
            let file = self.state.path().join("object.json");
            fs::write(&file, object.to_string()).expect("it can be written");
            self.kubectl
                .run(&["apply", "--filename", &file.display().to_string()]);
        }
    }

    /// Deletes an object and waits until it is gone.
    pub(crate) fn delete(&self, kind: &str, name: &str) {
        self.kubectl.run(&["delete", kind, name, "--wait"]);
    }

    /// Returns the kubeconfig of a user who has one of the cluster's own roles.
    pub(crate) fn as_a_user_with(&self, role: &str) -> PathBuf {
        self.kubectl
            .run(&["create", "serviceaccount", "weak", "--namespace", "default"]);
        let role = format!("--clusterrole={role}");
        self.kubectl.run(&[
            "create",
            "clusterrolebinding",
            "weak",
            &role,
            "--serviceaccount=default:weak",
        ]);
        let token = self
            .kubectl
            .run(&["create", "token", "weak", "--namespace", "default"]);
        self.changed("weak", |config| {
            config["users"][0]["user"] = json!({"token": token.trim()});
        })
    }

    /// Returns kubectl for a tenant that the host has brought up.
    pub(crate) fn tenant(&self, name: &str) -> Kubectl {
        let kubeconfig = format!("tenants/{name}.kubeconfig");
        Kubectl::by(folder(&self.state, &self.name).join(kubeconfig))
    }

    /// Returns a folder that is removed with the host.
    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }

    /// Returns its kubeconfig with the address of the API server in its node's network.
    pub(crate) fn kubeconfig_beside(&self) -> PathBuf {
        self.changed("beside", |config| {
            config["clusters"][0]["cluster"]["server"] = format!("https://{}", address::API).into();
        })
    }

    fn changed(&self, name: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let text = fs::read_to_string(&self.kubectl.kubeconfig).expect("there is a kubeconfig");
        let mut config: Value = serde_json::from_str(&text).expect("ours is JSON");
        change(&mut config);
        let path = self.state.path().join(format!("{name}.kubeconfig"));
        fs::write(&path, config.to_string()).expect("it can be written");
        path
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
}

/// Returns the folder of an environment.
fn folder(state: &tempfile::TempDir, name: &str) -> PathBuf {
    state.path().join("shared-dapr").join(name)
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
