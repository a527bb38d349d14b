//! Ingresses: their Services and Secrets have the same names on both sides; only ingress-nginx's annotations contain a namespace.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::api::networking::v1::Ingress;
use kube::core::ApiResource;
use serde_json::Value;
use vcluster_values::naming::Tenant;

use super::{Status, Translation, spec};
use crate::sync::runtime::key::Key;
use crate::sync::to_host::references::{ConfigObject, Reference};
use crate::sync::write::object::Object;

/// Annotations that name a Secret, as `NAME` or `NAMESPACE/NAME`
/// (<https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/>).
const NAME_SECRETS: [&str; 3] = [
    "nginx.ingress.kubernetes.io/auth-secret",
    "nginx.ingress.kubernetes.io/auth-tls-secret",
    "nginx.ingress.kubernetes.io/proxy-ssl-secret",
];

/// The translation of ingresses.
#[derive(Debug)]
pub(super) struct Ingresses;

impl Translation for Ingresses {
    fn kind(&self) -> ApiResource {
        ApiResource::erase::<Ingress>(&())
    }

    fn plural(&self) -> &'static str {
        "ingresses"
    }

    fn status(&self) -> Status {
        Status::Hosts
    }

    fn host_spec(&self, guest: &Object, _: &Tenant) -> Result<Value, String> {
        spec(guest)
    }

    fn annotate(&self, annotations: &mut BTreeMap<String, String>, tenant: &Tenant) {
        for name in NAME_SECRETS {
            if let Some(value) = annotations.get_mut(name)
                && let Some((namespace, secret)) = value.split_once('/')
            {
                *value = format!("{}/{secret}", tenant.host_namespace(namespace));
            }
        }
    }

    fn references(&self, key: &Key, guest: &Object) -> BTreeSet<Reference> {
        let annotations = guest.metadata.annotations.iter().flatten();
        let annotated = annotations
            .filter(|(name, _)| NAME_SECRETS.contains(&name.as_str()))
            .map(|(_, value)| match value.split_once('/') {
                Some((namespace, secret)) => Key::new(namespace, secret),
                None => Key::new(key.namespace.clone(), value),
            });
        let spec = spec(guest).unwrap_or_default();
        let tls = spec["tls"].as_array().into_iter().flatten();
        let certificates = tls
            .filter_map(|tls| tls["secretName"].as_str())
            .filter(|name| !name.is_empty())
            .map(|name| Key::new(key.namespace.clone(), name));
        (annotated.chain(certificates))
            .map(|secret| (ConfigObject::Secret, secret))
            .collect()
    }
}
