//! Renaming, once, of the annotations that versions before 0.2 wrote below `vcluster.loft.sh/`.
//!
//! It is done before the engine starts, which reads the new names only. An annotation of the guest's `kube-system` says that it is
//! done, so that later starts do not list everything again.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::core::v1::{Namespace, Pod, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{DynamicObject, ListParams, Patch, PatchParams};
use kube::core::ApiResource;
use kube::discovery::{self, verbs};
use kube::{Api, Client, ResourceExt};
use serde_json::{Value, json};
use tracing::{info, warn};
use vcluster_values::identity::SYSTEM;
use vcluster_values::naming::Tenant;
use vcluster_values::naming::own::{self, former};

use crate::discovery::served;
use crate::host::namespaces::{self, Found};
use crate::pages;
use crate::sync::{Import, MANAGER};

/// Failure to rename the annotations.
#[derive(Debug, thiserror::Error)]
#[error("{attempt}")]
pub(super) struct Error {
    /// The request that failed.
    attempt: String,
    /// The cause.
    source: Box<kube::Error>,
}

/// The two sides of a virtual cluster, and its kinds that the host's namespaces have marks for.
pub(super) struct Sides<'a> {
    /// The host.
    pub(super) host: &'a Client,
    /// The guest.
    pub(super) guest: &'a Client,
    /// The virtual cluster.
    pub(super) tenant: &'a Tenant,
    /// The imported kinds.
    pub(super) imports: &'a [Import],
}

impl Sides<'_> {
    /// Renames the annotations on both sides, unless that is done.
    ///
    /// # Errors
    ///
    /// A side did not answer. An object whose change is refused keeps its annotations, and a warning says so.
    pub(super) async fn rename(&self) -> Result<(), Error> {
        let guests: Api<Namespace> = Api::all(self.guest.clone());
        let system = guests.get_metadata(SYSTEM).await;
        let system = system.map_err(|source| failed("read the guest's namespace kube-system", source))?;
        if system.annotations().contains_key(own::KEYS_RENAMED) {
            return Ok(());
        }
        // A virtual cluster that has no namespace on the host yet is new.
        if self.has_namespace(SYSTEM).await? {
            self.rename_in_guest().await?;
            self.rename_on_host(&guests).await?;
        }
        let done = json!({"metadata": {"annotations": {own::KEYS_RENAMED: "true"}}});
        let noted = guests
            .patch_metadata(SYSTEM, &params(), &Patch::Merge(done))
            .await;
        noted.map_err(|source| failed("annotate the guest's namespace kube-system", source))?;
        Ok(())
    }

    async fn has_namespace(&self, guest: &str) -> Result<bool, Error> {
        let name = self.tenant.host_namespace(guest);
        let found = namespaces::look(self.host, &name).await;
        let found = found.map_err(|source| failed(format!("read host namespace {name}"), source))?;
        Ok(matches!(found, Found::Own(_)))
    }

    /// Renames the annotations of all guest objects: the copies of a kind that is not synced any more have them, too.
    async fn rename_in_guest(&self) -> Result<(), Error> {
        let groups = self.guest.list_api_groups().await;
        let groups = groups.map_err(|source| failed("list the API groups of the guest", source))?;
        let aggregated = self.aggregated().await?;
        let groups = groups.groups.into_iter().map(|group| group.name);
        for group in [String::new()].into_iter().chain(groups) {
            if aggregated.contains(&group) {
                continue;
            }
            let served = discovery::group(self.guest, &group).await;
            let served = served.map_err(|source| failed(format!("list the kinds of {group}"), source))?;
            for (kind, can) in served.resources_by_stability() {
                let is_event = kind.kind == "Event";
                if !is_event && can.supports_operation(verbs::LIST) && can.supports_operation(verbs::PATCH) {
                    let all = Api::all_with(self.guest.clone(), &kind);
                    let one = |namespace: Option<&str>| match namespace {
                        Some(namespace) => Api::namespaced_with(self.guest.clone(), namespace, &kind),
                        None => Api::all_with(self.guest.clone(), &kind),
                    };
                    rename_all("guest", &kind, &all, one).await?;
                }
            }
        }
        Ok(())
    }

    /// Returns the API groups of the guest that extension API servers serve. These may be down, and have no copies.
    async fn aggregated(&self) -> Result<BTreeSet<String>, Error> {
        let services: Api<APIService> = Api::all(self.guest.clone());
        let listed = services.list(&ListParams::default()).await;
        let listed = listed.map_err(|source| failed("list the APIServices of the guest", source))?;
        let specs = listed.items.into_iter().filter_map(|service| service.spec);
        let aggregated = specs.filter(|spec| spec.service.is_some());
        Ok(aggregated.filter_map(|spec| spec.group).collect())
    }

    async fn rename_on_host(&self, guests: &Api<Namespace>) -> Result<(), Error> {
        let kinds = self.kinds_on_host().await?;
        let listed = guests.list_metadata(&ListParams::default()).await;
        let listed = listed.map_err(|source| failed("list the guest's namespaces", source))?;
        for guest in listed {
            if !self.has_namespace(&guest.name_any()).await? {
                continue;
            }
            let namespace = self.tenant.host_namespace(&guest.name_any());
            for kind in &kinds {
                let api = Api::namespaced_with(self.host.clone(), &namespace, kind);
                rename_all("host", kind, &api, |_| api.clone()).await?;
            }
        }
        Ok(())
    }

    /// Returns the kinds of which host objects have annotations of this project's own.
    async fn kinds_on_host(&self) -> Result<Vec<ApiResource>, Error> {
        let mut kinds = vec![
            ApiResource::erase::<Pod>(&()),
            ApiResource::erase::<Service>(&()),
            ApiResource::erase::<Secret>(&()),
        ];
        for import in self.imports.iter().filter(|import| import.mappings.is_empty()) {
            let found = served(self.host, &import.api_version, &import.kind).await;
            let found =
                found.map_err(|source| failed(format!("find {} on the host", import.kind), source))?;
            let found = found.filter(|found| found.namespaced).map(|found| found.resource);
            kinds.extend(found.filter(|kind| !kinds.contains(kind)));
        }
        Ok(kinds)
    }
}

