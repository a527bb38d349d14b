//! What a values file asks for, key by key.

use super::Error;
use super::tree::Tree;

/// A key in which a values file asks for something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The key with its path, such as `sync.generic.config`; a list is one key.
    pub key: String,
    /// Its line, from 1.
    pub line: u64,
}

/// The keys in which a values file asks for something, in its order; those that are off or empty ask for nothing.
///
/// # Errors
///
/// That the text is no YAML, or no mapping; `origin` is what the message calls it.
pub fn asked(text: &str, origin: &str) -> Result<Vec<Asked>, Error> {
    let tree = Tree::parse(text).map_err(|problem| Error {
        origin: origin.to_owned(),
        problems: vec![problem],
    })?;
    let mut found = Vec::new();
    walk(&tree, "", 1, &mut found);
    Ok(found)
}

fn walk(tree: &Tree, path: &str, line: u64, found: &mut Vec<Asked>) {
    if tree.is_off() {
        return;
    }
    let Tree::Map(entries) = tree else {
        found.push(Asked {
            key: path.to_owned(),
            line,
        });
        return;
    };
    for (key, value) in entries {
        let below = match path {
            "" => key.value.clone(),
            path => format!("{path}.{}", key.value),
        };
        walk(&value.value, &below, key.referenced.line(), found);
    }
}
