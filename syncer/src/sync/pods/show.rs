//! Writes of a host pod's status to the guest, and the record of them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::Pods;
use super::status::{self, Others, conditions};
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal};
use crate::sync::runtime::key::Key;

/// The status of one pod that this process has written to the guest.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The types of condition that controllers other than a kubelet have set on the host.
    from_host: BTreeSet<String>,
    /// The last status.
    last: Option<LastApplied>,
}

/// A status that was written to the guest.
#[derive(Debug)]
struct LastApplied {
    status: PodStatus,
    /// The guest pod as the guest has stored it.
    taken: Base,
    /// The version of the guest pod before the write.
    before: Option<String>,
}

/// The state of a guest pod that a change of its status is based on.
#[derive(Clone, Debug)]
pub(super) struct Base {
    status: Option<PodStatus>,
    version: Option<String>,
}

impl Base {
    pub(super) fn of(guest: &Pod) -> Self {
        Self {
            status: guest.status.clone(),
            version: guest.metadata.resource_version.clone(),
        }
    }
}

/// A condition for writing a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum If {
    /// The guest pod is still the same object.
    Same,
    /// The guest pod is in the state that the change is based on.
    Unchanged,
}

impl Pods {
    /// Returns the status that a guest pod shows of its host pod.
    pub(super) fn status_of(&self, key: &Key, guest: &Pod, host: &Pod) -> PodStatus {
        let mut all = self.shown();
        let from_host = &mut all.entry(key.clone()).or_default().from_host;
        for type_ in conditions::of_others(host) {
            if !from_host.contains(type_) {
                from_host.insert(type_.to_owned());
            }
        }
        status::shown(guest, host, Others::Stay(from_host))
    }

    /// Writes the status of a host pod to the guest.
    pub(super) async fn show(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let wanted = self.status_of(key, guest, host);
        let mut base = Base::of(guest);
        if let Some(last) = self.shown().get(key).and_then(|shown| shown.last.as_ref()) {
            let is_on_its_way = last.before == base.version;
            // The guest may not keep all of what it is shown.
            if last.status == wanted && (is_on_its_way || last.taken.status == base.status) {
                return Ok(());
            }
            if is_on_its_way {
                base = last.taken.clone();
            }
        }
        if base.status.as_ref() == Some(&wanted) {
            return Ok(());
        }
        // A change from a state that is no longer true would leave conditions behind. The true one comes by the watch.
        let condition = If::Unchanged;
        self.write_status(key, guest, &base, wanted, condition)
            .await
            .map(drop)
    }

    /// Writes a status to the guest. Returns false if the condition was not met.
    pub(super) async fn write_status(
        &self,
        key: &Key,
        guest: &Pod,
        base: &Base,
        wanted: PodStatus,
        condition: If,
    ) -> Result<bool, ReconcileError> {
        let patch = status::patch(base.status.as_ref(), &wanted);
        let patch = patch.map_err(|source| ReconcileError::Unreadable {
            what: format!("the status of pod {key}"),
            source,
        })?;
        let mut body = json!({"metadata": {"uid": guest.uid()}, "status": patch});
        if condition == If::Unchanged {
            body["metadata"]["resourceVersion"] = json!(base.version);
        }
        self.context.metrics().write("guest", "Pod", "status");
        let guests: Api<Pod> = self.context.guest_api(&key.namespace);
        let written = guests
            .patch_status(&key.name, &PatchParams::default(), &Patch::Strategic(body))
            .await;
        if let Some(status) = refusal(&written)
            && (status.is_not_found() || (condition == If::Unchanged && status.is_conflict()))
        {
            return Ok(status.is_not_found());
        }
        let written = written.attempting(|| format!("show the status of pod {key} in the guest"))?;
        self.shown().entry(key.clone()).or_default().last = Some(LastApplied {
            status: wanted,
            taken: Base::of(&written),
            before: guest.metadata.resource_version.clone(),
        });
        Ok(true)
    }

    pub(super) fn shown(&self) -> MutexGuard<'_, HashMap<Key, Shown>> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
