//! Services of the guest that are replicated to the host: `networking.replicateServices.toHost`.

use crate::mapping::Mapping;
use crate::naming::Tenant;
use crate::reader::Values;

/// Returns the mappings, the host's side to the left.
///
/// # Errors
///
/// A mapping cannot be read.
pub fn services(tenant: &Tenant, values: &Values) -> Result<Vec<Mapping>, String> {
    let services = values.networking.replicate_services.to_host.iter();
    services
        .map(|one| Mapping::of_service(&one.to, &one.from, tenant.namespace()))
        .collect()
}
