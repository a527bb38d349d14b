//! The check of pods against the host's policies, before and after their creation.

use k8s_openapi::api::core::v1::Pod;
use kube::Resource as _;
use vcluster_values::admission::Resource;

use super::{Pods, is_going, translate};
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::key::Key;
use crate::sync::to_host::references::dapr;

impl Pods {
    /// Refuses a pod that the host's policies do not allow.
    pub(super) fn comply(&self, guest: &Pod) -> Result<(), ReconcileError> {
        let obstacles = translate::obstacles(guest, &self.surroundings(guest, None));
        if !obstacles.is_empty() {
            let why = obstacles.join("; ");
            return Err(ReconcileError::Refused(format!("not created on the host: {why}")));
        }
        let host = self.without_shown_class(self.translated(guest, None));
        self.context.admit(Resource::Pods, &host)
    }

    /// Records an Event, once, about the fields of a pod that have another effect on the host.
    pub(super) async fn remark(&self, guest: &Pod, created: &Pod) {
        let dns = self.services.dns();
        let surroundings = self.surroundings(guest, dns.as_deref());
        let mut remarks = translate::remarks(guest, created, &surroundings);
        remarks.extend(dapr::missing_volumes(guest).map(|(annotation, volume)| {
            let note = format!(
                "annotation {annotation} names volume {volume}, which the pod does not have: Dapr's sidecar starts without \
                 it. Add the volume to the pod, or take it out of the annotation"
            );
            ("VolumeNotFound", note)
        }));
        for (reason, note) in remarks {
            let recorder = self.context.recorder();
            recorder.warn(&guest.object_ref(&()), reason, note).await;
        }
    }

    /// Records an Event, once, about the fields of a running pod that would be refused if it were created now: its namespace or
    /// the host's policies may be newer than the pod.
    pub(super) async fn review(&self, key: &Key, guest: &Pod, host: &Pod) {
        let uid = host.metadata.uid.clone().unwrap_or_default();
        if is_going(host) || self.reviewed().insert(key.clone(), uid.clone()) == Some(uid) {
            return;
        }
        let mut host = self.without_shown_class(host.clone());
        if let Some(spec) = &mut host.spec {
            // The host's scheduler has chosen it.
            spec.node_name = None;
        }
        let violations = self.context.config().admission.violations(Resource::Pods, &host);
        if violations.is_empty() {
            return;
        }
        let note = format!(
            "this pod goes on running, but the host would refuse it if it were created now: {}. Change it before it is \
             replaced, or ask the host's administrator to allow it",
            violations.join("; ")
        );
        self.context
            .recorder()
            .warn(&guest.object_ref(&()), "PolicyViolation", note)
            .await;
    }

    /// Removes a runtime class that the host shows: the rules do not know these.
    fn without_shown_class(&self, mut host: Pod) -> Pod {
        if let (Some(classes), Some(spec)) = (&self.runtime_classes, &mut host.spec)
            && (spec.runtime_class_name.as_deref()).is_some_and(|class| classes.shows(class))
        {
            spec.runtime_class_name = None;
        }
        host
    }
}
