//! Which kinds the generic syncer carries: the YAML text at `sync.generic.config`.

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::dialect;
use super::tree::{self, Tree};
use super::{Problem, What};

/// The kinds that go up and down.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Generic {
    /// What tenants make and the host gets.
    pub export: Vec<Export>,
    /// What the host makes in a tenant's namespaces and the guest gets.
    pub import: Vec<Import>,
}

/// A kind that goes from guest to host.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Export {
    /// Group and version, such as `dapr.io/v1alpha1`.
    pub api_version: String,
    /// The kind, such as `Component`.
    pub kind: String,
    /// A host that does not have the kind is fine.
    #[serde(default)]
    pub optional: bool,
    /// An object that the host refuses to change is made anew.
    #[serde(default)]
    pub replace_on_conflict: bool,
    /// Which of its objects go; all if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// Which objects of a kind are meant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selector {
    /// The labels that an object has to have.
    pub label_selector: BTreeMap<String, String>,
}

/// A kind that goes from host to guest.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// Group and version, such as `v1`.
    pub api_version: String,
    /// The kind, such as `Pod`.
    pub kind: String,
    /// A host that does not have the kind is fine.
    #[serde(default)]
    pub optional: bool,
    /// An object that the guest refuses to change is made anew.
    #[serde(default)]
    pub replace_on_conflict: bool,
}

/// Everything wrong with the text, by its own lines.
pub(super) fn check(text: &str) -> Vec<Problem> {
    let tree = match Tree::parse(text) {
        Ok(tree) => tree,
        Err(problem) => return vec![within(problem)],
    };
    let problems: Vec<Problem> = dialect::GENERIC.check(&tree).into_iter().map(within).collect();
    if !problems.is_empty() {
        return problems;
    }
    match serde_saphyr::from_str::<Option<Generic>>(text) {
        Ok(_) => Vec::new(),
        Err(error) => vec![within(tree::problem(&error))],
    }
}

/// Reads the text where the values file is read; what is wrong with it was found by [`check`] before.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Generic, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    serde_saphyr::from_str::<Option<Generic>>(&text)
        .map(Option::unwrap_or_default)
        .map_err(D::Error::custom)
}

/// Says that a key is one within the text.
fn within(problem: Problem) -> Problem {
    let inside = |key: String| format!("sync.generic.config: {key}");
    let what = match problem.what {
        What::Unknown { key, nearest } => What::Unknown {
            key: inside(key),
            nearest,
        },
        What::NotDone { key, why } => What::NotDone {
            key: inside(key),
            why,
        },
        What::Malformed(message) => What::Malformed(inside(message)),
    };
    Problem { what, ..problem }
}
