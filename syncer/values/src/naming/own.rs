//! Keys of this project's own: annotations and a finalizer that vcluster does not write.
//!
//! Keys below `vcluster.loft.sh/` are loft's, which may give them another meaning. Only those that vcluster itself writes stay there.

use std::collections::BTreeMap;

/// The prefix of all of these keys.
pub const DOMAIN: &str = "shared-dapr.io/";

/// Annotation on a copy in the guest: the UID of the host object that it shows.
pub const SOURCE_UID: &str = "shared-dapr.io/source-uid";

/// Annotation on a copy in the guest: the host object that it shows, as `NAMESPACE/NAME`, or as `NAME` if it is cluster-scoped.
pub const SOURCE: &str = "shared-dapr.io/source";

/// Annotation on a host object: the UID of the guest namespace that has had a copy of it. If a guest lost its data, the namespace
/// has another UID, and a copy that is missing there was not deleted by the tenant.
pub const SYNCED_INTO: &str = "shared-dapr.io/synced-into";

/// Annotation on a guest object: the keys of its labels and annotations that came from the host, one a line, each with a digest of
/// its value.
pub const HOST_MANAGED_KEYS: &str = "shared-dapr.io/host-managed-keys";

/// Annotation on a Service of the host: the guest's Service while it is being recreated.
pub const RECREATING: &str = "shared-dapr.io/recreating";

/// Annotation on a Secret with tokens: the time at which they are renewed.
pub const RENEW_AT: &str = "shared-dapr.io/renew-at";

/// Annotation on a host pod: the guest generation of its last update. While the guest is at it, the host's spec is not changed,
/// whatever admission on the host has made of it.
pub const OBJECT_GENERATION: &str = "shared-dapr.io/object-generation";

/// Annotation on a host pod: the guest pod's annotations in the form of a downward API file, for pods that mount one. The host
/// pod's own annotations include the syncer's and those of the host.
pub const GUEST_ANNOTATIONS: &str = "shared-dapr.io/guest-annotations";

/// Annotation on a replica of a Service of the guest, and on its `Endpoints`: the virtual cluster and the Service in it,
/// `NAMESPACE/NAME/NAMESPACE/NAME`.
pub const REPLICA_OF: &str = "shared-dapr.io/replica-of";

/// Annotation on the Service of the virtual cluster: the UID of the guest that may replace the former one.
pub const ACCEPTED_CLUSTER: &str = "shared-dapr.io/accepted-cluster";

/// Finalizer of a guest namespace that has a host namespace.
pub const HOST_NAMESPACE: &str = "shared-dapr.io/host-namespace";

/// Annotation on the guest's namespace `kube-system`: the annotations of versions before 0.2 have their new names.
pub const KEYS_RENAMED: &str = "shared-dapr.io/keys-renamed";

/// Returns the original of a replica of a Service, by its annotations.
#[must_use]
pub fn replica_of(annotations: &BTreeMap<String, String>) -> Option<&String> {
    annotations
        .get(REPLICA_OF)
        .or_else(|| annotations.get(former::REPLICA_OF))
}

/// The keys as versions before 0.2 wrote them.
pub mod former {
    /// The former name of [`super::GUEST_ANNOTATIONS`]. The spec of a pod names it, so it stays on pods that have it.
    pub const GUEST_ANNOTATIONS: &str = "vcluster.loft.sh/annotations";

    /// The former name of [`super::ACCEPTED_CLUSTER`].
    pub const ACCEPTED_CLUSTER: &str = "vcluster.loft.sh/accepted-guest";

    /// The former name of [`super::HOST_NAMESPACE`].
    pub const HOST_NAMESPACE: &str = "vcluster.loft.sh/host-namespace";

    /// The former name of [`super::REPLICA_OF`].
    pub const REPLICA_OF: &str = "vcluster.loft.sh/replica-of";

    /// The annotations that are renamed wherever they are, each by its former name. They are read by their new names only.
    pub const RENAMED: [(&str, &str); 7] = [
        ("vcluster.loft.sh/shows", super::SOURCE_UID),
        ("vcluster.loft.sh/copy-of", super::SOURCE),
        ("vcluster.loft.sh/shown-in", super::SYNCED_INTO),
        ("vcluster.loft.sh/from-host", super::HOST_MANAGED_KEYS),
        ("vcluster.loft.sh/made-anew", super::RECREATING),
        ("vcluster.loft.sh/renew-at", super::RENEW_AT),
        ("vcluster.loft.sh/object-generation", super::OBJECT_GENERATION),
    ];
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::no_replica(&[], None)]
    #[case::a_replica(&[(REPLICA_OF, "a")], Some("a"))]
    #[case::a_replica_of_a_version_before(&[(former::REPLICA_OF, "b")], Some("b"))]
    #[case::a_replica_with_both_keys(&[(former::REPLICA_OF, "b"), (REPLICA_OF, "a")], Some("a"))]
    fn a_replica_names_its_original(#[case] annotations: &[(&str, &str)], #[case] original: Option<&str>) {
        let annotations = annotations
            .iter()
            .map(|&(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(replica_of(&annotations.collect()).map(String::as_str), original);
    }
}
