//! Copies of what is not shown any more since the values changed: takes what is shown, deletes the rest once at the start.
//!
//! A copy says so in an annotation, which a tenant may have copied to an object of its own together with the rest. So
//! only what the syncer has applied counts.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Secret, Service};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::ListParams;
use kube::core::ApiResource;

use super::{Copies, is_marked};
use crate::sync::config::HostKind;
use crate::sync::engine::{Engine, MANAGER};
use crate::sync::failure::{Attempt, Failure, unless_gone};
use crate::sync::key::Key;
use crate::sync::object::Object;
use crate::sync::removal;

/// Deletes the copies of Kubernetes' own kinds that none of `shown` keeps. Nodes stay: pods may run there.
pub(crate) async fn remove(engine: &Engine, shown: &[Arc<Copies>]) -> Result<(), Failure> {
    for kind in kinds() {
        let all: Api<Object> = Api::all_with(engine.guest(), &kind);
        let listed = all.list_metadata(&ListParams::default()).await;
        let listed = listed.attempting(|| format!("list {} of the guest", kind.plural))?;
        let is_shown = |copy: &ObjectMeta| {
            let mut shown = shown.iter().filter(|copies| copies.kind.kind == kind.kind);
            shown.any(|copies| copies.source.is_copy(copy))
        };
        for found in listed.items {
            let copy = found.metadata;
            if !is_marked(&copy) || !is_applied(&copy) || is_shown(&copy) {
                continue;
            }
            let key = Key::of(&copy);
            let one: Api<Object> = if key.namespace.is_empty() {
                all.clone()
            } else {
                engine.guest_objects(&kind, &key.namespace)
            };
            engine.metrics().write("guest", &kind.kind, "delete");
            unless_gone(one.delete(&key.name, &removal::of(&copy)).await).attempting(|| {
                format!(
                    "delete {} {key} of the guest, which is not shown any more",
                    kind.kind
                )
            })?;
        }
    }
    Ok(())
}

fn kinds() -> impl Iterator<Item = ApiResource> {
    let classes = [
        HostKind::StorageClass,
        HostKind::IngressClass,
        HostKind::RuntimeClass,
        HostKind::PriorityClass,
    ];
    let mapped = [
        ApiResource::erase::<ConfigMap>(&()),
        ApiResource::erase::<Secret>(&()),
        ApiResource::erase::<Service>(&()),
        ApiResource::erase::<Endpoints>(&()),
    ];
    classes.map(super::resource).into_iter().chain(mapped)
}

fn is_applied(copy: &ObjectMeta) -> bool {
    let entries = copy.managed_fields.iter().flatten();
    entries
        .filter(|entry| entry.operation.as_deref() == Some("Apply"))
        .any(|entry| entry.manager.as_deref() == Some(MANAGER))
}
