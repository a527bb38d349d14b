//! The translation of an event about a host object to the guest, as a pure function of the event and the two objects.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Event, ObjectReference, PersistentVolumeClaim, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::core::ApiResource;

use crate::sync::pods::{Own, token_secret};
use crate::sync::write::object::Object;

/// A guest object and its host object: a mirror and its owner, or a copy and its original.
#[derive(Debug)]
pub(super) enum Subject {
    /// Pods.
    Pod(Arc<Pod>, Arc<Pod>),
    /// PVCs.
    Claim(Arc<Object>, Arc<Object>),
}

impl Subject {
    /// Returns the metadata of the guest object and of the host object.
    pub(super) fn both(&self) -> (&ObjectMeta, &ObjectMeta) {
        match self {
            Self::Pod(guest, host) => (&guest.metadata, &host.metadata),
            Self::Claim(guest, host) => (&guest.metadata, &host.metadata),
        }
    }

    /// Returns a reference to the guest object.
    fn reference(&self) -> ObjectReference {
        let mut reference = match self {
            Self::Pod(guest, _) => guest.object_ref(&()),
            Self::Claim(guest, _) => guest.object_ref(&ApiResource::erase::<PersistentVolumeClaim>(&())),
        };
        reference
            .resource_version
            .clone_from(&self.both().0.resource_version);
        reference
    }

    /// Returns the node of the host object.
    fn node(&self) -> Option<&str> {
        match self {
            Self::Pod(_, host) => host.spec.as_ref()?.node_name.as_deref(),
            Self::Claim(..) => None,
        }
    }

    /// Returns true if a field is of something that the host has added.
    fn hides(&self, field_path: &str) -> bool {
        match (self, container(field_path)) {
            (Self::Pod(guest, host), Some(container)) => !Own::of(guest, host).has(container),
            _ => false,
        }
    }

    /// Returns true if the event says that a kubelet waits for the Secret with the pod's tokens. The syncer writes that Secret
    /// once the guest pod is bound. If it cannot, another Event has the reason.
    fn waits_for_tokens(&self, event: &Event) -> bool {
        let Self::Pod(guest, _) = self else { return false };
        let secret = token_secret(guest.metadata.uid.as_deref().unwrap_or_default());
        let says = |message: &String| message.contains(&secret);
        event.reason.as_deref() == Some("FailedMount") && event.message.as_ref().is_some_and(says)
    }
}

/// Returns the event for the guest; `None` if it is about a container that is not the guest's own.
pub(super) fn translate(event: Event, subject: &Subject) -> Option<Event> {
    let field_path = event.involved_object.field_path.clone();
    if field_path.as_deref().is_some_and(|path| subject.hides(path)) || subject.waits_for_tokens(&event) {
        return None;
    }
    let (guest, host) = subject.both();
    let words = [(&host.namespace, &guest.namespace), (&host.uid, &guest.uid)];
    let in_its_words = |message: String| {
        words.iter().fold(message, |message, words| match words {
            (Some(theirs), Some(ours)) => message.replace(theirs, ours),
            _ => message,
        })
    };
    let instance = event.reporting_instance.filter(|name| {
        // That of the host's scheduler is called after its machine.
        name.is_empty() || Some(name.as_str()) == subject.node()
    });
    Some(Event {
        metadata: ObjectMeta {
            name: event.metadata.name,
            namespace: guest.namespace.clone(),
            ..ObjectMeta::default()
        },
        involved_object: ObjectReference {
            field_path,
            ..subject.reference()
        },
        message: event.message.map(in_its_words),
        related: None,
        reporting_instance: instance.or_else(|| event.reporting_component.clone()),
        ..event
    })
}

