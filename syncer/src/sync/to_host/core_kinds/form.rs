//! Differences between kinds that have mirrors.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use kube::core::ApiResource;
use serde_json::Value;
use vcluster_values::admission::Resource;
use vcluster_values::kinds::CoreKind;
use vcluster_values::naming::Tenant;

use crate::sync::runtime::key::Key;
use crate::sync::to_host::references::Reference;
use crate::sync::write::object::Object;

/// Claims on volumes.
mod claims;

/// Ingresses.
mod ingresses;

/// Network policies.
mod network_policies;

/// Disruption budgets.
mod budgets;

/// Service accounts.
pub(crate) mod accounts;

/// What is special about a kind: pure functions of the objects.
pub(crate) trait Form: Debug + Send + Sync {
    /// The kind.
    fn kind(&self) -> ApiResource;

    /// What its objects are called in logs and metrics.
    fn plural(&self) -> &'static str;

    /// Whose word the status is.
    fn status(&self) -> Status;

    /// The rules that an object has to comply with to be created on the host.
    fn admission(&self) -> Option<Resource> {
        None
    }

    /// Returns true if a guest's object is the guest's alone.
    fn stays(&self, _guest: &Object) -> bool {
        false
    }

    /// The fields of the mirror besides its metadata.
    fn field(&self) -> &'static str {
        "spec"
    }

    /// The value of that, or why there can be none.
    fn host_spec(&self, guest: &Object, tenant: &Tenant) -> Result<Value, String>;

    /// Changes what the mirror's annotations would be: the guest's, and those that say whose it is.
    fn annotate(&self, _annotations: &mut BTreeMap<String, String>, _tenant: &Tenant) {}

    /// A merge patch of what the host has decided and the guest's object has still to say.
    fn decided(&self, _guest: &Object, _host: &Object) -> Option<Value> {
        None
    }

    /// The config maps and Secrets that an object names.
    fn references(&self, _key: &Key, _guest: &Object) -> BTreeSet<Reference> {
        BTreeSet::new()
    }

    /// Returns true if an object has had a mirror and can't have another one: it is deleted after its mirror.
    fn stands_and_falls(&self, _guest: &Object) -> bool {
        false
    }
}

/// Whose word the status of a kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The host's, which is shown in the guest.
    Hosts,
    /// The guest's, whose own controller writes it; or there is none.
    Guests,
}

/// The form of a kind.
pub(super) fn of(kind: CoreKind) -> Box<dyn Form> {
    match kind {
        CoreKind::PersistentVolumeClaim => Box::new(claims::Claims),
        CoreKind::Ingress => Box::new(ingresses::Ingresses),
        CoreKind::NetworkPolicy => Box::new(network_policies::NetworkPolicies),
        CoreKind::PodDisruptionBudget => Box::new(budgets::Budgets),
        CoreKind::ServiceAccount => Box::new(accounts::Accounts),
    }
}

/// The kind that a switch is for.
pub(crate) fn resource(kind: CoreKind) -> ApiResource {
    of(kind).kind()
}

/// The spec of an object; null if it has none.
pub(super) fn spec(object: &Object) -> Result<Value, String> {
    object
        .field("spec")
        .map(Option::unwrap_or_default)
        .map_err(|error| format!("its spec can't be read: {error}"))
}

#[cfg(test)]
mod tests;
