//! Containers that a running pod is given, as `kubectl debug` does it. They can't be taken away again.

use k8s_openapi::api::core::v1::{EphemeralContainer, Pod};
use kube::api::{Patch, PatchParams};
use kube::{Api, ResourceExt};
use serde_json::json;

use super::{Pods, translate};
use crate::admission::Resource;
use crate::sync::failure::{Attempt, Failure, unless_gone};
use crate::sync::key::Key;

impl Pods {
    /// Adds to the host's pod the containers that somebody has added to the running guest pod.
    pub(super) async fn add_ephemeral(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), Failure> {
        let added = missing(guest, host);
        if added.is_empty() {
            return Ok(());
        }
        self.engine
            .admit(Resource::Pods, &json!({"spec": {"ephemeralContainers": added}}))?;
        let dns = self.services.dns();
        let added = translate::ephemeral(added, guest, &self.surroundings(guest, dns.as_deref()));
        let body = json!({"metadata": {"uid": host.uid()}, "spec": {"ephemeralContainers": added}});
        self.engine.metrics().write("host", "Pod", "patch");
        let hosts: Api<Pod> = self.engine.host_api(&key.namespace);
        let params = PatchParams::default();
        unless_gone(
            hosts
                .patch_ephemeral_containers(&key.name, &params, &Patch::Strategic(body))
                .await,
        )
        .attempting(|| format!("add a container to pod {key} on the host"))
    }
}

/// The containers that a running guest pod was given and the host's pod lacks.
fn missing(guest: &Pod, host: &Pod) -> Vec<EphemeralContainer> {
    let all = |pod: &Pod| {
        let spec = pod.spec.as_ref();
        spec.and_then(|spec| spec.ephemeral_containers.clone())
            .unwrap_or_default()
    };
    let there = all(host);
    (all(guest).into_iter())
        .filter(|ours| there.iter().all(|theirs| theirs.name != ours.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_container_that_the_host_lacks_is_added_while_the_pod_runs() {
        let debugged = |names: &[&str]| -> Pod {
            let containers: Vec<_> = names
                .iter()
                .map(|name| json!({"name": name, "image": "a"}))
                .collect();
            serde_json::from_value(json!({"spec": {"containers": [], "ephemeralContainers": containers}}))
                .unwrap()
        };
        let added = missing(&debugged(&["first", "second"]), &debugged(&["first", "theirs"]));
        let names: Vec<_> = added.into_iter().map(|container| container.name).collect();
        assert_eq!(names, ["second"]);
    }
}
