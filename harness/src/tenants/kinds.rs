//! Kinds that tenants' values export and import. The host is asked for them before a tenant is created, because its
//! syncer would wait for those that the host does not have.

use std::collections::BTreeMap;

use kube::Client;
use kube::core::ApiResource;
use kube::discovery::{self, ApiCapabilities, ApiGroup};
use kube::error::DiscoveryError;
use provision::wait::{self, Budget, Seen};
use vcluster_values::kinds::{self, Scope, Served};
use vcluster_values::{KindName, Values};

use super::Error;

/// A kind is served within a second after the creation of its definition.
const SERVED: Budget = Budget::seconds(10);

/// The group of the kinds that the platform installs.
const OF_THE_PLATFORM: &str = "dapr.io";

/// The kinds of one API group that the host serves; `None` if it does not have the group.
type Group = Option<ApiGroup>;

/// Refuses values with kinds that the host does not have, except those that the platform may install. Messages call
/// the tenant `tenant`.
pub async fn known_before_the_platform(host: &Client, tenant: &str, values: &Values) -> Result<(), Error> {
    let refusals = refusals(host, values, |group| group != OF_THE_PLATFORM).await;
    accepted(tenant, &refusals.map_err(|error| error.of(tenant))?)
}

/// Refuses values with kinds that the host does not have.
pub(super) async fn known(host: &Client, tenant: &str, values: &Values) -> Result<(), Error> {
    let found = wait::until(format!("the kinds of {tenant}'s values"), SERVED, || async {
        let refusals = refusals(host, values, |_| true).await?;
        Ok::<_, Unanswered>(if refusals.is_empty() {
            Seen::Ready(())
        } else {
            Seen::NotYet(refusals.join("; "))
        })
    })
    .await;
    match found {
        Ok(()) => Ok(()),
        Err(wait::Error::TimedOut { last, .. }) => accepted(tenant, &[last]),
        Err(wait::Error::Failed { source, .. }) => Err(source.of(tenant)),
    }
}

fn accepted(tenant: &str, refusals: &[String]) -> Result<(), Error> {
    if refusals.is_empty() {
        return Ok(());
    }
    Err(Error::Kinds {
        tenant: tenant.to_owned(),
        why: refusals.join("; "),
    })
}

/// An API group that the host did not describe.
#[derive(Debug, thiserror::Error)]
#[error("ask the host for the kinds of {group}")]
struct Unanswered {
    group: String,
    source: Box<kube::Error>,
}

impl Unanswered {
    fn of(self, tenant: &str) -> Error {
        Error::Discovery {
            tenant: tenant.to_owned(),
            group: self.group,
            source: self.source,
        }
    }
}

/// Returns the reason why a syncer would not start with these values on this host. `asks` selects the API groups that matter.
async fn refusals(
    host: &Client,
    values: &Values,
    asks: impl Fn(&str) -> bool,
) -> Result<Vec<String>, Unanswered> {
    let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
    for name in kinds::names(values).map(KindName::group) {
        if asks(name) && !groups.contains_key(name) {
            groups.insert(name, group(host, name).await?);
        }
    }
    let serves = |name: &KindName| serves(groups.get(name.group())?.as_ref()?, name);
    Ok(kinds::refused_by_host(values, &asks, serves))
}

async fn group(host: &Client, name: &str) -> Result<Group, Unanswered> {
    match discovery::group(host, name).await {
        Ok(group) => Ok(Some(group)),
        Err(kube::Error::Discovery(DiscoveryError::MissingApiGroup(_))) => Ok(None),
        Err(source) => Err(Unanswered {
            group: if name.is_empty() { "the core group" } else { name }.to_owned(),
            source: Box::new(source),
        }),
    }
}

/// Returns a kind as its group serves it.
fn serves(group: &ApiGroup, name: &KindName) -> Option<Served> {
    type Found = (ApiResource, ApiCapabilities);
    let of_version = |version: Option<&str>| match version {
        Some(version) => group.versioned_resources(version),
        // A group has one preferred version, which does not have all of its resources.
        None => group.resources_by_stability(),
    };
    let found: Option<Found> = match name {
        KindName::Kind { api_version, kind } => {
            let version = api_version.rsplit('/').next();
            let mut kinds = of_version(version).into_iter();
            kinds.find(|(resource, _)| resource.kind == *kind)
        }
        KindName::Resource { resource, version } => {
            let plural = resource.split('.').next();
            let mut kinds = of_version(version.as_deref()).into_iter();
            kinds.find(|(resource, _)| Some(resource.plural.as_str()) == plural)
        }
    };
    let (resource, capabilities) = found?;
    Some(Served {
        scope: Scope {
            definition: format!("{}.{}", resource.plural, resource.group),
            namespaced: capabilities.scope == discovery::Scope::Namespaced,
        },
        group: resource.group,
        kind: resource.kind,
    })
}
