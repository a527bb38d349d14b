//! The table of fields.
//!
//! The rows marked `baseline` are those of the Pod Security Standard "baseline"
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline>, Kubernetes 1.36); the others are
//! what that standard leaves to the cluster's administrator and what hurts other tenants of a shared host.

use serde::{Deserialize, Serialize};

/// A kind of host object that has rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumIter)]
pub enum Resource {
    /// Pods.
    Pods,
    /// Services.
    Services,
    /// `PersistentVolumeClaims`.
    Claims,
    /// Secrets.
    Secrets,
}

/// A Pod Security Standard; a greater one is stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// No restriction: pods reach their node.
    Privileged,
    /// No known privilege escalation.
    #[default]
    Baseline,
    /// Non-root, without any privilege escalation, with a seccomp profile.
    Restricted,
}

impl Level {
    /// Returns the name of the standard, as in the namespace label `pod-security.kubernetes.io/enforce`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// Returns the standard of a name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Privileged, Self::Baseline, Self::Restricted]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

/// A field and the values that it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rule {
    /// The kind of the object.
    pub(super) resource: Resource,
    /// The field's path. `[*]` stands for each item of a list, a leading `*` for each container of a pod.
    pub(super) path: &'static str,
    /// The values that it may have. Absent and empty fields comply unless the constraint says otherwise.
    pub(super) must: Must,
    /// The rule is one of the Pod Security Standard "baseline", so it does not hold at [`Level::Privileged`].
    pub(super) is_of_baseline: bool,
    /// The reason, as a sentence that follows the field's path.
    pub(super) why: &'static str,
}

/// A constraint on a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Must {
    /// It is not true.
    NotBeTrue,
    /// It is zero.
    BeZero,
    /// It is an empty text.
    BeEmpty,
    /// It is not there.
    BeAbsent,
    /// It is one of these texts.
    BeOneOf(&'static [&'static str]),
    /// It is none of these texts.
    BeNoneOf(&'static [&'static str]),
    /// It is an object with one of these fields, besides `name`.
    HaveOneOf(&'static [&'static str]),
    /// It is a mapping without keys that begin so, unless the value is or begins with one of these.
    HaveNoKeys(&'static [&'static str], &'static [&'static str]),
    /// It is a name that the values allow; an absent one complies.
    BeAllowed(Names),
    /// It is a name that the values allow; an absent one counts as an empty name.
    BeAllowedAndPresent(Names),
}

/// A list of names that the values file allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// Keys of taints.
    Tolerations,
    /// Runtime classes.
    RuntimeClasses,
    /// CSI drivers.
    CsiDrivers,
}

const fn baseline(path: &'static str, must: Must, why: &'static str) -> Rule {
    Rule {
        resource: Resource::Pods,
        path,
        must,
        is_of_baseline: true,
        why,
    }
}

const fn always(resource: Resource, path: &'static str, must: Must, why: &'static str) -> Rule {
    Rule {
        resource,
        path,
        must,
        is_of_baseline: false,
        why,
    }
}

const NODE: &str = "pods of other tenants run on the same node";

const PROBE: &str = "the kubelet sends the request from the node's network";

const PROFILE: &str = "it takes away a boundary between the container and its node";

const VOLUME: &str = "which volume is bound is for the host to choose";

