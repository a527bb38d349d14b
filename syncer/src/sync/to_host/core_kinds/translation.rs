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

/// PVCs.
mod claims;

/// Ingresses.
mod ingresses;

/// Network policies.
mod network_policies;

/// Disruption budgets.
mod budgets;

/// Service accounts.
pub(crate) mod accounts;

/// The special rules of a kind: pure functions of the objects.
pub(crate) trait Translation: Debug + Send + Sync {
    /// Returns the kind.
    fn kind(&self) -> ApiResource;

    /// Returns the name of its objects in logs and metrics.
    fn plural(&self) -> &'static str;

    /// Returns the side that owns the status.
    fn status(&self) -> Status;

    /// Returns the rules that an object has to comply with to be created on the host.
    fn admission(&self) -> Option<Resource> {
        None
    }

    /// Returns true if a guest object has no mirror.
    fn stays(&self, _guest: &Object) -> bool {
        false
    }

    /// Returns the field of the mirror besides its metadata.
    fn field(&self) -> &'static str {
        "spec"
    }

    /// Returns the value of that field, or the reason that there can be none.
    fn host_spec(&self, guest: &Object, tenant: &Tenant) -> Result<Value, String>;

    /// Changes the mirror's annotations, which are the guest's and those of ownership.
    fn annotate(&self, _annotations: &mut BTreeMap<String, String>, _tenant: &Tenant) {}

    /// Returns a merge patch of the guest object, with values that the host has decided.
    fn decided(&self, _guest: &Object, _host: &Object) -> Option<Value> {
        None
    }

    /// Returns the ConfigMaps and Secrets that an object names.
    fn references(&self, _key: &Key, _guest: &Object) -> BTreeSet<Reference> {
        BTreeSet::new()
    }

    /// Returns true if an object has had a mirror and can't have another one: it is deleted after its mirror.
    fn stands_and_falls(&self, _guest: &Object) -> bool {
        false
    }
}

/// The side that owns the status of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// The host, and its status is shown in the guest.
    Hosts,
    /// The guest, whose own controller writes it; or there is no status.
    Guests,
}

/// Returns the form of a kind.
pub(super) fn of(kind: CoreKind) -> Box<dyn Translation> {
    match kind {
        CoreKind::PersistentVolumeClaim => Box::new(claims::Claims),
        CoreKind::Ingress => Box::new(ingresses::Ingresses),
        CoreKind::NetworkPolicy => Box::new(network_policies::NetworkPolicies),
        CoreKind::PodDisruptionBudget => Box::new(budgets::Budgets),
        CoreKind::ServiceAccount => Box::new(accounts::Accounts),
    }
}

/// Returns the kind of a switch in the values.
pub(crate) fn resource(kind: CoreKind) -> ApiResource {
    of(kind).kind()
}

/// Returns the spec of an object; null if it has none.
pub(super) fn spec(object: &Object) -> Result<Value, String> {
    field(object, "spec")
}

/// Returns a field of an object; null if it has none.
pub(super) fn field(object: &Object, name: &str) -> Result<Value, String> {
    object
        .field(name)
        .map(Option::unwrap_or_default)
        .map_err(|error| format!("its {name} can't be read: {error}"))
}

#[cfg(test)]
mod tests;
