//! A namespace of a tenant, seen from both sides.

use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DeleteParams, ObjectMeta, PostParams};

use crate::apps::{ReadApp, WriteApp};
use crate::eventually::{LATER, eventually};
use crate::side::Side;
use crate::tenant::Tenant;

/// A namespace of a tenant, and the one on the host that mirrors it.
#[derive(Clone, Debug)]
pub struct NamespacePair {
    tenant: Tenant,
    guest: Side,
    host: Side,
}

impl NamespacePair {
    pub(crate) fn new(tenant: Tenant, name: &str) -> Self {
        let guest = Side::new("guest", tenant.guest_client().clone(), name.to_owned());
        let host = Side::new("host", tenant.host_client().clone(), tenant.host_namespace(name));
        Self { tenant, guest, host }
    }

    /// Returns the tenant that it belongs to.
    #[must_use]
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// Returns the tenant's view of it.
    #[must_use]
    pub fn guest(&self) -> &Side {
        &self.guest
    }

    /// Returns the host's view of it, which has the objects that really exist.
    #[must_use]
    pub fn host(&self) -> &Side {
        &self.host
    }

    /// Creates the namespace in the guest, and waits for its mirror on the host.
    pub(crate) async fn make(&self) -> anyhow::Result<()> {
        self.begin().await?;
        self.is_mirrored().await
    }

    /// Waits for the namespace's mirror on the host.
    pub async fn is_mirrored(&self) -> anyhow::Result<()> {
        self.tenant.mirrors(self.guest.namespace()).await
    }

    /// Creates the namespace in the guest.
    pub(crate) async fn begin(&self) -> anyhow::Result<()> {
        let name = self.guest.namespace();
        let namespaces: Api<Namespace> = Api::all(self.tenant.guest_client().clone());
        let namespace = Namespace {
            metadata: ObjectMeta {
                name: Some(name.to_owned()),
                ..ObjectMeta::default()
            },
            ..Namespace::default()
        };
        eventually(format!("namespace {name} to be recreated"), LATER, || async {
            match namespaces.create(&PostParams::default(), &namespace).await {
                Ok(_) => Ok(Ok(())),
                // An earlier run with the same seed has left it.
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    let _going_already = namespaces.delete(name, &DeleteParams::default()).await;
                    Ok(Err("one of that name is still going".to_owned()))
                }
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Deletes the namespace with its content, without waiting until it is gone.
    pub async fn remove(self) -> anyhow::Result<()> {
        let namespaces: Api<Namespace> = Api::all(self.tenant.guest_client().clone());
        namespaces
            .delete(self.guest.namespace(), &DeleteParams::default())
            .await?;
        Ok(())
    }

    /// Deploys a write app that keeps its values in the Component `my-statestore` of this namespace; waits until it
    /// is ready.
    pub async fn deploy_write_app(&self) -> anyhow::Result<WriteApp> {
        WriteApp::deploy(self, None).await
    }

    /// Deploys a write app whose sidecar has this Configuration.
    pub async fn deploy_configured_write_app(&self, configuration: &str) -> anyhow::Result<WriteApp> {
        WriteApp::deploy(self, Some(configuration)).await
    }

    /// Returns the read app of this name.
    pub async fn read_app(&self, name: &str) -> anyhow::Result<ReadApp> {
        ReadApp::find(self, name).await
    }
}
