//! The keys of the limits of a virtual cluster on the host, below `defaults.policies` in every dialect. vcluster has some of them
//! elsewhere, and off by default; here the limits hold by default.

use super::table::{Row, SAME, Shape};

/// The keys.
pub(super) const POLICIES: &[Row] = &[
    (
        "podSecurityStandard",
        Shape::OneOf(&["privileged", "baseline", "restricted"]),
        SAME,
    ),
    ("{namespaces,mebibytes}", Shape::Whole, SAME),
    (
        "{namespaceLabels,tolerations,runtimeClasses,csiDrivers}",
        Shape::Texts,
        SAME,
    ),
    (
        "{resourceQuota,limitRange,networkPolicy}.enabled",
        Shape::Bool,
        SAME,
    ),
    ("resourceQuota.quota", Shape::Object, SAME),
    ("limitRange.{default,defaultRequest,min,max}", Shape::Object, SAME),
    ("networkPolicy.hostNamespaces", Shape::Texts, SAME),
    (
        "networkPolicy.outgoingConnections.ipBlock.cidr",
        Shape::Text,
        SAME,
    ),
    (
        "networkPolicy.outgoingConnections.ipBlock.except",
        Shape::Texts,
        SAME,
    ),
];
