//! What of one side is where on the other, by name: takes what a file has, gives it back if the syncer can read it.

use serde_json::Value;

use crate::mapping::Mapping;

/// What an empty namespace on the host's side stands for while it is not known which one that is.
const OWN: &str = "control-plane";

/// Checks objects by name, the host's to the left.
pub(super) fn by_name(mappings: Value) -> Result<Value, String> {
    for (host, guest) in mappings.as_object().into_iter().flatten() {
        Mapping::parse(host, guest.as_str().unwrap_or_default(), OWN).map_err(|why| format!("has {why}"))?;
    }
    Ok(mappings)
}

/// Checks Services of one side that the other has too; which key is the host's side is said.
pub(super) fn services(services: Value, host: &str, guest: &str) -> Result<Value, String> {
    for service in services.as_array().into_iter().flatten() {
        let side = |key: &str| service[key].as_str().unwrap_or_default();
        Mapping::of_service(side(host), side(guest), OWN).map_err(|why| format!("has {why}"))?;
    }
    Ok(services)
}
