//! The end of a guest pod that has no mirror (any more), as nothing else would end it.
//!
//! A controller may wait until a pod has ended before it replaces the pod or removes its finalizer, and a namespace waits for
//! both. A guest pod whose mirror was deleted shows the last state of the mirror. If the mirror had not ended, or its last state
//! is not known, the guest pod ends as failed. The controllers of a cluster do the same to the pods of a node that is gone.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::show::{Base, If};
use super::status::conditions::{self, DISRUPTED};
use super::{Pods, has_ended, is_going};
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::Action;
use crate::sync::write::ownership;

impl Pods {
    /// Ends a guest pod that has no mirror, and deletes it.
    pub(super) async fn end(&self, key: &Key, guest: &Pod) -> Result<Action, ReconcileError> {
        if !has_ended(guest) {
            let last = self.host.deleted(key).filter(|last| is_made_from(last, guest));
            let status = match last {
                Some(last) => self.status_of(key, guest, &last),
                None => guest.status.clone().unwrap_or_default(),
            };
            // What the guest does not know yet may be how the pod ended.
            if !self
                .write_status(key, guest, &Base::of(guest), ended(guest, status), If::Unchanged)
                .await?
            {
                return Ok(Action::WaitFor("the latest state of the pod in the guest"));
            }
        }
        if is_going(guest) && guest.metadata.deletion_grace_period_seconds == Some(0) {
            // Whoever has a finalizer on it takes that off now.
            return Ok(Action::AwaitChange);
        }
        self.delete_guest(key, guest, Some(0)).await?;
        Ok(Action::AwaitChange)
    }

    /// Sets a condition on a guest pod whose host pod is being deleted by the host, before the guest pod is deleted too.
    pub(super) async fn disrupt(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let has_succeeded = host.status.as_ref().is_some_and(has_succeeded);
        if has_ended(guest) || has_succeeded || conditions::of_type(guest, DISRUPTED).is_some() {
            return Ok(());
        }
        let mut status = guest.status.clone().unwrap_or_default();
        let why = (conditions::of_type(host, DISRUPTED).cloned()).map(|theirs| PodCondition {
            // It counts the host's changes.
            observed_generation: None,
            ..theirs
        });
        let why = why.unwrap_or_else(|| disruption("DeletedOnHost", "The host is deleting this pod."));
        status.conditions.get_or_insert_default().push(why);
        // It adds to whatever is there.
        let condition = If::Same;
        self.write_status(key, guest, &Base::of(guest), status, condition)
            .await
            .map(drop)
    }
}

/// Returns the status of a pod that has ended. A pod that has not succeeded was disrupted, unless the tenant has deleted it.
fn ended(guest: &Pod, mut status: PodStatus) -> PodStatus {
    let was_started = guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
    let (reason, message) = match status.phase.as_deref() {
        Some("Succeeded" | "Failed") => ("DeletedOnHost", "The host deleted this pod."),
        _ if was_started => (
            "LostOnHost",
            "The pod was removed from the host, and how its containers ended is not known.",
        ),
        _ => ("NeverStarted", "The pod was deleted before it was started."),
    };
    if reason != "DeletedOnHost" {
        status.phase = Some("Failed".to_owned());
        status.reason = Some(reason.to_owned());
        status.message = Some(message.to_owned());
    }
    let was_disrupted = !is_going(guest) && !has_succeeded(&status);
    let conditions = status.conditions.get_or_insert_default();
    if was_disrupted && conditions.iter().all(|condition| condition.type_ != DISRUPTED) {
        conditions.push(disruption(reason, message));
    }
    status
}

fn has_succeeded(status: &PodStatus) -> bool {
    status.phase.as_deref() == Some("Succeeded")
}

fn disruption(reason: &str, message: &str) -> PodCondition {
    PodCondition {
        type_: DISRUPTED.to_owned(),
        status: "True".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_transition_time: Some(Time(Timestamp::now())),
        ..PodCondition::default()
    }
}

/// Returns true if a host pod is the mirror of this guest pod, and not of an earlier one of the same name.
fn is_made_from(host: &Pod, guest: &Pod) -> bool {
    ownership::guest_of(&host.metadata).is_some_and(|made_from| Some(made_from.uid) == guest.uid())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    const DELETED: &str = "2026-01-01T00:00:00Z";

    #[rstest]
    #[case::lost(json!({"phase": "Running"}), None, "Failed", Some("LostOnHost"))]
    #[case::lost_while_the_tenant_deletes_it(json!({"phase": "Running"}), Some(DELETED), "Failed", None)]
    #[case::succeeded(json!({"phase": "Succeeded"}), None, "Succeeded", None)]
    #[case::failed(json!({"phase": "Failed"}), None, "Failed", Some("DeletedOnHost"))]
    #[case::evicted(
        json!({"phase": "Failed", "conditions": [{"type": DISRUPTED, "status": "True", "reason": "Evicted"}]}),
        None,
        "Failed",
        Some("Evicted"),
    )]
    fn a_pod_that_the_tenant_has_not_deleted_was_disrupted_unless_it_succeeded(
        #[case] status: Value,
        #[case] deleted: Option<&str>,
        #[case] phase: &str,
        #[case] disrupted: Option<&str>,
    ) {
        let guest = json!({
            "metadata": {"deletionTimestamp": deleted},
            "spec": {"containers": [], "nodeName": "worker-1"},
        });
        let guest: Pod = serde_json::from_value(guest).unwrap();
        let pod = Pod {
            status: Some(ended(&guest, serde_json::from_value(status).unwrap())),
            ..guest
        };
        let reason = conditions::of_type(&pod, DISRUPTED).and_then(|found| found.reason.as_deref());
        assert_eq!(reason, disrupted);
        assert_eq!(pod.status.unwrap().phase.as_deref(), Some(phase));
    }
}
