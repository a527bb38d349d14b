//! Translation of names to the other side, also within a text.

use regex::Regex;

/// Translation of names to the other side.
pub trait Names {
    /// Returns the name of an object on the other side. Without a namespace, it is in the namespace of the patched object.
    fn name(&self, name: &str, namespace: Option<&str>) -> String;

    /// Returns the name of a namespace on the other side.
    fn namespace(&self, namespace: &str) -> String;
}

/// A pattern for a name, and its namespace, within a text.
#[derive(Clone, Debug)]
pub(super) struct Pattern(Regex);

/// Failure to read a pattern of names.
#[derive(Debug, thiserror::Error)]
#[error("`{pattern}` is no regular expression: {source}")]
pub struct BadPattern {
    /// The text.
    pub pattern: String,
    /// The cause.
    pub source: Box<regex::Error>,
}

const NAME: &str = "(?P<NAME>[a-z](?:[-a-z0-9]*[a-z0-9])?)";
const NAMESPACE: &str = "(?P<NAMESPACE>[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)";

impl Pattern {
    /// Reads a regular expression in which `$NAME` and `$NAMESPACE` stand for names.
    pub(super) fn parse(text: &str) -> Result<Self, BadPattern> {
        let pattern = text
            .trim()
            .replace("$NAMESPACE", NAMESPACE)
            .replace("$NAME", NAME);
        Regex::new(&pattern).map(Self).map_err(|source| BadPattern {
            pattern: text.to_owned(),
            source: Box::new(source),
        })
    }

    /// Translates all names in a text that the pattern finds.
    pub(super) fn rename(&self, text: &str, namespace: Option<&str>, names: &dyn Names) -> String {
        let mut changes = Vec::new();
        for found in self.0.captures_iter(text) {
            let Some(name) = found.name("NAME") else { continue };
            let of = found.name("NAMESPACE");
            let within = of.map(|of| of.as_str()).or(namespace);
            changes.push((name.range(), names.name(name.as_str(), within)));
            if let Some(of) = of {
                changes.push((of.range(), names.namespace(of.as_str())));
            }
        }
        changes.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut renamed = text.to_owned();
        for (range, name) in changes {
            renamed.replace_range(range, &name);
        }
        renamed
    }
}
