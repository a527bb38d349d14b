//! The host object that a copy shows: marked, changed by reverse patches, and deleted with its copy.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde_json::json;
use vcluster_values::naming::{self, own};
use vcluster_values::patches::Json;

use super::Importer;
use crate::sync::generic::patch_rule::HostNames;
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::key::Key;
use crate::sync::write::delete::{self, is_going};
use crate::sync::write::object::Object;
use crate::sync::write::ownership;

/// Number of attempts to mark a host object that keeps changing.
const MARK_TRIES: usize = 5;

impl Importer {
    /// Changes the host object by the reverse patches, with values of the copy.
    pub(super) async fn send_back(
        &self,
        key: &Key,
        host: &Object,
        copy: &Object,
    ) -> Result<(), ReconcileError> {
        let names = HostNames {
            context: &self.context,
            namespace: &key.namespace,
        };
        let (before, after) = self.rule.reverse(host, copy, &names)?;
        if before == after {
            return Ok(());
        }
        let changes = Json::replacement(Some(before), Some(after));
        let writer = self.context.on_host(&self.kind, key);
        writer.merge("reverse", &changes, "by its reverse patches").await
    }

    /// Marks the host object: the guest has a copy of it. Until then, a tenant's deletion of the copy is not known for one. So if the
    /// host object has changed since it was seen, it is read and marked at once.
    pub(super) async fn mark(&self, key: &Key, host: &ObjectMeta, life: &str) -> Result<(), ReconcileError> {
        let annotations = json!({
            naming::CONTROLLED_BY: ownership::importer(&self.kind),
            own::SYNCED_INTO: life,
        });
        let writer = self.context.on_host(&self.kind, key);
        let mut seen = Some(host.clone());
        for _ in 0..MARK_TRIES {
            let Some(host) = seen.filter(|host| !is_going(host)) else {
                return Ok(());
            };
            if writer.annotate(&host, &annotations, "mark").await? {
                return Ok(());
            }
            seen = self.host_now(key, &host).await?;
        }
        // The watch delivers the changes that came first each time.
        Ok(())
    }

    /// Reads the metadata of a host object. Returns `None` if it is gone, also if another object has its name.
    async fn host_now(&self, key: &Key, host: &ObjectMeta) -> Result<Option<ObjectMeta>, ReconcileError> {
        let hosts = self.context.host_objects(&self.kind, &key.namespace);
        let now = hosts.get_metadata_opt(&key.name).await;
        let now = now.attempting(|| format!("read {} {key} of the host", self.kind.kind))?;
        let now = now.map(|now| now.metadata);
        Ok(now.filter(|now| now.uid == host.uid))
    }

    /// Returns true if the host's API has this object with the mark.
    pub(super) async fn is_marked(
        &self,
        key: &Key,
        host: &ObjectMeta,
        life: &str,
    ) -> Result<bool, ReconcileError> {
        let now = self.host_now(key, host).await?;
        Ok(now.is_some_and(|now| ownership::shown_in(&now) == Some(life)))
    }

    /// Removes the mark. Returns false if the host object has changed meanwhile.
    pub(super) async fn unmark(&self, key: &Key, host: &ObjectMeta) -> Result<bool, ReconcileError> {
        let annotations = json!({naming::CONTROLLED_BY: null, own::SYNCED_INTO: null});
        let writer = self.context.on_host(&self.kind, key);
        writer.annotate(host, &annotations, "mark").await
    }

    /// Deletes the original of a copy that the tenant has deleted. Either side may have changed since it was seen, or the copy
    /// may be about to be recreated, so both APIs are asked.
    pub(super) async fn delete_host(
        &self,
        key: &Key,
        guest: Option<&ObjectMeta>,
        host: &ObjectMeta,
        grace: Option<i64>,
        life: &str,
    ) -> Result<(), ReconcileError> {
        if guest.is_none() && self.guest_has(key).await? {
            return Ok(());
        }
        let now = self.host_now(key, host).await?;
        let Some(now) = now.filter(|now| ownership::shown_in(now) == Some(life)) else {
            return Ok(());
        };
        let mut params = delete::with_grace(host, grace);
        if let Some(preconditions) = &mut params.preconditions {
            preconditions.resource_version = now.resource_version;
        }
        self.context.on_host(&self.kind, key).delete(&params).await
    }
}
