//! The guest's fake nodes: one for each host node that a pod of the tenant runs on. A fake node only says that it exists and is
//! ready.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::{ApiResource, PartialObjectMeta};
use kube::{Api, Resource};
use serde_json::{Value, json};

use crate::sync::from_host::projections::Projections;
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError, unless_gone};
use crate::sync::runtime::informer::Store;
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::metadata;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::delete;

/// Label on fake nodes.
const FAKE: &str = "vcluster.loft.sh/fake-node";

/// The features that a change of a running pod may need of its node, by Kubernetes up to 1.37, in order. A guest's API server
/// refuses a change if the node does not declare its feature. The fake node declares all, and the host's API server refuses what
/// the host's node does not support.
const FEATURES: [&str; 4] = [
    "GuaranteedQoSPodCPUResize",
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "InPlacePodVerticalScalingMemoryBackedVolumes",
];

/// Time that a node stays without pods: a restarted Deployment is without a pod for no longer.
const LINGERS: Duration = Duration::from_secs(30);

/// Reconciler of the guest's nodes.
#[derive(Debug)]
pub(crate) struct Nodes {
    context: Context,
    guest: Arc<Store<ObjectMeta>>,
    guest_pods: Arc<Store<Pod>>,
    host_pods: Arc<Store<Pod>>,
    /// The copies of the host's nodes, if they are shown; another reconciler maintains those.
    copied: Option<Arc<Projections>>,
    queue: WorkQueue,
    unused: Mutex<HashMap<String, Instant>>,
    /// The nodes whose status this process has written. A former process may have served the kubelet API at another port.
    said: Mutex<HashSet<String>>,
}

impl Nodes {
    /// Creates the reconciler; nothing runs yet.
    pub(super) fn new(
        context: &Context,
        guest_pods: &Arc<Store<Pod>>,
        host_pods: &Arc<Store<Pod>>,
        copied: Option<Arc<Projections>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            guest: Arc::default(),
            guest_pods: guest_pods.clone(),
            host_pods: host_pods.clone(),
            copied,
            queue: WorkQueue::default(),
            unused: Mutex::default(),
            said: Mutex::default(),
        })
    }

    /// Watches the guest's nodes.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let guests: Api<PartialObjectMeta<Node>> = Api::all(self.context.guest());
        let changed = move |change| reconciler.queue.guest_changed(change);
        self.context
            .watch_guest("nodes", guests, &self.guest, metadata, changed);
    }

    /// Requeues all nodes: a pod is gone, and may have been a node's last.
    pub(super) fn recheck(&self) {
        self.guest.keys().into_iter().for_each(|key| self.queue.add(key));
    }

    /// Requeues the node of a pod, if it is missing.
    pub(super) fn expect(&self, name: &str) {
        let key = Key::new("", name);
        if self.guest.get(&key).is_none() {
            self.queue.add(key);
        }
    }

    /// Recreates a node that the guest's administrator has deleted while pods of the guest run there: without it, their logs
    /// could not be read. A node name that only the guest pod has does not count, as the tenant may have written it.
    async fn restore(&self, name: &str) -> Result<Action, ReconcileError> {
        if let Some(copied) = &self.copied {
            if !copied.are_known() {
                return Ok(Action::WaitFor("the host's nodes to be listed"));
            }
            if copied.shows(name) {
                return Ok(Action::AwaitChange);
            }
        }
        let running = self.guest_pods.find_map(|key, guest| {
            let host = runs_on(guest, name).then(|| self.host_pods.get(key))??;
            runs_on(&host, name).then_some(host)
        });
        if let Some(host) = running {
            let status = host.status.as_ref();
            self.ensure(name, status.and_then(|status| status.host_ip.as_deref()))
                .await?;
        }
        Ok(Action::AwaitChange)
    }

    /// Creates a node, unless it exists.
    pub(crate) async fn ensure(&self, name: &str, address: Option<&str>) -> Result<(), ReconcileError> {
        if self.guest.get(&Key::new("", name)).is_some() {
            return Ok(());
        }
        let version = self.context.guest().apiserver_version().await;
        let version = version
            .attempting(|| "ask for the guest's version".to_owned())?
            .git_version;
        self.lock_said().insert(name.to_owned());
        let made = self.make(name, address, &version).await;
        if made.is_err() {
            self.lock_said().remove(name);
        }
        made
    }

    async fn make(&self, name: &str, address: Option<&str>, version: &str) -> Result<(), ReconcileError> {
        let nodes: Api<Node> = Api::all(self.context.guest());
        let params = PatchParams::apply(MANAGER).force();
        let attempted = || format!("write node {name} to the guest");
        self.context.metrics().write("guest", "Node", "apply");
        nodes
            .patch_metadata(name, &params, &Patch::Apply(node(name)))
            .await
            .attempting(attempted)?;
        let status = status(name, address, version, self.context.config().kubelet_port);
        // Not applied: of a field that it does not have, the guest's API takes no notice then.
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        nodes
            .patch_status(name, &params, &Patch::Strategic(status))
            .await
            .map(drop)
            .attempting(attempted)
    }

    /// Updates a node of a former process to the kubelet API of this process.
    async fn lead_here(&self, name: &str) -> Result<(), ReconcileError> {
        if self.lock_said().contains(name) {
            return Ok(());
        }
        let port = self.context.config().kubelet_port;
        let status = json!({"status": {
            "addresses": [kubelet_address()],
            "daemonEndpoints": endpoints(port),
            "declaredFeatures": FEATURES,
        }});
        self.context.metrics().write("guest", "Node", "status");
        let nodes: Api<Node> = Api::all(self.context.guest());
        let params = PatchParams::default();
        unless_gone(nodes.patch_status(name, &params, &Patch::Strategic(status)).await)
            .attempting(|| format!("set the address of node {name} in the guest to the syncer's"))?;
        self.lock_said().insert(name.to_owned());
        Ok(())
    }

    fn lock_said(&self) -> MutexGuard<'_, HashSet<String>> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_used(&self, name: &str) -> bool {
        let runs = |pod: &Pod| runs_on(pod, name);
        self.guest_pods.any(runs) || self.host_pods.any(runs)
    }

    /// Returns the time since which a node has been unused.
    fn unused_since(&self, name: &str, used: bool) -> Option<Instant> {
        let mut unused = self.unused.lock().unwrap_or_else(PoisonError::into_inner);
        if used {
            unused.remove(name);
            return None;
        }
        Some(*unused.entry(name.to_owned()).or_insert_with(Instant::now))
    }
}