/// Every rule.
pub(super) const RULES: &[Rule] = &[
    baseline("spec.hostNetwork", Must::NotBeTrue, NODE),
    baseline("spec.hostPID", Must::NotBeTrue, NODE),
    baseline("spec.hostIPC", Must::NotBeTrue, NODE),
    baseline(
        "spec.securityContext.windowsOptions.hostProcess",
        Must::NotBeTrue,
        NODE,
    ),
    baseline(
        "*.securityContext.windowsOptions.hostProcess",
        Must::NotBeTrue,
        NODE,
    ),
    baseline("*.securityContext.privileged", Must::NotBeTrue, NODE),
    baseline(
        "*.securityContext.capabilities.add[*]",
        Must::BeOneOf(CAPABILITIES),
        NODE,
    ),
    baseline(
        "*.ports[*].hostPort",
        Must::BeZero,
        "ports of a node are shared by all tenants",
    ),
    baseline(
        "*.ports[*].hostIP",
        Must::BeEmpty,
        "addresses of a node are shared by all tenants",
    ),
    baseline("*.livenessProbe.httpGet.host", Must::BeEmpty, PROBE),
    baseline("*.livenessProbe.tcpSocket.host", Must::BeEmpty, PROBE),
    baseline("*.readinessProbe.httpGet.host", Must::BeEmpty, PROBE),
    baseline("*.readinessProbe.tcpSocket.host", Must::BeEmpty, PROBE),
    baseline("*.startupProbe.httpGet.host", Must::BeEmpty, PROBE),
    baseline("*.startupProbe.tcpSocket.host", Must::BeEmpty, PROBE),
    baseline("*.lifecycle.postStart.httpGet.host", Must::BeEmpty, PROBE),
    baseline("*.lifecycle.postStart.tcpSocket.host", Must::BeEmpty, PROBE),
    baseline("*.lifecycle.preStop.httpGet.host", Must::BeEmpty, PROBE),
    baseline("*.lifecycle.preStop.tcpSocket.host", Must::BeEmpty, PROBE),
    baseline(
        "*.securityContext.procMount",
        Must::BeOneOf(&["Default"]),
        PROFILE,
    ),
    baseline(
        "spec.securityContext.seccompProfile.type",
        Must::BeOneOf(PROFILES),
        PROFILE,
    ),
    baseline(
        "*.securityContext.seccompProfile.type",
        Must::BeOneOf(PROFILES),
        PROFILE,
    ),
    baseline(
        "spec.securityContext.appArmorProfile.type",
        Must::BeOneOf(PROFILES),
        PROFILE,
    ),
    baseline(
        "*.securityContext.appArmorProfile.type",
        Must::BeOneOf(PROFILES),
        PROFILE,
    ),
    baseline(
        "metadata.annotations",
        Must::HaveNoKeys(
            &["container.apparmor.security.beta.kubernetes.io/"],
            &["runtime/default", "localhost/"],
        ),
        PROFILE,
    ),
    baseline(
        "spec.securityContext.seLinuxOptions.type",
        Must::BeOneOf(SELINUX_TYPES),
        PROFILE,
    ),
    baseline(
        "*.securityContext.seLinuxOptions.type",
        Must::BeOneOf(SELINUX_TYPES),
        PROFILE,
    ),
    baseline("spec.securityContext.seLinuxOptions.user", Must::BeEmpty, PROFILE),
    baseline("*.securityContext.seLinuxOptions.user", Must::BeEmpty, PROFILE),
    baseline("spec.securityContext.seLinuxOptions.role", Must::BeEmpty, PROFILE),
    baseline("*.securityContext.seLinuxOptions.role", Must::BeEmpty, PROFILE),
    baseline(
        "spec.securityContext.sysctls[*].name",
        Must::BeOneOf(SYSCTLS),
        NODE,
    ),
    baseline("spec.volumes[*].hostPath", Must::BeAbsent, NODE),
    always(
        Resource::Pods,
        "spec.volumes[*]",
        Must::HaveOneOf(VOLUMES),
        "the node mounts this kind of volume as root from its own network; use a PersistentVolumeClaim",
    ),
    always(
        Resource::Pods,
        "spec.volumes[*].csi.driver",
        Must::BeAllowed(Names::CsiDrivers),
        "the node runs this driver as root, and it is not in `defaults.policies.csiDrivers` of the virtual cluster's values",
    ),
    always(
        Resource::Pods,
        "spec.volumes[*].ephemeral.volumeClaimTemplate.spec.volumeName",
        Must::BeEmpty,
        VOLUME,
    ),
    always(
        Resource::Pods,
        "spec.volumes[*].ephemeral.volumeClaimTemplate.spec.selector",
        Must::BeAbsent,
        VOLUME,
    ),
    always(
        Resource::Pods,
        "spec.volumes[*].ephemeral.volumeClaimTemplate.metadata.annotations",
        Must::HaveNoKeys(
            &[
                "pv.kubernetes.io/",
                "volume.kubernetes.io/",
                "volume.beta.kubernetes.io/",
            ],
            &[],
        ),
        VOLUME,
    ),
    always(
        Resource::Pods,
        "spec.tolerations[*].key",
        Must::BeAllowedAndPresent(Names::Tolerations),
        "nodes with this taint are reserved, and the key is not in `defaults.policies.tolerations` of the virtual cluster's values",
    ),
    always(
        Resource::Pods,
        "spec.runtimeClassName",
        Must::BeAllowed(Names::RuntimeClasses),
        "the host does not show this class, and it is not in `defaults.policies.runtimeClasses` of the virtual cluster's values",
    ),
    always(
        Resource::Pods,
        "spec.nodeName",
        Must::BeEmpty,
        "the host's scheduler chooses the node",
    ),
    always(
        Resource::Pods,
        "spec.priorityClassName",
        Must::BeNoneOf(&["system-cluster-critical", "system-node-critical"]),
        "pods of this class displace other tenants' pods and the host's own",
    ),
    always(
        Resource::Services,
        "spec.externalIPs[*]",
        Must::BeEmpty,
        "every node redirects what is sent to this address, whosever it is",
    ),
    always(Resource::Claims, "spec.volumeName", Must::BeEmpty, VOLUME),
    always(Resource::Claims, "spec.selector", Must::BeAbsent, VOLUME),
    always(
        Resource::Secrets,
        "type",
        Must::BeNoneOf(&["kubernetes.io/service-account-token"]),
        "the host fills a Secret of this type with a token for its own API",
    ),
];

const CAPABILITIES: &[&str] = &[
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

const PROFILES: &[&str] = &["RuntimeDefault", "Localhost"];

const SELINUX_TYPES: &[&str] = &[
    "container_t",
    "container_init_t",
    "container_kvm_t",
    "container_engine_t",
];

const SYSCTLS: &[&str] = &[
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ping_group_range",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.tcp_wmem",
];

/// Kinds of volumes for which a node needs nothing but its own disk, or which are a PVC. `hostPath` has a rule of its own,
/// and `csi` a list of drivers.
const VOLUMES: &[&str] = &[
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "hostPath",
    "persistentVolumeClaim",
    "projected",
    "secret",
];