/// Renames the annotations of all objects of a kind.
async fn rename_all(
    side: &str,
    kind: &ApiResource,
    all: &Api<DynamicObject>,
    one: impl Fn(Option<&str>) -> Api<DynamicObject>,
) -> Result<(), Error> {
    let found = pages::matching(all, |object| changes(object).is_some()).await;
    let found = found.map_err(|source| failed(format!("list {} of the {side}", kind.plural), source))?;
    let mut renamed = 0;
    for object in found {
        let api = one(object.namespace.as_deref());
        renamed += u32::from(rename(side, kind, &api, &object).await?);
    }
    if renamed > 0 {
        info!(
            side,
            kind = kind.kind,
            objects = renamed,
            "renamed the annotations of an earlier version"
        );
    }
    Ok(())
}

/// Renames the annotations of one object. Returns false if the object is gone, or the change is refused.
async fn rename(
    side: &str,
    kind: &ApiResource,
    api: &Api<DynamicObject>,
    found: &ObjectMeta,
) -> Result<bool, Error> {
    let name = found.name.clone().unwrap_or_default();
    let changes = Patch::Merge(changes(found));
    match api.patch_metadata(&name, &params(), &changes).await {
        Ok(_) => Ok(true),
        // Another object has the name since: it has the new annotations, if any.
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(false),
        Err(kube::Error::Api(status)) if status.is_forbidden() || status.is_invalid() => {
            let namespace = found.namespace.clone().unwrap_or_default();
            warn!(
                side,
                kind = kind.kind,
                namespace,
                name,
                "failed to rename the annotations of an earlier version, they are ignored: {}",
                status.message
            );
            Ok(false)
        }
        Err(source) => Err(failed(
            format!("rename the annotations of {} {name} of the {side}", kind.kind),
            source,
        )),
    }
}

/// Returns the merge patch that renames an object's annotations; `None` if it has no former ones.
fn changes(object: &ObjectMeta) -> Option<Value> {
    let annotations = object.annotations.as_ref()?;
    let mut changes = BTreeMap::new();
    for (before, now) in former::RENAMED {
        let Some(value) = annotations.get(before) else {
            continue;
        };
        changes.insert(before, None);
        if !annotations.contains_key(now) {
            changes.insert(now, Some(value));
        }
    }
    (!changes.is_empty()).then(|| json!({"metadata": {"uid": object.uid, "annotations": changes}}))
}

fn params() -> PatchParams {
    PatchParams {
        field_manager: Some(MANAGER.to_owned()),
        ..PatchParams::default()
    }
}

fn failed(attempt: impl Into<String>, source: kube::Error) -> Error {
    Error {
        attempt: attempt.into(),
        source: Box::new(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes_of(annotations: &Value) -> Option<Value> {
        let object = json!({"uid": "1", "annotations": annotations});
        changes(&serde_json::from_value(object).expect("metadata"))
    }

    #[test]
    fn former_annotations_are_renamed_and_all_others_stay() {
        let changes = changes_of(&json!({
            "team": "a",
            "vcluster.loft.sh/controlled-by": "pod/v1/GenericImport",
            "vcluster.loft.sh/shows": "1-2-3",
            "vcluster.loft.sh/annotations": "note=\"a\"",
        }));
        let expected = json!({"metadata": {"uid": "1", "annotations": {
            "vcluster.loft.sh/shows": null,
            "shared-dapr.io/source-uid": "1-2-3",
        }}});
        assert_eq!(changes, Some(expected));
    }

    #[test]
    fn a_new_annotation_is_not_replaced_by_a_former_one() {
        let changes = changes_of(&json!({
            "vcluster.loft.sh/shows": "1-2-3",
            "shared-dapr.io/source-uid": "4-5-6",
        }));
        let expected = json!({"metadata": {"uid": "1", "annotations": {"vcluster.loft.sh/shows": null}}});
        assert_eq!(changes, Some(expected));
    }

    #[test]
    fn an_object_without_former_annotations_is_not_written() {
        assert_eq!(changes_of(&json!({"vcluster.loft.sh/object-name": "a"})), None);
        assert_eq!(changes_of(&Value::Null), None);
    }
}
