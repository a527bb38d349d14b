//! A patch, as a values file writes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change to an object on its way to the other side.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// What is done.
    pub op: Operation,
    /// Where, as a `JSONPath` from the object's root; `$` at its start may be left out.
    pub path: String,
    /// For `copyFromObject`: where in the other side's object the value is; `path` if not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_path: Option<String>,
    /// For `rewriteName`: where below `path` the name is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_path: Option<String>,
    /// For `rewriteName`: where below `path` the namespace is that the name is of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_path: Option<String>,
    /// For `add` and `replace`: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// For `rewriteName`: which part of the text is a name (`$NAME`) and which its namespace (`$NAMESPACE`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// All have to hold for the patch to be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Of a reverse patch: what it changes in the guest is still exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<bool>,
    /// For `rewriteName`: what the names are names of, so that it is synced too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Synced>,
}

/// What a patch does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Names and namespaces of the guest become those of the host.
    RewriteName,
    /// A label's key becomes the one that the host has it under.
    RewriteLabelKey,
    /// The keys of a map of labels become those of the host.
    RewriteLabelSelector,
    /// The keys of a label selector (`matchLabels`, `matchExpressions`) become those of the host.
    RewriteLabelExpressionsSelector,
    /// The value is the other side's.
    CopyFromObject,
    /// A value is put where there is none; items are added to a list, keys to a map.
    Add,
    /// Values that are there become another.
    Replace,
    /// Values that are there go.
    Remove,
}

/// What has to be so for a patch to be applied.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Condition {
    /// Where in the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Where in what the patch has found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// One value there is this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equal: Option<Value>,
    /// One value there is not this, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_equal: Option<Value>,
    /// True: nothing is there, or an empty text. False: something is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
}

/// What the names that a patch rewrites are names of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synced {
    /// Secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<bool>,
    /// Config maps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configmap: Option<bool>,
}
