//! Images by registry, repository and tag.

use serde_json::{Value, json};

use super::Read;

/// The repositories of vcluster's own program, which this project's program replaces.
const VCLUSTER: [&str; 4] = [
    "loft-sh/vcluster",
    "loft-sh/vcluster-oss",
    "loft-sh/vcluster-pro",
    "loftsh/vcluster",
];

/// Reads the three parts; `registry` and `repository` are the defaults.
pub(super) fn read(parts: &Value, registry: &str, repository: Option<&str>) -> Result<Read, String> {
    let part = |name: &str| parts.get(name).and_then(Value::as_str);
    if parts.as_object().is_none_or(serde_json::Map::is_empty) {
        return Ok(Read::Nothing);
    }
    let repository = part("repository")
        .or(repository)
        .ok_or("has to have `repository`")?;
    if VCLUSTER.contains(&repository) {
        return Ok(Read::Idle);
    }
    let tag = part("tag").ok_or("has to have `tag`")?;
    let mut name = String::new();
    for (part, separator) in [(part("registry").unwrap_or(registry), "/"), (repository, "")] {
        if !part.is_empty() {
            name.push_str(part);
            name.push_str(separator);
        }
    }
    if !tag.is_empty() {
        name.push(':');
        name.push_str(tag);
    }
    Ok(Read::Value(name.into()))
}

/// Splits an image into the three parts.
pub(super) fn write(image: &str) -> Result<Value, String> {
    if image.contains('@') {
        return Err("an image there has a tag, not a digest".to_owned());
    }
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, ""),
    };
    // As container runtimes tell a registry from the first part of a name.
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest),
        _ => ("", name),
    };
    Ok(json!({"registry": registry, "repository": repository, "tag": tag}))
}
