//! A guest namespace and its mirror.

use std::sync::Arc;

use super::{Side, Tenant, namespace, unique};

/// A guest namespace and its mirror on the host.
pub(crate) struct NamespacePair {
    /// The namespace.
    pub(crate) guest: Side,
    /// Its mirror.
    pub(crate) host: Side,
    /// The tenant, if other tests use it too: a failure then shows only log lines about this namespace.
    shared: Option<Arc<Tenant>>,
}

impl NamespacePair {
    /// Creates a namespace of the tenant that tests share.
    pub(crate) async fn shared() -> Self {
        Self::new_of(Tenant::shared().await).await
    }

    /// Creates a namespace of the tenant that has all kinds.
    pub(crate) async fn of_all_kinds() -> Self {
        Self::new_of(Tenant::of_all_kinds().await).await
    }

    /// Creates a namespace of the tenant whose engine is configured by hand.
    pub(crate) async fn configured() -> Self {
        Self::new_of(Tenant::configured().await).await
    }

    async fn new_of(tenant: Arc<Tenant>) -> Self {
        let name = unique("space");
        tenant.guest().await.create(namespace(&name)).await;
        let mut space = Self::of(&tenant, &name).await;
        space.shared = Some(tenant);
        space
    }

    /// Returns a namespace of the guest, once its mirror exists.
    pub(crate) async fn of(tenant: &Tenant, namespace: &str) -> Self {
        let mirror = tenant.host_namespace(namespace);
        let host = tenant.host().await;
        host.appears("Namespace", &mirror).await;
        Self {
            guest: tenant.guest().await.within(namespace),
            host: host.within(&mirror),
            shared: None,
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "libtest captures it, and shows it where the test fails"
)]
impl Drop for NamespacePair {
    fn drop(&mut self) {
        let Some(tenant) = &self.shared else { return };
        if std::thread::panicking() {
            for namespace in [self.guest.namespace(), self.host.namespace()] {
                println!("the syncer on {namespace}:\n{}", tenant.said_of(namespace));
            }
        }
    }
}
