//! Disruption budgets: they protect the tenant's pods from drains of the host.
//!
//! The guest's own controller counts the guest's pods and writes the status, so the host's status is not shown.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::ApiResource;
use serde_json::Value;
use vcluster_values::naming::Tenant;

use super::{Status, Translation, spec};
use crate::sync::write::object::Object;

/// The translation of disruption budgets.
#[derive(Debug)]
pub(super) struct Budgets;

impl Translation for Budgets {
    fn kind(&self) -> ApiResource {
        ApiResource::erase::<PodDisruptionBudget>(&())
    }

    fn plural(&self) -> &'static str {
        "disruption budgets"
    }

    fn status(&self) -> Status {
        Status::Guests
    }

    fn host_spec(&self, guest: &Object, _: &Tenant) -> Result<Value, String> {
        // It selects within its namespace, and pods have the same labels on both sides.
        spec(guest)
    }
}