impl Reconciler for Nodes {
    fn name(&self) -> String {
        "nodes".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        let meta = self.guest.get(key)?;
        Some(
            Node {
                metadata: (*meta).clone(),
                ..Node::default()
            }
            .object_ref(&()),
        )
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        let Some(meta) = self.guest.get(key) else {
            return self.restore(&key.name).await;
        };
        if !is_fake(&meta) {
            return Ok(Action::AwaitChange);
        }
        self.lead_here(&key.name).await?;
        let Some(since) = self.unused_since(&key.name, self.is_used(&key.name)) else {
            return Ok(Action::AwaitChange);
        };
        let left = LINGERS.saturating_sub(since.elapsed());
        if !left.is_zero() {
            return Ok(Action::RequeueAfter(left));
        }
        let kind = ApiResource::erase::<Node>(&());
        let writer = self.context.in_guest(&kind, key);
        writer.delete(&delete::if_uid(&meta)).await?;
        self.unused_since(&key.name, true);
        self.lock_said().remove(&key.name);
        Ok(Action::AwaitChange)
    }
}

/// Returns true if a pod is bound to a node.
fn runs_on(pod: &Pod, node: &str) -> bool {
    pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref()) == Some(node)
}

/// Returns true if a guest node is a fake node.
pub(crate) fn is_fake(meta: &ObjectMeta) -> bool {
    meta.labels
        .as_ref()
        .is_some_and(|labels| labels.contains_key(FAKE))
}

fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "labels": {
                FAKE: "true",
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": architecture(),
            },
        },
    })
}

/// Returns a fake node. The host's capacity is hidden from the tenant; these values, which are vcluster's, keep anything from
/// taking the node for full.
fn status(name: &str, address: Option<&str>, version: &str, kubelet: u16) -> Value {
    let room = BTreeMap::from([
        ("cpu", "16"),
        ("memory", "32Gi"),
        ("pods", "110"),
        ("ephemeral-storage", "100Gi"),
    ]);
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let condition = |type_: &str, status: &str, reason: &str| {
        json!({"type": type_, "status": status, "reason": reason, "message": "shown by the syncer",
            "lastHeartbeatTime": now, "lastTransitionTime": now})
    };
    let mut addresses = vec![json!({"type": "Hostname", "address": name}), kubelet_address()];
    addresses.extend(address.map(|address| json!({"type": "InternalIP", "address": address})));
    json!({
        "metadata": {"name": name},
        "status": {
            "declaredFeatures": FEATURES,
            "capacity": room,
            "allocatable": room,
            "addresses": addresses,
            "daemonEndpoints": endpoints(kubelet),
            "conditions": [
                condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                condition("PIDPressure", "False", "KubeletHasSufficientPID"),
                condition("Ready", "True", "KubeletReady"),
            ],
            "nodeInfo": {
                "architecture": architecture(), "operatingSystem": "linux", "kubeletVersion": version,
                "kubeProxyVersion": "", "containerRuntimeVersion": "", "kernelVersion": "", "osImage": "",
                "machineID": "", "systemUUID": "", "bootID": "",
            },
        },
    })
}

/// The type of the address at which the guest's API server reaches a kubelet: by the chart's settings, it uses only this type.
pub(crate) const KUBELET_ADDRESS: &str = "InternalDNS";

/// Returns the address of the syncer, which is in the API server's own pod.
pub(crate) fn kubelet_address() -> Value {
    json!({"type": KUBELET_ADDRESS, "address": "localhost"})
}

/// Returns the endpoint with the port of the kubelet API.
pub(crate) fn endpoints(kubelet: u16) -> Value {
    json!({"kubeletEndpoint": {"Port": kubelet}})
}

/// Returns Go's name of the machine's architecture, which is Kubernetes' too.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
