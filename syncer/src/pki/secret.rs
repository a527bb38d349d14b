//! The Secret on the host that keeps the authority.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use vcluster_values::naming::Tenant;

use super::{Authority, Error};

/// Reads the authority from the Secret `NAME-certs` of the control plane's namespace, or creates both. Kubernetes removes the
/// Secret with `owner`, if there is one.
pub async fn keep(host: &Client, tenant: &Tenant, owner: Option<OwnerReference>) -> Result<Authority, Error> {
    let secrets: Api<Secret> = Api::namespaced(host.clone(), tenant.namespace());
    let name = format!("{}-certs", tenant.name());
    if let Some(authority) = find(&secrets, &name).await? {
        return Ok(authority);
    }
    let authority = Authority::generate(tenant.name())?;
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            owner_references: owner.map(|owner| vec![owner]),
            ..ObjectMeta::default()
        },
        data: Some(
            authority
                .parts()
                .into_iter()
                .map(|(key, value)| (key, ByteString(value)))
                .collect(),
        ),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    };
    match secrets.create(&PostParams::default(), &secret).await {
        Ok(_) => Ok(authority),
        // Another start of the same control plane was faster; everybody has to use what it made.
        Err(kube::Error::Api(status)) if status.is_already_exists() => match find(&secrets, &name).await? {
            Some(authority) => Ok(authority),
            None => Err(failed(
                format!("read Secret {name} again"),
                kube::Error::Api(status),
            )),
        },
        Err(source) => Err(failed(format!("create Secret {name}"), source)),
    }
}

async fn find(secrets: &Api<Secret>, name: &str) -> Result<Option<Authority>, Error> {
    let secret = secrets
        .get_opt(name)
        .await
        .map_err(|source| failed(format!("read Secret {name}"), source))?;
    let Some(secret) = secret else { return Ok(None) };
    let parts: BTreeMap<String, Vec<u8>> = secret
        .data
        .unwrap_or_default()
        .into_iter()
        .map(|(key, value)| (key, value.0))
        .collect();
    Authority::from_parts(&parts).map(Some)
}

fn failed(attempt: String, source: kube::Error) -> Error {
    Error::Host {
        attempt,
        source: Box::new(source),
    }
}
