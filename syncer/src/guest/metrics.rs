//! The API `metrics.k8s.io`, for which the guest's API server asks the syncer (see [`crate::kubelet`]).
//!
//! An API server finds other APIs only by a Service, here one that resolves to its own pod. Only an `ExternalName` needs no
//! address. It is not synced, as its name resolves to nothing useful on the host.

use std::path::Path;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::APIService;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, Client};
use serde_json::{Value, json};

use super::{Error, asked};
use crate::host::FIELD_MANAGER;
use crate::pki::CA_CERTIFICATE;
use crate::sync::unless_gone;
use crate::sync::write::delete;

/// The API's group.
pub const GROUP: &str = "metrics.k8s.io";

/// The API's version.
pub const VERSION: &str = "v1beta1";

/// The Service of the API.
pub const SERVICE: &str = "syncer-metrics";

/// The namespace of that Service.
pub const NAMESPACE: &str = "kube-system";

/// Registers the API in the guest, at a port of the API server's own pod. The server there needs a certificate by the authority
/// that `syncer init` wrote into a folder.
pub async fn apply(guest: &Client, port: u16, pki: &Path) -> Result<(), Error> {
    let path = pki.join(CA_CERTIFICATE);
    let authority = tokio::fs::read(&path).await;
    let authority = authority.map_err(|source| Error::Read { path, source })?;
    let params = PatchParams::apply(FIELD_MANAGER).force();
    Api::<Service>::namespaced(guest.clone(), NAMESPACE)
        .patch(SERVICE, &params, &Patch::Apply(service(port)))
        .await
        .map_err(|source| asked(format!("create Service {SERVICE} in the guest"), source))?;
    Api::<APIService>::all(guest.clone())
        .patch(&name(), &params, &Patch::Apply(api(port, authority)))
        .await
        .map(drop)
        .map_err(|source| asked(format!("register the API {GROUP} in the guest"), source))
}

/// Removes the API, if the syncer has registered it; an API of the tenant's own is not changed.
pub async fn remove(guest: &Client) -> Result<(), Error> {
    let apis: Api<APIService> = Api::all(guest.clone());
    let failed = |source| asked(format!("remove the API {GROUP} from the guest"), source);
    let there = apis.get_opt(&name()).await.map_err(failed)?;
    let Some(ours) = there.filter(leads_here) else {
        return Ok(());
    };
    let only = delete::if_uid(&ours.metadata);
    unless_gone(apis.delete(&name(), &only).await).map_err(failed)?;
    let services: Api<Service> = Api::namespaced(guest.clone(), NAMESPACE);
    unless_gone(services.delete(SERVICE, &DeleteParams::default()).await).map_err(failed)
}

/// Returns true if an API is the one that the syncer serves.
fn leads_here(api: &APIService) -> bool {
    let service = api.spec.as_ref().and_then(|spec| spec.service.as_ref());
    service.is_some_and(|service| {
        service.name.as_deref() == Some(SERVICE) && service.namespace.as_deref() == Some(NAMESPACE)
    })
}

fn name() -> String {
    format!("{VERSION}.{GROUP}")
}

fn service(port: u16) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": SERVICE},
        "spec": {
            "type": "ExternalName",
            "externalName": "localhost",
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
        },
    })
}

fn api(port: u16, authority: Vec<u8>) -> Value {
    json!({
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name()},
        "spec": {
            "group": GROUP,
            "version": VERSION,
            "service": {"name": SERVICE, "namespace": NAMESPACE, "port": port},
            "caBundle": ByteString(authority),
            // Those of metrics-server's own manifest.
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
        },
    })
}
