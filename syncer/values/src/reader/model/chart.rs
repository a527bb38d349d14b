//! Settings of the control plane in the chart. Values that are not given are the chart's choice.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// Settings that only the chart uses.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Chart {
    /// The range of the addresses of Services.
    #[serde(rename = "serviceCIDR")]
    pub service_cidr: Option<String>,
    /// True if an upgrade may delete the virtual cluster's objects.
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
    /// The service account of the control plane.
    pub service_account: ServiceAccount,
}

/// A program of the control plane.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Program {
    /// Its image.
    pub image: Option<String>,
    /// The pull policy of the image.
    pub image_pull_policy: Option<String>,
    /// Further arguments.
    pub extra_args: Vec<String>,
    /// Its resource requests and limits, as a container has them.
    pub resources: Option<Value>,
}

/// The store.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Etcd {
    /// The program.
    #[serde(flatten)]
    pub program: Program,
    /// Its storage.
    pub storage: Storage,
}

/// The storage of the store.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Storage {
    /// True if the storage outlives the pod. By default, it does if there is a default storage class.
    pub persistence: Option<bool>,
    /// The size of the storage.
    pub size: Option<String>,
    /// Its storage class; the host's default if empty.
    pub class_name: Option<String>,
}

/// The syncer, and the pod of the control plane.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncerPod {
    /// The program.
    #[serde(flatten)]
    pub program: Program,
    /// The log filter.
    pub log_level: Option<String>,
    /// Further variables of its environment, in Kubernetes' own form.
    pub env: Vec<Value>,
    /// The node selector of the pod.
    pub node_selector: BTreeMap<String, String>,
    /// The affinity of the pod, in Kubernetes' own form.
    pub affinity: Option<Value>,
    /// The tolerations of the pod, in Kubernetes' own form.
    pub tolerations: Vec<Value>,
    /// Its priority class.
    pub priority_class_name: Option<String>,
    /// Labels of all objects that the chart creates.
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

/// The service account of the control plane on the host.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceAccount {
    /// Image pull secrets, in Kubernetes' own form.
    pub image_pull_secrets: Vec<Value>,
}

/// The guest's DNS server.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CoreDns {
    /// True if there is a DNS server.
    pub enabled: bool,
    /// Its image.
    pub image: String,
    /// The number of replicas.
    pub replicas: i32,
    /// Its resource requests and limits, as a container has them.
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
