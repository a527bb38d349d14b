//! Mappings of objects by name: a file's mappings are returned unchanged if the syncer can read them.

use serde_json::Value;

use crate::mapping::Mapping;

/// Substitute for an empty namespace on the host's side, while the control plane's namespace is not known.
const OWN: &str = "control-plane";

/// Checks mappings of objects by name, the host's to the left.
pub(super) fn by_name(mappings: Value) -> Result<Value, String> {
    for (host, guest) in mappings.as_object().into_iter().flatten() {
        Mapping::parse(host, guest.as_str().unwrap_or_default(), OWN).map_err(|why| format!("has {why}"))?;
    }
    Ok(mappings)
}

/// Checks replicated Services; `host` and `guest` are the keys of the two sides.
pub(super) fn services(services: Value, host: &str, guest: &str) -> Result<Value, String> {
    for service in services.as_array().into_iter().flatten() {
        let side = |key: &str| service[key].as_str().unwrap_or_default();
        Mapping::of_service(side(host), side(guest), OWN).map_err(|why| format!("has {why}"))?;
    }
    Ok(services)
}
