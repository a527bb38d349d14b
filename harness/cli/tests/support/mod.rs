//! Code that is shared by tests that run the whole program on a cluster.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// Cluster-scoped kinds that a run creates.
const KINDS: &str = "namespaces,customresourcedefinitions,clusterroles,clusterrolebindings,\
    mutatingwebhookconfigurations,validatingwebhookconfigurations,validatingadmissionpolicies,\
    validatingadmissionpolicybindings";

/// Namespaced kinds that a run creates.
const NAMESPACED: &str = "roles,rolebindings,deployments,statefulsets,services,secrets";

/// The result of a run.
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) said: String,
}

impl Ran {
    pub(crate) fn said(&self, text: &str) -> bool {
        self.said.contains(text)
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "exit code {:?}\n{}", self.code, self.said)
    }
}

/// kubectl, as a cluster's administrator.
pub(crate) struct Kubectl {
    program: PathBuf,
    pub(crate) kubeconfig: PathBuf,
}

impl Kubectl {
    /// Returns kubectl for the cluster of a kubeconfig, which need not exist yet.
    pub(crate) fn by(kubeconfig: PathBuf) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("there can be a runtime");
        let binaries = runtime
            .block_on(testkit::binaries(&["kubectl"]))
            .expect("kubectl can be had");
        Self {
            program: binaries.program("kubectl").expect("it was asked for").to_owned(),
            kubeconfig,
        }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = Command::new(&self.program)
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            .args(arguments)
            .output()
            .expect("kubectl can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Returns the objects of these kinds in all namespaces.
    pub(crate) fn list(&self, kinds: &str) -> Vec<Value> {
        let listed = self.run(&["get", kinds, "--all-namespaces", "--output", "json"]);
        let mut listed: Value = serde_json::from_str(&listed).expect("kubectl prints JSON");
        let items = listed["items"].as_array_mut().expect("a list has items");
        std::mem::take(items)
    }

    /// Returns everything in the cluster of the kinds that a run creates, each with values that another object of the
    /// same name would not have.
    pub(crate) fn everything(&self) -> Vec<String> {
        let mut all: Vec<String> = self
            .list(&format!("{KINDS},{NAMESPACED}"))
            .iter()
            .map(|object| {
                let (meta, kind) = (&object["metadata"], &object["kind"]);
                format!("{kind} {} {} {}", meta["namespace"], meta["name"], meta["uid"])
            })
            .collect();
        all.sort();
        all
    }

    /// Returns the pods that are not the cluster's own.
    pub(crate) fn pods_of_runs(&self) -> Vec<Value> {
        let mut pods = self.list("pods");
        pods.retain(|pod| pod["metadata"]["namespace"] != "kube-system");
        assert!(!pods.is_empty(), "the probe sees nothing");
        pods
    }
}
