//! Names of a virtual cluster and its objects on the host.
//!
//! The rules are those of vcluster's multi-namespace mode (`pkg/util/translate/multi_namespace.go`, v0.14 to v0.25), so that
//! everything that relies on its names still works.

use std::collections::BTreeMap;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::admission;

pub use self::mapped::MappedNamespaces;

/// Namespaces whose host names are configured.
mod mapped;

/// Keys of this project's own.
pub mod own;

/// Label on a host namespace: the name of the virtual cluster that it belongs to.
pub const VCLUSTER_NAME: &str = "vcluster.loft.sh/vcluster-name";

/// Label on a host namespace: the namespace that the virtual cluster's control plane runs in.
pub const VCLUSTER_NAMESPACE: &str = "vcluster.loft.sh/vcluster-namespace";

/// Label on a host namespace: these two in one value, `<namespace>-x-<name>`.
pub const MANAGED_BY: &str = "vcluster.loft.sh/managed-by";

/// Label on a host namespace: the Pod Security Standard that the host enforces in it.
pub const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// Key prefix of the labels of guest namespaces on the host, where a tenant must not set their own keys.
const LABEL: &str = "vcluster.loft.sh/";

/// Annotation: the guest object's name.
pub const OBJECT_NAME: &str = "vcluster.loft.sh/object-name";

/// Annotation: the guest object's namespace.
pub const OBJECT_NAMESPACE: &str = "vcluster.loft.sh/object-namespace";

/// Annotation: the guest object's UID. If the guest object has another UID, the host object belongs to a deleted one.
pub const OBJECT_UID: &str = "vcluster.loft.sh/object-uid";

/// Annotation: the guest object's kind as `<group/>version, Kind=<Kind>`, as client-go prints it.
pub const OBJECT_KIND: &str = "vcluster.loft.sh/object-kind";

/// Annotation: the host object's own name, so that a copy of it by a host controller is not taken for the syncer's.
pub const OBJECT_HOST_NAME: &str = "vcluster.loft.sh/object-host-name";

/// Annotation: the host object's own namespace, for the same reason.
pub const OBJECT_HOST_NAMESPACE: &str = "vcluster.loft.sh/object-host-namespace";

/// Annotation: the keys of the guest annotations that were copied, one a line. A key that is removed in the guest is removed
/// here.
pub const MANAGED_ANNOTATIONS: &str = "vcluster.loft.sh/managed-annotations";

/// Annotation: the generic exporter or importer that created the object, `<kind>/<group>/GenericExport` or `…Import`.
pub const CONTROLLED_BY: &str = "vcluster.loft.sh/controlled-by";

/// The ConfigMap that every cluster's controller manager creates in each namespace, with the cluster's own CA.
const ROOT_CA: &str = "kube-root-ca.crt";

/// A virtual cluster: its name and the host namespace of its control plane.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    name: String,
    namespace: String,
    mapped: MappedNamespaces,
    /// Labels of guest namespaces that keep their keys, as patterns.
    labels: Vec<String>,
}

impl Tenant {
    /// Creates the tenant from its release name and the namespace of the release.
    pub fn new(name: impl Into<String>, namespace: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            namespace: namespace.into(),
            mapped: MappedNamespaces::default(),
            labels: Vec::new(),
        }
    }

    /// Adds labels of guest namespaces that keep their keys on the host; a `*` at the end of one matches any rest.
    #[must_use]
    pub fn with_namespace_labels(self, labels: &[String]) -> Self {
        let labels = labels.to_vec();
        Self { labels, ..self }
    }

    /// Adds namespaces with configured names on the host.
    #[must_use]
    pub fn with_namespaces(self, mapped: &MappedNamespaces) -> Self {
        let mapped = mapped.in_cluster(&self.name);
        Self { mapped, ..self }
    }

    /// Returns the virtual cluster's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the host namespace of its control plane.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the service account of its control plane on the host; the kubeconfig Secret has the same name.
    #[must_use]
    pub fn service_account(&self) -> String {
        format!("vc-{}", self.name)
    }

    /// Returns the service account of its pods on the host.
    #[must_use]
    pub fn workload_service_account(&self) -> String {
        format!("vc-workload-{}", self.name)
    }

    /// Returns the value of the label [`MANAGED_BY`] on its host namespaces.
    #[must_use]
    pub fn managed_by(&self) -> String {
        concat_name(&[&self.namespace, "x", &self.name])
    }

    /// Returns the labels that select its objects on the host: its name, and the namespace of its control plane.
    #[must_use]
    pub fn labels(&self) -> BTreeMap<String, String> {
        [(VCLUSTER_NAME, &self.name), (VCLUSTER_NAMESPACE, &self.namespace)]
            .map(|(label, value)| (label.to_owned(), value.clone()))
            .into()
    }

    /// Returns the prefix of [`own::REPLICA_OF`] on all of its objects.
    #[must_use]
    pub fn replica_prefix(&self) -> String {
        format!("{}/{}/", self.namespace, self.name)
    }

    /// Returns the suffix of all of its host namespaces: a hash of its namespace and name.
    ///
    /// The rule is ambiguous (`a` + `bxc` and `axb` + `c` give the same), so a name alone never proves the owner of a namespace;
    /// the labels do.
    #[must_use]
    pub fn suffix(&self) -> String {
        short_hash(&format!("{}x{}", self.namespace, self.name))
    }

    /// Returns a guest namespace whose host namespace would be that of the control plane.
    #[must_use]
    pub fn meets_itself(&self) -> Option<&str> {
        self.mapped.guest_namespace(&self.namespace)
    }

    /// Returns the host namespace of a guest namespace.
    #[must_use]
    pub fn host_namespace(&self, guest_namespace: &str) -> String {
        let chosen = self.mapped.host_namespace(guest_namespace);
        chosen.unwrap_or_else(|| format!("vcluster-{}-{}", short_hash(guest_namespace), self.suffix()))
    }

    /// Returns the key on the host of a label of a guest namespace.
    ///
    /// The host's policies, service meshes and webhooks select namespaces by labels that a tenant must not set. So a label has a
    /// key that only selectors of the same virtual cluster name: vcluster's form of labels in single-namespace mode
    /// (`pkg/util/translate/single_namespace.go`). Keys that the values allow are not changed.
    #[must_use]
    pub fn namespace_label(&self, key: &str) -> String {
        let is_allowed = self.labels.iter().any(|pattern| admission::matches(pattern, key));
        if is_allowed && !key.starts_with("pod-security.kubernetes.io/") {
            return key.to_owned();
        }
        format!(
            "{LABEL}{}",
            concat_name(&["label", &self.name, "x", &hash(key)[..10]])
        )
    }

    /// Returns the host name of a guest object: its own, except for the ConfigMap that the host creates itself.
    #[must_use]
    pub fn host_name(&self, guest_namespace: &str, name: &str) -> String {
        if name == ROOT_CA {
            concat_name(&["vcluster", name, "x", guest_namespace, "x", &self.name])
        } else {
            name.to_owned()
        }
    }
}