/// Returns the container in `spec.containers{app}`.
fn container(field_path: &str) -> Option<&str> {
    let (_, name) = field_path.strip_suffix('}')?.split_once('{')?;
    Some(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(namespace: &str, uid: &str, containers: &[&str]) -> Pod {
        let containers: Vec<_> = containers.iter().map(|name| json!({"name": name})).collect();
        serde_json::from_value(json!({
            "metadata": {"name": "write-app", "namespace": namespace, "uid": uid, "resourceVersion": "7"},
            "spec": {"nodeName": "worker-1", "containers": containers},
        }))
        .unwrap()
    }

    fn translated(event: serde_json::Value) -> Option<Event> {
        let guest = pod("default", "guest-uid", &["app"]);
        let host = pod("vcluster-37a8eec1-ccd63636", "host-uid", &["app", "daprd"]);
        let subject = Subject::Pod(Arc::new(guest), Arc::new(host));
        translate(serde_json::from_value(event).unwrap(), &subject)
    }

    fn about(container: &str) -> serde_json::Value {
        json!({
            "metadata": {
                "name": "write-app.17f3a", "namespace": "vcluster-37a8eec1-ccd63636",
                "uid": "event-uid", "resourceVersion": "9",
            },
            "involvedObject": {
                "apiVersion": "v1", "kind": "Pod", "name": "write-app", "uid": "host-uid",
                "namespace": "vcluster-37a8eec1-ccd63636", "resourceVersion": "8",
                "fieldPath": format!("spec.containers{{{container}}}"),
            },
            "reason": "BackOff",
            "message": format!(
                "Back-off restarting failed container {container} in pod \
                 write-app_vcluster-37a8eec1-ccd63636(host-uid)"
            ),
            "type": "Warning",
            "count": 3,
            "firstTimestamp": "2026-01-01T00:00:00Z",
            "lastTimestamp": "2026-01-01T00:01:00Z",
            "source": {"component": "kubelet", "host": "worker-1"},
            "reportingComponent": "kubelet",
            "reportingInstance": "worker-1",
        })
    }

    #[test]
    fn an_event_of_the_kubelet_becomes_one_about_the_guests_pod() {
        insta::assert_yaml_snapshot!(translated(about("app")));
    }

    #[test]
    fn an_event_about_a_container_that_the_host_added_is_left_out() {
        assert_eq!(translated(about("daprd")), None);
    }

    #[test]
    fn a_kubelet_that_waits_for_the_pods_tokens_is_left_out() {
        let about = |secret: &str| {
            let mut event = about("app");
            event["involvedObject"]["fieldPath"] = json!(null);
            event["reason"] = json!("FailedMount");
            event["message"] = json!(format!(
                "MountVolume.SetUp failed for volume \"kube-api-access-1\" : secret \"{secret}\" not found"
            ));
            translated(event).is_some()
        };
        assert_eq!(["vc-token-guest-uid", "password"].map(about), [false, true]);
    }

    #[test]
    fn an_event_of_the_scheduler_does_not_name_its_machine() {
        let event = json!({
            "metadata": {"name": "write-app.17f3b"},
            "involvedObject": {"kind": "Pod", "name": "write-app", "uid": "host-uid"},
            "eventTime": "2026-01-01T00:00:00.123456Z",
            "series": {"count": 2, "lastObservedTime": "2026-01-01T00:00:05.000001Z"},
            "action": "Scheduling",
            "reason": "FailedScheduling",
            "message": "0/1 nodes are available: 1 Insufficient cpu.",
            "type": "Warning",
            "reportingComponent": "default-scheduler",
            "reportingInstance": "default-scheduler-control-plane-1",
        });
        insta::assert_yaml_snapshot!(translated(event));
    }

    #[test]
    fn an_event_of_the_hosts_storage_becomes_one_about_the_guests_pvc() {
        let claim = |namespace: &str, uid: &str| -> Arc<Object> {
            let claim = json!({"metadata": {"name": "data", "namespace": namespace, "uid": uid}});
            Arc::new(serde_json::from_str(&claim.to_string()).unwrap())
        };
        let host = claim("vcluster-37a8eec1-ccd63636", "host-uid");
        let subject = Subject::Claim(claim("default", "guest-uid"), host);
        let event = json!({
            "metadata": {"name": "data.17f3c"},
            "involvedObject": {"kind": "PersistentVolumeClaim", "name": "data", "uid": "host-uid"},
            "reason": "ProvisioningFailed",
            "message": "failed to provision vcluster-37a8eec1-ccd63636/data: storageclass \"fast\" not found",
            "type": "Warning",
            "source": {"component": "persistentvolume-controller"},
            "reportingComponent": "persistentvolume-controller",
        });
        insta::assert_yaml_snapshot!(translate(serde_json::from_value(event).unwrap(), &subject));
    }
}
