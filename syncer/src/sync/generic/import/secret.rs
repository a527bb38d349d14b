//! The Secrets that are shown: all but tokens of the host's service accounts.
//!
//! Such a token is valid for the host's API, so a tenant has no use for it. And the guest, which does not have the account, would
//! delete the copy, and with it the host's Secret.

use kube::core::ApiResource;

use crate::sync::to_host::config_objects::TOKEN_TYPE;
use crate::sync::write::object::Fields;

/// Returns true if an object is a Secret that the guest must not have.
pub(super) fn is_of_the_host_alone(kind: &ApiResource, fields: &Fields) -> bool {
    kind.group.is_empty()
        && kind.kind == "Secret"
        && fields.get("type").is_some_and(|kind| kind.get() == TOKEN_TYPE)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    use serde_json::json;
    use serde_json::value::to_raw_value;

    use super::*;

    #[test]
    fn a_token_of_the_host_is_its_own() {
        let secret = ApiResource::erase::<Secret>(&());
        let of = |name: &str| Fields::from([("type".to_owned(), to_raw_value(&json!(name)).unwrap())]);
        let token = of("kubernetes.io/service-account-token");
        assert!(is_of_the_host_alone(&secret, &token));
        assert!(!is_of_the_host_alone(&secret, &of("kubernetes.io/tls")));
        assert!(!is_of_the_host_alone(&secret, &Fields::new()));
        assert!(!is_of_the_host_alone(
            &ApiResource::erase::<ConfigMap>(&()),
            &token
        ));
    }
}
