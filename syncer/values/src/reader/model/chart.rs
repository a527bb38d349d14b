//! What the chart makes a control plane of. What is not said is the chart's choice.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// What only the chart acts on.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Chart {
    /// The addresses of Services.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Option<String>,
    /// An upgrade may throw the virtual cluster's objects away.
    pub allow_data_loss: bool,
    /// The store.
    pub etcd: Etcd,
    /// kube-apiserver.
    pub api: Program,
    /// kube-controller-manager.
    pub controller: Program,
    /// The syncer, and the pod that all of them are in.
    pub syncer: SyncerPod,
    /// The Service of the guest's API.
    pub service: Service,
    /// The account of the control plane.
    pub service_account: ServiceAccount,
}

/// A program of the control plane.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Program {
    /// Its image.
    pub image: Option<String>,
    /// When the image is pulled.
    pub image_pull_policy: Option<String>,
    /// Further arguments.
    pub extra_args: Vec<String>,
    /// What it asks of a node, in Kubernetes' own form.
    pub resources: Option<Value>,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Etcd {
    /// The program.
    #[serde(flatten)]
    pub program: Program,
    /// What it writes to.
    pub storage: Storage,
}

/// What the store writes to.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Storage {
    /// True if it outlives the pod. If not given, it does where there is a default storage class.
    pub persistence: Option<bool>,
    /// How much of it.
    pub size: Option<String>,
    /// Its storage class; the host's default if empty.
    pub class_name: Option<String>,
}

/// The syncer, and the pod that the control plane is.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncerPod {
    /// The program.
    #[serde(flatten)]
    pub program: Program,
    /// What it logs.
    pub log_level: Option<String>,
    /// Further variables of its environment, in Kubernetes' own form.
    pub env: Vec<Value>,
    /// Which nodes the pod may be on.
    pub node_selector: BTreeMap<String, String>,
    /// Where it is rather, in Kubernetes' own form.
    pub affinity: Option<Value>,
    /// Which taints it bears, in Kubernetes' own form.
    pub tolerations: Vec<Value>,
    /// Its priority.
    pub priority_class_name: Option<String>,
    /// Labels of all that the chart makes.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the `StatefulSet`.
    pub annotations: BTreeMap<String, String>,
    /// Labels of the pod.
    pub pod_labels: BTreeMap<String, String>,
    /// Annotations of the pod.
    pub pod_annotations: BTreeMap<String, String>,
    /// Annotations of the Service.
    pub service_annotations: BTreeMap<String, String>,
}

/// The Service of the guest's API.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Service {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// The account of the control plane on the host.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Secrets that images are pulled with, in Kubernetes' own form.
    pub image_pull_secrets: Vec<Value>,
}

/// The guest's DNS server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CoreDns {
    /// Whether there is one.
    pub enabled: bool,
    /// Its image.
    pub image: String,
    /// How many of it run.
    pub replicas: i32,
    /// What it asks of a node, in Kubernetes' own form.
    pub resources: Value,
}

impl Default for CoreDns {
    fn default() -> Self {
        Self {
            enabled: true,
            image: "registry.k8s.io/coredns/coredns:v1.11.3".to_owned(),
            replicas: 1,
            resources: serde_json::json!({"requests": {"cpu": "3m", "memory": "16Mi"}}),
        }
    }
}
