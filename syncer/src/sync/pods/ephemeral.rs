//! Ephemeral containers of a running pod, as `kubectl debug` adds them. They can't be removed.

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use tracing::warn;
use vcluster_values::admission;

use super::own::{Own, has_name};
use super::{Pods, status, translate};
use crate::sync::runtime::context::MANAGER;
use crate::sync::runtime::error::{Attempt, ReconcileError, unless_gone};
use crate::sync::runtime::key::Key;

impl Pods {
    /// Adds the ephemeral containers of the running guest pod to the host pod. A refused one does not keep others from being
    /// added.
    pub(super) async fn add_ephemeral(
        &self,
        key: &Key,
        guest: &Pod,
        host: &Pod,
    ) -> Result<(), ReconcileError> {
        let Missing { addable, taken } = missing(guest, host);
        for name in taken {
            self.tell_taken(guest, &name).await;
        }
        let mut failures = Vec::new();
        for (index, container) in addable {
            failures.extend(self.add(key, guest, host, index, container).await.err());
        }
        match failures.len() {
            0 | 1 => failures.pop().map_or(Ok(()), Err),
            _ => {
                let words: Vec<String> = failures.iter().map(ReconcileError::message).collect();
                Err(ReconcileError::Refused(words.join("; ")))
            }
        }
    }

    /// Adds the container at an index of the guest pod's list, with the syncer's field manager, so that its owner is known.
    async fn add(
        &self,
        key: &Key,
        guest: &Pod,
        host: &Pod,
        index: usize,
        container: EphemeralContainer,
    ) -> Result<(), ReconcileError> {
        // A violation is named by the container's place in the guest's list.
        let mut list = vec![json!({}); index];
        list.push(json!(container));
        self.context.admit(
            admission::Resource::Pods,
            &json!({"spec": {"ephemeralContainers": list}}),
        )?;
        let name = container.name.clone();
        let dns = self.services.dns();
        let added = translate::ephemeral(vec![container], guest, &self.surroundings(guest, dns.as_deref()));
        let body = json!({"metadata": {"uid": host.uid()}, "spec": {"ephemeralContainers": added}});
        self.context.metrics().write("host", "Pod", "patch");
        let hosts: Api<Pod> = self.context.host_api(&key.namespace);
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        unless_gone(
            hosts
                .patch_ephemeral_containers(&key.name, &params, &Patch::Strategic(body))
                .await,
        )
        .attempting(|| format!("add container {name} to pod {key} on the host"))
    }

    /// Records an Event: the host pod has another container of that name. Neither can be removed, so it is recorded once, before
    /// the guest's status shows it.
    async fn tell_taken(&self, guest: &Pod, name: &str) {
        if status::shows_taken(guest, name) {
            return;
        }
        let why = format!(
            "ephemeral container {name} was not added: the pod has a container of that name on the host, which is \
             not this virtual cluster's; add it again with another name"
        );
        warn!(pod = %Key::of(&guest.metadata), "{why}");
        let recorder = self.context.recorder();
        recorder
            .failed(&guest.object_ref(&()), &ReconcileError::Refused(why), 0)
            .await;
    }
}

/// Returns true if the host pod has all ephemeral containers of the guest pod that it can have.
pub(super) fn are_all_added(guest: &Pod, host: &Pod) -> bool {
    missing(guest, host).addable.is_empty()
}

/// The ephemeral containers of a guest pod that the host pod does not have.
#[derive(Debug, PartialEq)]
struct Missing {
    /// Containers that can be added, each with its index in the guest's list.
    addable: Vec<(usize, EphemeralContainer)>,
    /// Names of containers that another container on the host has.
    taken: Vec<String>,
}

fn missing(guest: &Pod, host: &Pod) -> Missing {
    let own = Own::of(guest, host);
    let all = guest
        .spec
        .iter()
        .flat_map(|spec| spec.ephemeral_containers.iter().flatten());
    let missing = (all.cloned().enumerate())
        .filter(|(_, container)| !own.ephemeral_containers.contains(&*container.name));
    let (taken, addable): (Vec<_>, _) = missing.partition(|(_, container)| has_name(host, &container.name));
    Missing {
        addable,
        taken: taken.into_iter().map(|(_, container)| container.name).collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn only_a_container_whose_name_the_host_does_not_have_is_added() {
        let named = |names: &[&str]| -> Value {
            let containers = names.iter().map(|name| json!({"name": name, "image": "a"}));
            containers.collect()
        };
        let guest: Pod = serde_json::from_value(json!({"spec": {
            "containers": named(&["app"]),
            "ephemeralContainers": named(&["first", "daprd", "second", "theirs", "proxy"]),
        }}))
        .unwrap();
        let host: Pod = serde_json::from_value(json!({
            "metadata": {"managedFields": [{
                "manager": MANAGER, "operation": "Update", "apiVersion": "v1", "subresource": "ephemeralcontainers",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:ephemeralContainers": {"k:{\"name\":\"first\"}": {}}}},
            }]},
            "spec": {
                "containers": named(&["daprd", "app"]),
                "initContainers": named(&["proxy"]),
                "ephemeralContainers": named(&["first", "theirs"]),
            },
        }))
        .unwrap();
        let Missing { addable, taken } = missing(&guest, &host);
        let addable: Vec<_> = (addable.iter())
            .map(|(index, container)| (*index, &*container.name))
            .collect();
        assert_eq!(addable, [(2, "second")]);
        assert_eq!(taken, ["daprd", "theirs", "proxy"]);
    }
}
