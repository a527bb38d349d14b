//! The input that both sides get.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, ObjectMeta, Patch, PatchParams};
use kube::{Client, Resource as _, ResourceExt as _};
use minijinja::context;
use provision::naming;
use provision::wait::{self, Budget, Seen};

use super::objects::Tenant;
use crate::manifests;

/// The guest namespace that it is in.
pub const NAMESPACE: &str = "compared";

/// The name of the template in messages.
const MANIFEST: &str = "compare/input.yaml";

/// A pod takes seconds, on two busy cores a minute.
const ARRIVED: Budget = Budget::seconds(180);

/// Errors of giving the input.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It was refused.
    #[error("create the objects to compare in the tenant")]
    Refused(#[from] manifests::Error),
    /// A cluster could not be asked.
    #[error("read the objects to compare")]
    Look(#[from] kube::Error),
    /// It did not arrive on the host.
    #[error(transparent)]
    NotThere(#[from] wait::Error<kube::Error>),
}

/// Gives the tenant the input and returns when all of it has arrived on the host.
pub async fn give(tenant: &Tenant<'_>, guest: &Client, host: &Client, image: &str) -> Result<(), Error> {
    let mirror = naming::host_namespace(tenant.name, tenant.namespace, NAMESPACE);
    // First the namespace: vcluster never exports a Component whose namespace was not on the host yet.
    make_namespace(guest, host, &mirror).await?;
    let template = include_str!("../../manifests/compare/input.yaml");
    let applied = manifests::apply(guest, NAMESPACE, MANIFEST, template, context! { image }).await?;
    for object in applied.iter().filter(|object| !is_deployment(object)) {
        arrives(object, host, &mirror).await?;
    }
    let deployments: Api<Deployment> = Api::namespaced(guest.clone(), NAMESPACE);
    for deployment in applied.iter().filter(|object| is_deployment(object)) {
        let name = deployment.name_any();
        wait::until(
            format!("the Deployment {name} to be complete"),
            ARRIVED,
            || async {
                Ok::<_, kube::Error>(
                    manifests::lacks(&deployments.get(&name).await?).map_or(Seen::Ready(()), Seen::NotYet),
                )
            },
        )
        .await?;
    }
    Ok(())
}

fn is_deployment(object: &DynamicObject) -> bool {
    object
        .types
        .as_ref()
        .is_some_and(|types| types.kind == Deployment::kind(&()))
}

async fn make_namespace(guest: &Client, host: &Client, mirror: &str) -> Result<(), Error> {
    let inside: Api<Namespace> = Api::all(guest.clone());
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    inside
        .patch(
            NAMESPACE,
            &PatchParams::apply(manifests::MANAGER),
            &Patch::Apply(&namespace),
        )
        .await?;
    let outside: Api<Namespace> = Api::all(host.clone());
    wait::until(format!("the namespace {mirror} on the host"), ARRIVED, || async {
        Ok::<_, kube::Error>(match outside.get_metadata_opt(mirror).await? {
            Some(_) => Seen::Ready(()),
            None => Seen::not_yet("no such namespace"),
        })
    })
    .await?;
    Ok(())
}

async fn arrives(object: &DynamicObject, host: &Client, mirror: &str) -> Result<(), Error> {
    let Some(resource) = object
        .types
        .as_ref()
        .and_then(|types| kube::core::GroupVersionKind::try_from(types).ok())
        .map(|kind| kube::api::ApiResource::from_gvk(&kind))
    else {
        return Ok(());
    };
    let outside: Api<DynamicObject> = Api::namespaced_with(host.clone(), mirror, &resource);
    let name = object.name_any();
    wait::until(
        format!("{} {name} on the host", resource.kind),
        ARRIVED,
        || async {
            Ok::<_, kube::Error>(match outside.get_metadata_opt(&name).await? {
                Some(_) => Seen::Ready(()),
                None => Seen::not_yet(format!("nothing in {mirror}")),
            })
        },
    )
    .await?;
    Ok(())
}
