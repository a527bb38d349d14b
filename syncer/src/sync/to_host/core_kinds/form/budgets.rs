//! Disruption budgets: they keep the host's drains from the tenant's pods.
//!
//! The guest's own controller counts its pods and keeps the status there, so the host's is not shown.

use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::core::ApiResource;
use serde_json::Value;
use vcluster_values::naming::Tenant;

use super::{Form, Status, spec};
use crate::sync::write::object::Object;

/// Disruption budgets.
#[derive(Debug)]
pub(super) struct Budgets;

impl Form for Budgets {
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
