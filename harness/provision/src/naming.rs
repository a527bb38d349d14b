//! The names of a tenant's objects on the host.
//!
//! The rule is implemented a second time here, and not taken from the syncer: a check of a syncer must not rely on
//! its answers. It is the rule of vcluster's multi-namespace mode (`pkg/util/translate/multi_namespace.go`, v0.14 to
//! v0.25).

use sha2::{Digest as _, Sha256};

/// Returns the host namespace that mirrors the guest namespace `guest` of the tenant `tenant`, whose control plane is
/// in `namespace`. Objects in it have the same names as in the guest.
#[must_use]
pub fn host_namespace(tenant: &str, namespace: &str, guest: &str) -> String {
    let whose = format!("{namespace}x{tenant}");
    format!("vcluster-{}-{}", short_hash(guest), short_hash(&whose))
}

/// Returns the first eight hexadecimal digits of SHA-256.
fn short_hash(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blogs_namespace_is_where_vcluster_has_it() {
        assert_eq!(
            host_namespace("dapr-enabled", "vcluster-dapr-enabled", "default"),
            "vcluster-37a8eec1-74032e2d"
        );
    }
}
