//! A pod and its mirror: the tenant's changes reach the mirror, its status and deletion come back.

use k8s_openapi::api::core::v1::{Binding, ObjectReference, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use kube::{Api, ResourceExt};
use serde::Serialize;
use serde_json::json;

use super::decide::Change;
use super::{Pods, gates, is_going, update};
use crate::sync::runtime::budget::{Charge, size_of};
use crate::sync::runtime::context::MANAGER;
use crate::sync::runtime::error::{Attempt, ReconcileError, refusal, unless_gone};
use crate::sync::runtime::key::Key;
use crate::sync::runtime::reconciler::Action;
use crate::sync::to_host::references::needs;
use crate::sync::write::host_metadata;

impl Pods {
    /// Makes the change, and shows the mirror's status in the guest.
    pub(super) async fn keep(
        &self,
        key: &Key,
        guest: &Pod,
        host: &Pod,
        change: Change,
    ) -> Result<Action, ReconcileError> {
        if self.ledger.bytes(key).is_none() {
            self.ledger.note(key, size_of(host));
        }
        let mut updated = Ok(());
        match change {
            Change::Update => updated = self.update(key, guest, host).await,
            Change::DeleteHost(grace) => self.delete_host(key, host, grace).await?,
            Change::DeleteGuest(grace) => {
                self.disrupt(key, guest, host).await?;
                self.delete_guest(key, guest, grace).await?;
            }
            Change::None => {}
        }
        self.pass_gates(key, guest, host).await?;
        if let Some(node) = host.spec.as_ref().and_then(|spec| spec.node_name.as_ref()) {
            self.bind(key, guest, host, node).await?;
        }
        self.show(key, guest, host).await?;
        self.review(key, guest, host).await;
        let (mut added, mut labelled) = (Ok(Action::AwaitChange), Ok(()));
        if change == Change::Update {
            added = self.add_containers(key, guest, host).await;
            let kind = ApiResource::erase::<Pod>(&());
            labelled = host_metadata::show(&self.context, &kind, key, &guest.metadata, &host.metadata).await;
        }
        // Last: a refusal becomes an Event, and holds nothing else up.
        updated.and(labelled)?;
        added
    }

    /// Adds the ephemeral containers of the running guest pod, once all that they name may be read on the host.
    pub(super) async fn add_containers(
        &self,
        key: &Key,
        guest: &Pod,
        host: &Pod,
    ) -> Result<Action, ReconcileError> {
        let given = (guest.spec.as_ref()).and_then(|spec| spec.ephemeral_containers.as_ref());
        if given.is_none_or(Vec::is_empty) {
            return Ok(Action::AwaitChange);
        }
        if let Some(what) = self.admit(&needs::of_added_containers(guest, Some(host)))? {
            return Ok(Action::WaitFor(what));
        }
        let added: Vec<_> = needs::added_containers(guest, Some(host)).collect();
        let charge = (!added.is_empty()).then(|| self.charge_for_more(key, host, &added));
        let charge = charge.transpose()?;
        self.add_ephemeral(key, guest, host).await?;
        if let Some(charge) = charge {
            charge.keep();
        }
        Ok(Action::AwaitChange)
    }

    /// Charges the budget for the additions to a host pod.
    pub(super) fn charge_for_more(
        &self,
        key: &Key,
        host: &Pod,
        more: &impl Serialize,
    ) -> Result<Charge, ReconcileError> {
        let charge = self.ledger.charge(key, size_of(host) + size_of(more), true);
        charge.map_err(|over| ReconcileError::over(&format!("change pod {key} on the host"), &over))
    }

    pub(super) async fn update(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let dns = self.services.dns();
        let mut wanted = self.translated(guest, dns.as_deref());
        let mut resized = Ok(());
        if update::is_changed(&wanted, host) {
            resized = self.resize(key, &wanted, host).await;
        }
        if resized.is_err() {
            update::leave_unheard(&mut wanted, host);
        }
        update::keep_former_annotations(&mut wanted, host);
        let Some(patch) = update::patch(&wanted, host) else {
            return resized;
        };
        let charge = self.charge_for_more(key, host, &patch)?;
        self.context.metrics().write("host", "Pod", "patch");
        let params = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let hosts: Api<Pod> = self.context.host_api(&key.namespace);
        unless_gone(
            hosts
                .patch_metadata(&key.name, &params, &Patch::Strategic(patch))
                .await,
        )
        .attempting(|| format!("change pod {key} on the host"))?;
        charge.keep();
        resized
    }

    /// Copies the guest's readiness gates to the mirror: the host's kubelet decides whether the pod is ready.
    pub(super) async fn pass_gates(&self, key: &Key, guest: &Pod, host: &Pod) -> Result<(), ReconcileError> {
        let conditions = gates::to_tell(guest, host);
        if conditions.is_empty() {
            return Ok(());
        }
        let body = json!({"metadata": {"uid": host.uid()}, "status": {"conditions": conditions}});
        self.context.metrics().write("host", "Pod", "status");
        let hosts: Api<Pod> = self.context.host_api(&key.namespace);
        unless_gone(
            hosts
                .patch_status(&key.name, &PatchParams::default(), &Patch::Strategic(body))
                .await,
        )
        .attempting(|| format!("write the readiness gates' conditions of pod {key} to the host"))
    }

    /// Binds a guest pod to the node of its host pod, unless it is bound or being deleted.
    pub(crate) async fn bind(
        &self,
        key: &Key,
        guest: &Pod,
        host: &Pod,
        node: &str,
    ) -> Result<(), ReconcileError> {
        if guest.spec.as_ref().is_some_and(|spec| spec.node_name.is_some()) || is_going(guest) {
            self.nodes.expect(node);
            return Ok(());
        }
        self.nodes
            .ensure(
                node,
                host.status.as_ref().and_then(|status| status.host_ip.as_deref()),
            )
            .await?;
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid: guest.uid(),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        self.context.metrics().write("guest", "Pod", "bind");
        let guests: Api<Pod> = self.context.guest_api(&key.namespace);
        let bound: Result<kube::core::Status, _> = guests
            .create_subresource("binding", &key.name, &PostParams::default(), &binding)
            .await;
        if refusal(&bound).is_some_and(kube::core::Status::is_conflict) {
            // It is bound already, and the watch has yet to say so.
            return Ok(());
        }
        unless_gone(bound).attempting(|| format!("bind pod {key} to node {node} in the guest"))
    }
}
