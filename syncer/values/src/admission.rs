//! Fields of host objects that reach the nodes, other tenants or the host's own objects, and that a tenant may not set.
//!
//! [`rules`] is the one table. Two layers are made from it: the syncer evaluates it before it writes to the host, so that
//! the tenant gets an Event that names the field; and the chart's admission policies are generated from it
//! ([`chart_file`]), so that the host refuses the same from whoever holds the syncer's token, and whatever a mutating
//! webhook of the host has added to the object meanwhile. Pod Security admission is a third layer, which knows only the
//! fields of its own standards.

use serde::Serialize;
use serde_json::Value;

/// The table.
mod rules;

/// Paths to fields.
mod path;

/// The evaluation of a rule on an object.
mod evaluate;

/// The translation of a rule to CEL.
mod cel;

/// The file that the chart's policies are generated from.
pub mod chart_file;

pub use self::rules::{Level, Resource};
use self::rules::{Names, RULES};

/// The names that a virtual cluster may use where a rule requires one that the platform has allowed, and the Pod Security
/// Standard of its pods.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// The Pod Security Standard of its host namespaces.
    pub level: Level,
    /// Keys of taints that its pods may tolerate; a `*` at the end matches any rest.
    pub tolerations: Vec<String>,
    /// Runtime classes of the host that its pods may name; the syncer adds those that the host shows.
    pub runtime_classes: Vec<String>,
    /// CSI drivers that its pods may use in inline volumes.
    pub csi_drivers: Vec<String>,
}

/// Keys of taints that every pod may tolerate: Kubernetes' own controllers add them.
pub(crate) const TOLERATIONS: [&str; 7] = [
    "node.kubernetes.io/disk-pressure",
    "node.kubernetes.io/memory-pressure",
    "node.kubernetes.io/network-unavailable",
    "node.kubernetes.io/not-ready",
    "node.kubernetes.io/pid-pressure",
    "node.kubernetes.io/unreachable",
    "node.kubernetes.io/unschedulable",
];

impl Admission {
    /// Returns the fields of a host object that it may not have, each with its path and the reason.
    pub fn violations(&self, resource: Resource, object: &impl Serialize) -> Vec<String> {
        let object = serde_json::to_value(object).unwrap_or(Value::Null);
        let rules = RULES.iter().filter(|rule| rule.resource == resource);
        rules
            .filter(|rule| self.level > Level::Privileged || !rule.is_of_baseline)
            .flat_map(|rule| evaluate::violations(rule, &object, self))
            .collect()
    }

    fn allows(&self, names: Names, name: &str) -> bool {
        let allowed = match names {
            Names::Tolerations if TOLERATIONS.contains(&name) => return true,
            Names::Tolerations => &self.tolerations,
            Names::RuntimeClasses => &self.runtime_classes,
            Names::CsiDrivers => &self.csi_drivers,
        };
        allowed.iter().any(|pattern| matches(pattern, name))
    }
}

/// Returns true if a name equals a pattern, or begins with it up to its `*`.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests;
