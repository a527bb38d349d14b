//! Kubernetes' own kinds that are cluster-scoped, of all versions that are in use. A test compares the list with the kinds that
//! an API server serves.

use super::Scope;

/// Group, kind and plural.
pub const CLUSTER_SCOPED: &[(&str, &str, &str)] = &[
    ("", "ComponentStatus", "componentstatuses"),
    ("", "Namespace", "namespaces"),
    ("", "Node", "nodes"),
    ("", "PersistentVolume", "persistentvolumes"),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicy",
        "mutatingadmissionpolicies",
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingAdmissionPolicyBinding",
        "mutatingadmissionpolicybindings",
    ),
    (
        "admissionregistration.k8s.io",
        "MutatingWebhookConfiguration",
        "mutatingwebhookconfigurations",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicy",
        "validatingadmissionpolicies",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingAdmissionPolicyBinding",
        "validatingadmissionpolicybindings",
    ),
    (
        "admissionregistration.k8s.io",
        "ValidatingWebhookConfiguration",
        "validatingwebhookconfigurations",
    ),
    (
        "apiextensions.k8s.io",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    ),
    ("apiregistration.k8s.io", "APIService", "apiservices"),
    ("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews"),
    ("authentication.k8s.io", "TokenReview", "tokenreviews"),
    (
        "authorization.k8s.io",
        "SelfSubjectAccessReview",
        "selfsubjectaccessreviews",
    ),
    (
        "authorization.k8s.io",
        "SelfSubjectRulesReview",
        "selfsubjectrulesreviews",
    ),
    (
        "authorization.k8s.io",
        "SubjectAccessReview",
        "subjectaccessreviews",
    ),
    (
        "certificates.k8s.io",
        "CertificateSigningRequest",
        "certificatesigningrequests",
    ),
    ("certificates.k8s.io", "ClusterTrustBundle", "clustertrustbundles"),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema", "flowschemas"),
    (
        "flowcontrol.apiserver.k8s.io",
        "PriorityLevelConfiguration",
        "prioritylevelconfigurations",
    ),
    ("internal.apiserver.k8s.io", "StorageVersion", "storageversions"),
    ("metrics.k8s.io", "NodeMetrics", "nodes"),
    ("networking.k8s.io", "IPAddress", "ipaddresses"),
    ("networking.k8s.io", "IngressClass", "ingressclasses"),
    ("networking.k8s.io", "ServiceCIDR", "servicecidrs"),
    ("node.k8s.io", "RuntimeClass", "runtimeclasses"),
    ("rbac.authorization.k8s.io", "ClusterRole", "clusterroles"),
    (
        "rbac.authorization.k8s.io",
        "ClusterRoleBinding",
        "clusterrolebindings",
    ),
    ("resource.k8s.io", "DeviceClass", "deviceclasses"),
    ("resource.k8s.io", "DeviceTaintRule", "devicetaintrules"),
    (
        "resource.k8s.io",
        "ResourcePoolStatusRequest",
        "resourcepoolstatusrequests",
    ),
    ("resource.k8s.io", "ResourceSlice", "resourceslices"),
    ("scheduling.k8s.io", "PriorityClass", "priorityclasses"),
    ("storage.k8s.io", "CSIDriver", "csidrivers"),
    ("storage.k8s.io", "CSINode", "csinodes"),
    ("storage.k8s.io", "StorageClass", "storageclasses"),
    ("storage.k8s.io", "VolumeAttachment", "volumeattachments"),
    (
        "storage.k8s.io",
        "VolumeAttributesClass",
        "volumeattributesclasses",
    ),
    (
        "storagemigration.k8s.io",
        "StorageVersionMigration",
        "storageversionmigrations",
    ),
];

/// Returns the scope of a kind that is known to be cluster-scoped.
pub(super) fn scope(group: &str, kind: &str) -> Option<Scope> {
    let (group, _, plural) = CLUSTER_SCOPED
        .iter()
        .find(|(g, k, _)| (*g, *k) == (group, kind))?;
    Some(Scope {
        definition: format!("{plural}.{group}"),
        namespaced: false,
    })
}

/// Returns the kind of a resource that is known to be cluster-scoped.
pub(super) fn kind(group: &str, plural: &str) -> Option<&'static str> {
    let mut known = CLUSTER_SCOPED.iter();
    known
        .find(|(g, _, p)| (*g, *p) == (group, plural))
        .map(|(_, kind, _)| *kind)
}
