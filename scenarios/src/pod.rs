//! Pods as found.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1;
use kube::ResourceExt as _;

/// The container that Dapr's injector adds.
pub const SIDECAR: &str = "daprd";

/// A pod as one side shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// The names of its containers, in order.
    pub containers: Vec<String>,
    /// The containers in the status, each with its number of restarts.
    pub restarts: BTreeMap<String, i32>,
    /// The containers that are ready.
    pub ready_containers: Vec<String>,
    /// The ids of its containers in their runtime.
    pub ids: BTreeMap<String, String>,
    /// True if the pod is ready as a whole.
    pub is_ready: bool,
    /// True if it is being deleted.
    pub is_going: bool,
}

impl Pod {
    /// Returns the READY column of `kubectl get pods`.
    #[must_use]
    pub fn ready(&self) -> String {
        format!("{}/{}", self.ready_containers.len(), self.restarts.len())
    }

    /// Returns the containers that run, including the sidecars of Kubernetes' own kind.
    #[must_use]
    pub fn running(&self) -> Vec<&str> {
        self.ids.keys().map(String::as_str).collect()
    }

    /// Returns the number of its sidecars.
    #[must_use]
    pub fn sidecars(&self) -> usize {
        self.containers
            .iter()
            .filter(|container| *container == SIDECAR)
            .count()
    }
}

impl From<&v1::Pod> for Pod {
    fn from(pod: &v1::Pod) -> Self {
        let spec = pod.spec.as_ref();
        let status = pod.status.clone().unwrap_or_default();
        let statuses = status.container_statuses.unwrap_or_default();
        // Sidecars of Kubernetes' own kind are init containers that go on running.
        let all: Vec<_> = status
            .init_container_statuses
            .iter()
            .flatten()
            .filter(|status| status.state.as_ref().is_some_and(|state| state.running.is_some()))
            .chain(&statuses)
            .collect();
        let conditions = status.conditions.unwrap_or_default();
        Self {
            namespace: pod.namespace().unwrap_or_default(),
            name: pod.name_any(),
            uid: pod.uid().unwrap_or_default(),
            containers: spec
                .iter()
                .flat_map(|spec| spec.containers.iter().map(|container| container.name.clone()))
                .collect(),
            restarts: all
                .iter()
                .map(|status| (status.name.clone(), status.restart_count))
                .collect(),
            ready_containers: all
                .iter()
                .filter(|status| status.ready)
                .map(|status| status.name.clone())
                .collect(),
            ids: all
                .iter()
                .filter_map(|status| Some((status.name.clone(), runtime_id(status.container_id.as_deref()?))))
                .collect(),
            is_ready: conditions
                .iter()
                .any(|condition| condition.type_ == "Ready" && condition.status == "True"),
            is_going: pod.metadata.deletion_timestamp.is_some(),
        }
    }
}

/// Returns the id in `containerd://<id>`.
fn runtime_id(id: &str) -> String {
    id.rsplit_once("//").map_or(id, |(_, id)| id).to_owned()
}
