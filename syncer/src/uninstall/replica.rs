//! Removal of a replicated Service in a foreign namespace, with its `Endpoints`, if it is the virtual cluster's.

use std::fmt;
use std::str::FromStr;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;
use tracing::{info, warn};
use vcluster_values::naming::Tenant;
use vcluster_values::naming::own;

use crate::host;

/// Namespace and name of a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replica {
    namespace: String,
    name: String,
}

/// Reads `NAMESPACE/NAME`.
impl FromStr for Replica {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split('/').collect::<Vec<_>>()[..] {
            [namespace, name] if !namespace.is_empty() && !name.is_empty() => Ok(Self {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            }),
            _ => Err("it is NAMESPACE/NAME"),
        }
    }
}

impl fmt::Display for Replica {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

impl Replica {
    /// Deletes the Service and its `Endpoints`.
    pub(super) async fn remove(&self, client: &Client, tenant: &Tenant) -> Result<(), host::Error> {
        self.remove_kind::<Service>(client, tenant).await?;
        self.remove_kind::<Endpoints>(client, tenant).await
    }

    async fn remove_kind<K>(&self, client: &Client, tenant: &Tenant) -> Result<(), host::Error>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + fmt::Debug,
    {
        let what = format!("{} {self}", K::kind(&()));
        let api: Api<K> = Api::namespaced(client.clone(), &self.namespace);
        let found = api.get_metadata_opt(&self.name).await;
        let Some(found) = found.map_err(|source| host::asked(format!("read {what}"), source))? else {
            return Ok(());
        };
        let original = own::replica_of(found.annotations());
        if !original.is_some_and(|original| original.starts_with(&tenant.replica_prefix())) {
            warn!(what, "did not delete an object that is not the virtual cluster's");
            return Ok(());
        }
        // One that was recreated under the name was not looked at.
        let looked_at = DeleteParams::default().preconditions(Preconditions {
            uid: found.uid(),
            resource_version: None,
        });
        match api.delete(&self.name, &looked_at).await {
            Ok(_) => info!(what, "deleted"),
            Err(kube::Error::Api(status)) if status.is_not_found() => {}
            Err(source) => return Err(host::asked(format!("delete {what}"), source)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::both("a/b", true)]
    #[case::a_name("b", false)]
    #[case::no_namespace("/b", false)]
    #[case::no_name("a/", false)]
    #[case::more("a/b/c", false)]
    fn a_service_is_said_by_namespace_and_name(#[case] text: &str, #[case] is_read: bool) {
        let read = text.parse::<Replica>().ok().map(|read| read.to_string());
        assert_eq!(read, is_read.then(|| text.to_owned()));
    }
}
