//! YAML within a text: the form of exported and imported kinds in dialects before 0.20.

use serde_json::{Map, Value, json};

use super::kinds;
use crate::reader::tree::Tree;

/// Reads the text. Its defects were reported before, by the file's lines.
pub(super) fn read(text: &Value) -> Result<Value, String> {
    let tree = Tree::parse(text.as_str().unwrap_or_default()).map_err(|_| "is no YAML".to_owned())?;
    let mut kinds = Map::new();
    for direction in ["export", "import"] {
        if let Some((_, list @ Tree::List(_))) = tree.get(direction) {
            kinds.insert(direction.to_owned(), kinds::read_kinds(list.to_json())?);
        }
    }
    Ok(kinds.into())
}

/// Writes the text.
pub(super) fn write(kinds: &Value) -> Result<Value, String> {
    let mut text = json!({"version": "v1beta1"});
    for (direction, list) in kinds.as_object().into_iter().flatten() {
        text[direction] = kinds::write_kinds(list)?;
    }
    let text = serde_saphyr::to_string(&text).map_err(|error| error.to_string())?;
    Ok(text.trim_end().into())
}
