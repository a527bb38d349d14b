//! PVCs: the host provisions and binds, and the guest shows the result.
//!
//! A volume is the host's and has data in it. So the tenant can't choose one by name, as another tenant's may be free. And a PVC
//! that was bound does not silently get an empty volume when its mirror is gone.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::core::ApiResource;
use serde_json::{Value, json};
use vcluster_values::admission::Resource;
use vcluster_values::naming::Tenant;

use super::{Status, Translation, spec};
use crate::sync::write::object::Object;

/// Annotations of PVCs that the host's storage controllers write for each other.
const BOOKKEEPING: [&str; 4] = [
    "pv.kubernetes.io/",
    "volume.kubernetes.io/",
    "volume.beta.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/mount-options",
];

/// The translation of PVCs.
#[derive(Debug)]
pub(super) struct Claims;

impl Translation for Claims {
    fn kind(&self) -> ApiResource {
        ApiResource::erase::<PersistentVolumeClaim>(&())
    }

    fn plural(&self) -> &'static str {
        "PVCs"
    }

    fn status(&self) -> Status {
        Status::Hosts
    }

    fn admission(&self) -> Option<Resource> {
        Some(Resource::Claims)
    }

    fn host_spec(&self, guest: &Object, tenant: &Tenant) -> Result<Value, String> {
        let mut spec = spec(guest)?;
        let Some(fields) = spec.as_object_mut() else {
            return Ok(spec);
        };
        // It came from the host.
        fields.remove("volumeName");
        if let Some(namespace) = spec.pointer_mut("/dataSourceRef/namespace")
            && let Some(name) = namespace.as_str()
        {
            *namespace = json!(tenant.host_namespace(name));
        }
        Ok(spec)
    }

    fn annotate(&self, annotations: &mut BTreeMap<String, String>, _: &Tenant) {
        annotations.retain(|name, _| !BOOKKEEPING.iter().any(|own| name.starts_with(own)));
    }

    fn decided(&self, guest: &Object, host: &Object) -> Option<Value> {
        let (ours, theirs) = (spec(guest).ok()?, spec(host).ok()?);
        let missing: serde_json::Map<_, _> = ["volumeName", "storageClassName"]
            .into_iter()
            .filter(|field| ours[*field].is_null() && theirs[*field].is_string())
            .map(|field| (field.to_owned(), theirs[field].clone()))
            .collect();
        (!missing.is_empty()).then(|| json!({"spec": missing}))
    }

    fn stands_and_falls(&self, guest: &Object) -> bool {
        is_bound(guest)
    }
}

/// Returns true if a guest's PVC was bound once.
fn is_bound(guest: &Object) -> bool {
    let status: Option<Value> = guest.field("status").ok().flatten();
    let phase = status.as_ref().and_then(|status| status["phase"].as_str());
    matches!(phase, Some("Bound" | "Lost"))
}
