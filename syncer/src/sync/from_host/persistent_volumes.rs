//! Placeholders in the guest for the volumes that its PVCs are bound to.
//!
//! The host's volumes are not read: all fields of a placeholder come from the PVC. It is there for `kubectl get` and for programs
//! that look up the volume of a PVC; nothing mounts it.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams};
use kube::core::PartialObjectMeta;
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};

use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError, unless_gone};
use crate::sync::runtime::informer::{Change, Scope, Store};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::{Action, Reconciler};
use crate::sync::runtime::watches::metadata;
use crate::sync::runtime::work_queue::WorkQueue;
use crate::sync::write::delete;
use crate::sync::write::last_applied::{LastApplied, Versions};

/// Label on placeholders.
const FAKE: &str = "vcluster.loft.sh/fake-pv";

/// Provisioner that a placeholder names; the guest has none of that name.
const DRIVER: &str = "host.vcluster.loft.sh";

/// Reconciler of the placeholders.
#[derive(Debug)]
pub(crate) struct PersistentVolumes {
    context: Context,
    claims: Arc<Store<PersistentVolumeClaim>>,
    guest: Arc<Store<ObjectMeta>>,
    queue: WorkQueue,
    written: LastApplied,
}

impl PersistentVolumes {
    /// Creates the reconciler; nothing runs yet.
    pub(crate) fn new(context: &Context) -> Arc<Self> {
        Arc::new(Self {
            context: context.clone(),
            claims: Arc::default(),
            guest: Arc::default(),
            queue: WorkQueue::default(),
            written: LastApplied::default(),
        })
    }

    /// Watches the guest's PVCs and volumes.
    pub(crate) fn watch(self: &Arc<Self>) {
        let reconciler = self.clone();
        let claims: Api<PersistentVolumeClaim> = Api::all(self.context.guest());
        let changed = move |change| match change {
            Change::Object(claim) => reconciler.claim_changed(&claim),
            Change::Complete => reconciler.recheck(),
        };
        self.context
            .watch_guest("PVCs of volumes", claims, &self.claims, |claim| claim, changed);
        let reconciler = self.clone();
        let volumes: Api<PartialObjectMeta<PersistentVolume>> = Api::all(self.context.guest());
        let changed = move |change| reconciler.queue.guest_changed(change);
        self.context
            .watch_guest("volumes", volumes, &self.guest, metadata, changed);
    }

    fn claim_changed(&self, claim: &Key) {
        match self.claims.get(claim).as_deref().and_then(bound_to) {
            Some(volume) => self.queue.add(Key::new("", volume)),
            None => self.recheck(),
        }
    }

    /// Requeues all placeholders: a PVC that is gone no longer names its volume.
    fn recheck(&self) {
        self.guest.keys().into_iter().for_each(|key| self.queue.add(key));
    }

    async fn write(
        &self,
        key: &Key,
        claim: &PersistentVolumeClaim,
        known: Option<&ObjectMeta>,
    ) -> Result<Action, ReconcileError> {
        let now = |volume: Option<String>| Versions {
            guest: claim.resource_version(),
            host: volume,
        };
        if known.is_some_and(|known| self.written.is_at(key, &now(known.resource_version.clone()))) {
            return Ok(Action::AwaitChange);
        }
        let volumes: Api<PersistentVolume> = Api::all(self.context.guest());
        let attempted = || format!("write volume {key} to the guest");
        self.context.metrics().write("guest", "PersistentVolume", "apply");
        let params = PatchParams::apply(MANAGER).force();
        let body = Patch::Apply(placeholder(&key.name, claim));
        let written = volumes
            .patch_metadata(&key.name, &params, &body)
            .await
            .attempting(attempted)?;
        let status = json!({"status": {"phase": "Bound"}});
        let shown = volumes
            .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(status))
            .await
            .attempting(attempted)?;
        let version = shown.resource_version().or(written.metadata.resource_version);
        self.written.set(key, now(version));
        Ok(Action::AwaitChange)
    }

    /// Deletes a placeholder. The guest's controller does not remove the finalizer of a bound volume, and there is nothing to
    /// protect.
    async fn delete(&self, key: &Key, volume: &ObjectMeta) -> Result<Action, ReconcileError> {
        self.written.forget(key);
        let volumes: Api<PersistentVolume> = Api::all(self.context.guest());
        let attempted = || format!("delete volume {key} in the guest");
        self.context
            .metrics()
            .write("guest", "PersistentVolume", "delete");
        unless_gone(volumes.delete(&key.name, &delete::if_uid(volume)).await).attempting(attempted)?;
        let free = json!({"metadata": {"uid": volume.uid, "finalizers": null}});
        unless_gone(
            volumes
                .patch_metadata(&key.name, &PatchParams::default(), &Patch::Merge(free))
                .await,
        )
        .attempting(attempted)?;
        Ok(Action::AwaitChange)
    }
}

