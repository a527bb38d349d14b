//! A patch, as a values file writes it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One change to an object on its way to the other side.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Patch {
    /// The operation.
    pub op: Operation,
    /// The path, as a `JSONPath` from the object's root; `$` at its start may be omitted.
    pub path: String,
    /// For `copyFromObject`: the path of the value in the other side's object; by default `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_path: Option<String>,
    /// For `rewriteName`: the path of the name below `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name_path: Option<String>,
    /// For `rewriteName`: the path of the name's namespace below `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace_path: Option<String>,
    /// For `add` and `replace`: the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// For `rewriteName`: a regular expression for the name (`$NAME`) and its namespace (`$NAMESPACE`) in the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Conditions, all of which have to hold for the patch to be applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// For a reverse patch: true if its changes in the guest are still exported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ignore: Option<bool>,
    /// For `rewriteName`: the kind of the named objects, which are then synced too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<Synced>,
}

/// The operation of a patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Operation {
    /// Translates names and namespaces of the guest to those of the host.
    RewriteName,
    /// Translates the key of a label to that of the host.
    RewriteLabelKey,
    /// Translates the keys of a map of labels to those of the host.
    RewriteLabelSelector,
    /// Translates the keys of a label selector (`matchLabels`, `matchExpressions`) to those of the host.
    RewriteLabelExpressionsSelector,
    /// Copies the value from the other side's object.
    CopyFromObject,
    /// Adds a value if there is none; adds items to a list, and keys to a map.
    Add,
    /// Replaces existing values.
    Replace,
    /// Removes existing values.
    Remove,
}

/// A condition of a patch.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Condition {
    /// The path in the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The path in the value that the patch has found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub_path: Option<String>,
    /// True if one value there equals this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub equal: Option<Value>,
    /// True if one value there differs from this, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_equal: Option<Value>,
    /// If true, holds if there is no value or an empty text. If false, holds if there is a value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty: Option<bool>,
}

/// The kind of the objects whose names a patch rewrites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Synced {
    /// Secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<bool>,
    /// ConfigMaps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configmap: Option<bool>,
}
