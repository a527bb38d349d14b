//! An environment on kind, and its objects in Docker.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use harness::substrate::kind;
use provision::images::node_image;

use crate::docker;
use crate::proxy::Proxy;
use crate::support::{Kubectl, Ran};

/// An environment, and the folder that its ledger is in.
pub(crate) struct Environment {
    name: String,
    state: Rc<tempfile::TempDir>,
    arguments: Vec<String>,
    docker_host: Option<String>,
}

impl Environment {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: format!("{name}-{}", std::process::id()),
            state: Rc::new(tempfile::tempdir().expect("a temporary folder can be made")),
            arguments: ["--substrate", "kind", "--images", "build"]
                .map(str::to_owned)
                .to_vec(),
            docker_host: None,
        }
    }

    /// Returns the same environment with another way to the daemon.
    pub(crate) fn by(mut self, proxy: &Proxy) -> Self {
        self.docker_host = Some(proxy.host());
        self
    }

    /// Returns an environment on this one's cluster, which it did not create.
    pub(crate) fn guest(&self, name: &str) -> Self {
        let kubeconfig = self.kubeconfig().display().to_string();
        Self {
            name: name.to_owned(),
            state: Rc::clone(&self.state),
            arguments: vec![
                "--substrate".into(),
                "existing".into(),
                "--kubeconfig".into(),
                kubeconfig,
            ],
            docker_host: None,
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.run_and(arguments, |_, _| ())
    }

    /// Runs the harness, with a look at each line of its progress and its process.
    pub(crate) fn run_and(&self, arguments: &[&str], look: impl Fn(&str, &Child)) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_harness"));
        command.args(["--name", &self.name]).args(arguments);
        if arguments[0] == "up" {
            command.args(&self.arguments);
        }
        if let Some(host) = &self.docker_host {
            command.env("DOCKER_HOST", host);
        }
        let mut process = command
            .env("XDG_STATE_HOME", self.state.path())
            .current_dir(self.state.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be run");
        let mut said = String::new();
        for line in BufReader::new(process.stderr.take().expect("it is piped")).lines() {
            let line = line.expect("it is text");
            look(&line, &process);
            said += &line;
            said.push('\n');
        }
        let status = process.wait().expect("it was started from here");
        Ran {
            code: status.code(),
            said,
        }
    }

    /// Returns the containers that are nodes of a cluster of its name.
    pub(crate) fn nodes(&self) -> Vec<String> {
        let listed = docker(&["ps", "--all", "--filter", &self.label(), "--format", "{{.Names}}"]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Returns the images of nodes that Docker has of it.
    pub(crate) fn images(&self) -> Vec<String> {
        let listed = docker(&["image", "ls", "--quiet", &node_image::name_prefix(&self.name)]);
        listed.lines().map(str::to_owned).collect()
    }

    /// Makes a container that looks like a node of a cluster of its name.
    pub(crate) fn somebody_elses_node(&self) -> String {
        let name = format!("somebody-elses-{}", self.name);
        let image = self.state.path().join("image");
        std::fs::create_dir(&image).expect("it can be made");
        let tar = format!(
            "tar --create --directory {} . | docker import - somebody-elses",
            image.display()
        );
        let made = Command::new("sh")
            .args(["-c", &tar])
            .output()
            .expect("there is a shell");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let label = self.label();
        let label = label.trim_start_matches("label=");
        docker(&[
            "create",
            "--name",
            &name,
            "--label",
            label,
            "somebody-elses",
            "nothing",
        ]);
        name
    }

    pub(crate) fn remove_nodes(&self) {
        for node in self.nodes() {
            docker(&["rm", "--force", &node]);
        }
        docker(&["image", "rm", "somebody-elses"]);
    }

    /// Returns the pods that would go to a node of any architecture, except those that every node of the cluster has.
    pub(crate) fn pods_for_any_architecture(&self) -> Vec<String> {
        let pods = self.kubectl().pods_of_runs();
        let anywhere = pods
            .iter()
            .filter(|pod| !pod["spec"].to_string().contains("kubernetes.io/arch"));
        anywhere.map(|pod| pod["metadata"]["name"].to_string()).collect()
    }

    pub(crate) fn kubectl(&self) -> Kubectl {
        Kubectl::by(self.kubeconfig())
    }

    fn kubeconfig(&self) -> PathBuf {
        let folder = self.state.path().join("shared-dapr").join(&self.name);
        folder.join("host/kubeconfig/admin")
    }

    fn label(&self) -> String {
        format!("label=io.x-k8s.kind.cluster={}", kind::cluster_name(&self.name))
    }
}