impl Reconciler for PersistentVolumes {
    fn name(&self) -> String {
        "volumes".to_owned()
    }

    fn queue(&self) -> &WorkQueue {
        &self.queue
    }

    fn subject(&self, key: &Key) -> Option<ObjectReference> {
        let meta = self.guest.get(key)?;
        let volume = PersistentVolume {
            metadata: (*meta).clone(),
            ..PersistentVolume::default()
        };
        Some(volume.object_ref(&()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Action, ReconcileError> {
        if !self.claims.has_listed(&Scope::Everything) {
            return Ok(Action::WaitFor("the guest's PVCs to be listed"));
        }
        let claim = self
            .claims
            .find_map(|_, claim| (bound_to(claim) == Some(key.name.as_str())).then(|| claim.clone()));
        let volume = self.guest.get(key);
        match (claim, volume) {
            // A volume that the tenant has made itself stands for nothing, and stays.
            (_, Some(volume)) if !is_fake(&volume) => Ok(Action::AwaitChange),
            (Some(claim), volume) => self.write(key, &claim, volume.as_deref()).await,
            (None, Some(volume)) => self.delete(key, &volume).await,
            (None, None) => Ok(Action::AwaitChange),
        }
    }
}

/// Returns the volume that a PVC is bound to.
fn bound_to(claim: &PersistentVolumeClaim) -> Option<&str> {
    let phase = claim.status.as_ref()?.phase.as_deref()?;
    let volume = claim.spec.as_ref()?.volume_name.as_deref()?;
    (phase == "Bound" && !volume.is_empty()).then_some(volume)
}

fn is_fake(meta: &ObjectMeta) -> bool {
    (meta.labels.as_ref()).is_some_and(|labels| labels.contains_key(FAKE))
}

/// Returns the placeholder of a PVC's volume, as far as the PVC describes it.
fn placeholder(name: &str, claim: &PersistentVolumeClaim) -> Value {
    let spec = claim.spec.clone().unwrap_or_default();
    let status = claim.status.clone().unwrap_or_default();
    let requested = spec.resources.and_then(|resources| resources.requests);
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name, "labels": {FAKE: "true"}},
        "spec": {
            "accessModes": status.access_modes.or(spec.access_modes),
            "capacity": status.capacity.or(requested),
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "namespace": claim.metadata.namespace,
                "name": claim.metadata.name,
                "uid": claim.metadata.uid,
            },
            "csi": {"driver": DRIVER, "volumeHandle": name},
            // What becomes of the data is the host's to say; deleting the claim is all that the guest can do.
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec.storage_class_name.unwrap_or_default(),
            "volumeMode": spec.volume_mode.as_deref().unwrap_or("Filesystem"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(phase: &str) -> PersistentVolumeClaim {
        let yaml = format!(
            "metadata: {{name: data, namespace: default, uid: 1-2-3}}
spec: {{accessModes: [ReadWriteOnce], resources: {{requests: {{storage: 1Gi}}}}, storageClassName: fast, volumeName: pvc-1}}
status: {{phase: {phase}, accessModes: [ReadWriteOnce], capacity: {{storage: 2Gi}}}}"
        );
        serde_saphyr::from_str(&yaml).unwrap()
    }

    #[test]
    fn a_placeholder_says_what_the_claim_says() {
        let claim = claim("Bound");
        assert_eq!(bound_to(&claim), Some("pvc-1"));
        insta::assert_json_snapshot!(placeholder("pvc-1", &claim));
    }

    #[test]
    fn a_claim_that_only_wants_a_volume_has_no_placeholder() {
        assert_eq!(bound_to(&claim("Pending")), None);
    }
}
