//! Which Services the host has too: takes what the values ask for, gives what the engine is told.

use crate::naming::Tenant;
use crate::sync::Mapping;
use crate::values::Values;

/// The mappings, the host's side to the left, or which can't be read.
pub(crate) fn services(tenant: &Tenant, values: &Values) -> Result<Vec<Mapping>, String> {
    let services = values.networking.replicate_services.to_host.iter();
    services
        .map(|one| Mapping::of_service(&one.to, &one.from, tenant.namespace()))
        .collect()
}
