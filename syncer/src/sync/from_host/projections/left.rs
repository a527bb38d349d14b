//! Removal, once at the start, of copies of objects that are no longer shown since the values changed.
//!
//! A copy is marked by an annotation, which a tenant may have copied to an object of its own. So only objects that the syncer has
//! applied are deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ConfigMap, Endpoints, Secret, Service};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::ListParams;
use kube::core::ApiResource;
use kube::discovery::{self, verbs};
use kube::{Api, ResourceExt};

use super::source::Source;
use super::{Projections, is_marked};
use crate::pages;
use crate::sync::config::Config;
use crate::sync::generic::custom_resources::Status;
use crate::sync::runtime::context::{Context, MANAGER};
use crate::sync::runtime::error::{Attempt, ReconcileError};
use crate::sync::runtime::key::Key;
use crate::sync::write::delete;
use crate::sync::write::object::Object;
use vcluster_values::from_host::HostKind;

/// Deletes the copies that have no source: they are neither in `shown` nor of an imported kind. Copies of nodes stay: pods may
/// run there.
pub(crate) async fn remove(context: &Context, shown: &[Arc<Projections>]) -> Result<(), ReconcileError> {
    for kind in kinds() {
        let is_shown = |copy: &ObjectMeta| {
            let mut shown = shown.iter().filter(|copies| copies.kind.kind == kind.kind);
            shown.any(|copies| copies.source.is_copy(copy))
        };
        remove_of(context, &kind, is_shown).await?;
    }
    for kind in custom_kinds(context).await? {
        let sources = imported(context.config(), &kind);
        let is_shown = |copy: &ObjectMeta| sources.iter().any(|source| source.is_copy(copy));
        remove_of(context, &kind, is_shown).await?;
    }
    Ok(())
}

async fn remove_of(
    context: &Context,
    kind: &ApiResource,
    is_shown: impl Fn(&ObjectMeta) -> bool,
) -> Result<(), ReconcileError> {
    let all: Api<Object> = Api::all_with(context.guest(), kind);
    let is_left = |copy: &ObjectMeta| is_marked(copy) && is_applied(copy) && !is_shown(copy);
    let left = pages::matching(&all, is_left).await;
    let left = left.attempting(|| format!("list {} of the guest", kind.plural))?;
    for copy in left {
        delete(context, kind, &copy).await?;
    }
    Ok(())
}

async fn delete(context: &Context, kind: &ApiResource, copy: &ObjectMeta) -> Result<(), ReconcileError> {
    let key = Key::of(copy);
    let writer = context.in_guest(kind, &key);
    writer.delete(&delete::if_unchanged(copy)).await
}

/// Returns the kinds whose CRDs the guest has from the host, and serves. There are no copies of other custom kinds.
async fn custom_kinds(context: &Context) -> Result<Vec<ApiResource>, ReconcileError> {
    let definitions: Api<CustomResourceDefinition> = Api::all(context.guest().clone());
    let defined = definitions.list_metadata(&ListParams::default()).await;
    let defined = defined.attempting(|| "list CRDs of the guest".to_owned())?;
    let copied = defined
        .iter()
        .filter(|definition| is_applied(&definition.metadata));
    let names: BTreeSet<String> = copied.map(ResourceExt::name_any).collect();
    let groups: BTreeSet<&str> = (names.iter())
        .filter_map(|name| name.split_once('.'))
        .map(|(_, group)| group)
        .collect();
    let mut kinds = Vec::new();
    for group in groups {
        let served = match discovery::group(&context.guest(), group).await {
            Ok(served) => served,
            // A definition whose names are another's is not served.
            Err(kube::Error::Discovery(_)) => continue,
            other => other.attempting(|| format!("ask the guest what it serves of {group}"))?,
        };
        // Not all kinds of a group are in the version that it prefers.
        let all = served.resources_by_stability().into_iter();
        kinds.extend(all.filter_map(|(kind, can)| {
            let is_custom = names.contains(&format!("{}.{}", kind.plural, kind.group));
            (is_custom && can.supports_operation(verbs::LIST)).then_some(kind)
        }));
    }
    Ok(kinds)
}

/// Returns the sources of a custom kind.
fn imported(config: &Config, kind: &ApiResource) -> Vec<Source> {
    let imports = config.imports.iter().filter(|import| {
        let group = import.api_version.split_once('/').map(|(group, _)| group);
        import.kind == kind.kind && group == Some(kind.group.as_str())
    });
    let source = |mapping| Source::imported(kind.clone(), Status::None, mapping, false);
    imports
        .flat_map(|import| {
            [None]
                .into_iter()
                .chain(import.mappings.iter().cloned().map(Some))
        })
        .map(source)
        .collect()
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

/// Returns true if the syncer has applied a guest object.
fn is_applied(object: &ObjectMeta) -> bool {
    let entries = object.managed_fields.iter().flatten();
    entries
        .filter(|entry| entry.operation.as_deref() == Some("Apply"))
        .any(|entry| entry.manager.as_deref() == Some(MANAGER))
}
