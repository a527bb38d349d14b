//! Objects on the host for the syncer's own control plane: its Service, and a Secret with the kubeconfig. All other objects on
//! the host are the engine's.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, Service, ServiceAccount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client};
use tokio::fs;
use vcluster_values::naming::Tenant;

/// The virtual cluster's own namespaces, and no others.
pub(crate) mod namespaces;

/// The field manager of the syncer's writes outside of its engine.
pub const FIELD_MANAGER: &str = "syncer-bootstrap";

/// Failure of a request to the host, or a prerequisite that is missing there.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host did not do what was asked.
    #[error("{attempt}")]
    Asked {
        /// The request that failed.
        attempt: String,
        /// The cause.
        source: Box<kube::Error>,
    },
    /// The Service has no address.
    #[error("find a cluster IP on Service {name}")]
    NoAddress {
        /// The Service.
        name: String,
    },
    /// A file that `syncer init` writes could not be read.
    #[error("read {}", path.display())]
    Read {
        /// The path of the file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

/// The Service on the host by which the guest's API is reached.
#[derive(Clone, Debug)]
pub struct ApiService {
    /// Its cluster IPs, the first one first.
    pub addresses: Vec<IpAddr>,
    /// Names and addresses of its load balancer, if it has one.
    pub balancer: Vec<String>,
}

impl ApiService {
    /// Returns the address that the guest gets.
    #[must_use]
    pub fn address(&self) -> IpAddr {
        self.addresses[0]
    }
}

/// Looks up the Service of the guest's API: it has the virtual cluster's name.
pub async fn api_service(host: &Client, tenant: &Tenant) -> Result<ApiService, Error> {
    let services: Api<Service> = Api::namespaced(host.clone(), tenant.namespace());
    let name = tenant.name();
    let service = services
        .get(name)
        .await
        .map_err(|source| asked(format!("read Service {name}"), source))?;
    let spec = service.spec.unwrap_or_default();
    let texts = spec
        .cluster_ips
        .or_else(|| spec.cluster_ip.map(|address| vec![address]))
        .unwrap_or_default();
    let addresses: Vec<IpAddr> = texts.iter().filter_map(|text| text.parse().ok()).collect();
    if addresses.is_empty() {
        return Err(Error::NoAddress {
            name: name.to_owned(),
        });
    }
    let balancer = service.status.and_then(|status| status.load_balancer?.ingress);
    let balancer = balancer
        .into_iter()
        .flatten()
        .flat_map(|at| [at.ip, at.hostname])
        .flatten();
    Ok(ApiService {
        addresses,
        balancer: balancer.collect(),
    })
}

/// Returns the owner of the objects that the syncer creates beside its control plane: the service account that it acts as. They
/// are deleted with it when the release is removed. The Service is not their owner, as it may be deleted and restored; the
/// authority must outlive that.
pub async fn owner(host: &Client, tenant: &Tenant) -> Result<OwnerReference, Error> {
    let accounts: Api<ServiceAccount> = Api::namespaced(host.clone(), tenant.namespace());
    let name = tenant.service_account();
    let account = accounts
        .get_metadata(&name)
        .await
        .map_err(|source| asked(format!("read service account {name}"), source))?;
    Ok(OwnerReference {
        api_version: "v1".to_owned(),
        kind: "ServiceAccount".to_owned(),
        name,
        uid: account.metadata.uid.unwrap_or_default(),
        ..OwnerReference::default()
    })
}

/// Publishes the tenant's kubeconfig in the Secret `vc-NAME`, from the files that `syncer init` wrote.
pub async fn publish(
    host: &Client,
    tenant: &Tenant,
    pki: &Path,
    owner: &OwnerReference,
) -> Result<(), Error> {
    const KEYS: [(&str, &str); 4] = [
        ("config", "admin.kubeconfig"),
        ("certificate-authority", crate::pki::CA_CERTIFICATE),
        ("client-certificate", "admin.crt"),
        ("client-key", "admin.key"),
    ];
    let mut data = BTreeMap::new();
    for (key, file) in KEYS {
        let path = pki.join(file);
        let content = fs::read(&path)
            .await
            .map_err(|source| Error::Read { path, source })?;
        data.insert(key.to_owned(), ByteString(content));
    }
    let name = tenant.service_account();
    let secret = Secret {
        metadata: ObjectMeta {
            name: Some(name.clone()),
            owner_references: Some(vec![owner.clone()]),
            ..ObjectMeta::default()
        },
        data: Some(data),
        ..Secret::default()
    };
    let secrets: Api<Secret> = Api::namespaced(host.clone(), tenant.namespace());
    let applied = secrets
        .patch(
            &name,
            &PatchParams::apply(FIELD_MANAGER).force(),
            &Patch::Apply(&secret),
        )
        .await;
    applied
        .map(drop)
        .map_err(|source| asked(format!("publish the kubeconfig in Secret {name}"), source))
}

/// Returns the error for a request that the host did not serve.
pub(crate) fn asked(attempt: impl Into<String>, source: kube::Error) -> Error {
    Error::Asked {
        attempt: attempt.into(),
        source: Box::new(source),
    }
}
