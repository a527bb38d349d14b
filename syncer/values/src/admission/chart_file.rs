//! The file that the chart's admission policies are generated from.

use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

use super::TOLERATIONS;
use super::cel;
use super::rules::{RULES, Resource, Rule};

/// Returns the file: for each kind of object, the expressions that the API server evaluates when the virtual cluster's account
/// writes one.
#[must_use]
pub fn policies() -> Value {
    let policies = Resource::iter().map(|resource| {
        let (name, resources) = match resource {
            Resource::Pods => ("pods", json!(["pods", "pods/ephemeralcontainers"])),
            Resource::Services => ("services", json!(["services"])),
            Resource::Claims => ("claims", json!(["persistentvolumeclaims"])),
            Resource::Secrets => ("secret-types", json!(["secrets"])),
        };
        let rules = RULES.iter().filter(|rule| rule.resource == resource);
        json!({
            "name": name,
            "resources": resources,
            "rules": rules.map(rule).collect::<Vec<_>>(),
        })
    });
    json!({"tolerations": TOLERATIONS, "policies": policies.collect::<Vec<_>>()})
}

fn rule(rule: &Rule) -> Value {
    json!({
        "expression": cel::expression(rule),
        "message": format!("{}: {}", rule.path.replacen('*', "container", usize::from(rule.path.starts_with('*'))), rule.why),
        "baseline": rule.is_of_baseline,
    })
}