/// Joins the parts by `-`. A result that is longer than a DNS label is cut to 52 characters and gets a hash.
fn concat_name(parts: &[&str]) -> String {
    let whole = parts.join("-");
    if whole.len() <= 63 {
        return whole;
    }
    let head: String = whole.chars().take(52).collect();
    format!("{head}-{}", &hash(&whole)[..10]).replace(".-", "-")
}

/// Returns true if a text is a DNS label (RFC 1123) in lower case; names of namespaces are.
#[must_use]
pub fn is_label(text: &str) -> bool {
    text.len() <= 63 && is_word(text)
}

/// Returns true if a text consists of lower-case letters and digits, and hyphens between them, as a label does.
#[must_use]
pub fn is_word(text: &str) -> bool {
    let bytes = text.as_bytes();
    let is_outer = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    bytes.first().is_some_and(is_outer)
        && bytes.last().is_some_and(is_outer)
        && bytes.iter().all(|byte| is_outer(byte) || *byte == b'-')
}

/// Returns the first eight digits of a text's SHA-256, which vcluster uses in names.
#[must_use]
pub fn short_hash(text: &str) -> String {
    hash(text)[..8].to_owned()
}

fn hash(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        // Writing to a String can't fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_blogs(
        "dapr-enabled",
        "vcluster-dapr-enabled",
        "default",
        "vcluster-37a8eec1-74032e2d"
    )]
    #[case::default("tenant-a", "vcluster-tenant-a", "default", "vcluster-37a8eec1-ccd63636")]
    #[case::kube_system("tenant-a", "vcluster-tenant-a", "kube-system", "vcluster-88007f70-ccd63636")]
    #[case::kube_public("tenant-a", "vcluster-tenant-a", "kube-public", "vcluster-15062278-ccd63636")]
    #[case::kube_node_lease(
        "tenant-a",
        "vcluster-tenant-a",
        "kube-node-lease",
        "vcluster-b5686b7f-ccd63636"
    )]
    #[case::ambiguous("bxc", "a", "default", "vcluster-37a8eec1-35977fd1")]
    #[case::ambiguous_mirror("c", "axb", "default", "vcluster-37a8eec1-35977fd1")]
    fn a_host_namespace_is_named_by_vclusters_rule(
        #[case] name: &str,
        #[case] namespace: &str,
        #[case] guest: &str,
        #[case] host: &str,
    ) {
        assert_eq!(Tenant::new(name, namespace).host_namespace(guest), host);
    }

    #[test]
    fn an_objects_name_stays_but_for_the_root_ca() {
        let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
        assert_eq!(tenant.host_name("default", "my-statestore"), "my-statestore");
        assert_eq!(
            tenant.host_name("default", "kube-root-ca.crt"),
            "vcluster-kube-root-ca.crt-x-default-x-tenant-a"
        );
    }

    #[test]
    fn a_long_name_is_cut_and_hashed_to_63_characters() {
        let tenant = Tenant::new("t".repeat(40), "n".repeat(40));
        assert_eq!(tenant.managed_by().len(), 63);
    }
}
