//! Discovery of the kinds that a cluster serves: resources by API version and kind.

use kube::Client;
use kube::core::{ApiResource, GroupVersion};
use kube::discovery::{self, ApiGroup};
use kube::error::DiscoveryError;
use vcluster_values::KindName;
use vcluster_values::kinds::Scope;

/// Failure to ask the host for the kinds that it serves.
#[derive(Debug, thiserror::Error)]
#[error("ask the host for the kinds of {group}")]
pub(crate) struct Error {
    group: String,
    source: Box<kube::Error>,
}

/// A kind as one side serves it.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    pub(crate) resource: ApiResource,
    pub(crate) has_status: bool,
    pub(crate) namespaced: bool,
}

impl Served {
    /// Returns the name of its CRD.
    pub(crate) fn definition(&self) -> String {
        format!("{}.{}", self.resource.plural, self.resource.group)
    }

    /// Returns its scope: namespaced or cluster-scoped.
    pub(crate) fn scope(&self) -> Scope {
        Scope {
            definition: self.definition(),
            namespaced: self.namespaced,
        }
    }
}

/// Returns a kind as one side serves it; `None` if it does not serve it.
pub(crate) async fn served(
    client: &Client,
    api_version: &str,
    kind: &str,
) -> Result<Option<Served>, kube::Error> {
    let resources = if api_version.contains('/') {
        client.list_api_group_resources(api_version).await
    } else {
        client.list_core_api_resources(api_version).await
    };
    let resources = match resources {
        // Of a group that it has nothing of, an API says this without a reason.
        Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
        other => other?.resources,
    };
    let Ok(version) = api_version.parse::<GroupVersion>() else {
        return Ok(None);
    };
    let mut listed = resources.iter();
    let Some(found) = listed.find(|one| one.kind == kind && !one.name.contains('/')) else {
        return Ok(None);
    };
    let status = format!("{}/status", found.name);
    Ok(Some(Served {
        resource: ApiResource {
            group: version.group,
            version: version.version,
            api_version: api_version.to_owned(),
            kind: found.kind.clone(),
            plural: found.name.clone(),
        },
        has_status: resources.iter().any(|one| one.name == status),
        namespaced: found.namespaced,
    }))
}

/// Returns the API version and kind of a name; `None` if the host does not serve the resource.
pub(crate) async fn resolve(host: &Client, name: &KindName) -> Result<Option<(String, String)>, Error> {
    let (resource, version) = match name {
        KindName::Kind { api_version, kind } => return Ok(Some((api_version.clone(), kind.clone()))),
        KindName::Resource { resource, version } => (resource, version),
    };
    let (plural, group) = resource.split_once('.').unwrap_or((resource, ""));
    match discovery::group(host, group).await {
        Ok(found) => Ok(find(&found, plural, version.as_deref())),
        Err(kube::Error::Discovery(DiscoveryError::MissingApiGroup(_))) => Ok(None),
        Err(source) => Err(failed(group, source)),
    }
}

fn find(group: &ApiGroup, plural: &str, version: Option<&str>) -> Option<(String, String)> {
    let resources = match version {
        Some(version) => group.versioned_resources(version),
        // A group has one preferred version, which not all of its resources are in.
        None => group.resources_by_stability(),
    };
    let mut resources = resources.into_iter().map(|(resource, _)| resource);
    let ApiResource {
        api_version, kind, ..
    } = resources.find(|resource| resource.plural == plural)?;
    Some((api_version, kind))
}

fn failed(group: &str, source: kube::Error) -> Error {
    let group = match group {
        "" => "the core group",
        group => group,
    };
    Error {
        group: group.to_owned(),
        source: Box::new(source),
    }
}
