//! Reader of the values file of a virtual cluster, in each of vcluster's dialects.
//!
//! It takes the text of a values file, and returns [`Values`] or every place in it that is not supported. A key that vcluster
//! knows and the syncer does not support is refused only if it asks for something: files that repeat vcluster's defaults are
//! common.
//!
//! A dialect is a table of keys ([`table`]). A value is put at its place in the model, whatever key it was written under
//! ([`document`]). So conversion is reading by one table and writing by another ([`convert`]), and the chart reads files by the
//! same table ([`chart_files`]).

/// The model of the values, which no dialect changes.
mod model;

/// The dialects, each with its table.
mod dialect;

/// Types of a table of keys.
mod table;

/// The chart's own keys.
mod chart_keys;

/// The keys of the limits of a virtual cluster on the host.
mod policy_keys;

/// The dialect of vcluster 0.15 to 0.19.
mod v0_15;

/// Keys that later dialects have in common.
mod since_0_20;

/// Keys of the dialect of 0.20 to 0.25 only.
mod v0_20;

/// Keys of the dialect of 0.28 and later only.
mod v0_28;

/// Forms in which dialects write a value.
mod forms;

/// YAML with its lines.
mod tree;

/// Messages about a text that is not YAML.
mod yaml_error;

/// The check of a document against a table.
mod check;

/// The combinations of keys of a patch.
mod patch_rules;

/// Suggestions for unknown keys.
mod nearest;

/// Detection of a file's dialect.
mod detect;

/// The content of a file without its dialect.
mod document;

/// Conversion of a file to another dialect.
mod convert;

/// Files by which the chart reads values files.
pub mod chart_files;

/// The list of all keys, for the documentation.
pub mod key_list;

use std::fmt;

pub use convert::{Carried, Converted, NotCarried, convert};
pub use dialect::Dialect;
use document::Document;
pub use model::*;
use serde_json::Value;

/// The message about a file that is not UTF-8.
pub const NOT_UTF8: &str = "the file is not UTF-8 text: save it as UTF-8";

/// Failure to use a values file: every wrong place, in the order of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// The name of the text's source, as the user wrote it.
    pub origin: String,
    /// The problems; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "use the values in {}", self.origin)?;
        for problem in &self.problems {
            write!(f, "\n  {}:{problem}", self.origin)?;
        }
        Ok(())
    }
}

/// One problem of a values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 if something is missing.
    pub line: u64,
    /// The problem.
    pub what: What,
}

/// A problem at a place of a values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The dialect has no such key.
    Unknown {
        /// The key with its path, such as `sync.generic.confg`.
        key: String,
        /// The known key with the most similar spelling, if one is similar.
        nearest: Option<String>,
    },
    /// The dialect has the key, but the syncer does not support what it asks for.
    NotDone {
        /// The key with its path.
        key: String,
        /// The missing support, as a sentence about the syncer.
        why: String,
    },
    /// The file mixes two dialects.
    Mixed {
        /// The key with its path.
        key: String,
        /// The dialects that have it.
        of: String,
        /// An earlier key that those dialects do not have.
        other: String,
        /// The line of the earlier key.
        other_line: u64,
        /// The dialects that have the earlier key.
        other_of: String,
    },
    /// The dialect that the file should be converted to can't express what the key asks for.
    NotSaid {
        /// The key with its path.
        key: String,
        /// The dialect.
        dialect: Dialect,
        /// The reason, as a sentence about the dialect.
        why: String,
    },
    /// The text is not YAML, or a value has the wrong type.
    Malformed(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        match &self.what {
            What::Unknown {
                key,
                nearest: Some(nearest),
            } => write!(f, " unknown key `{key}`; the nearest known is `{nearest}`"),
            What::Unknown { key, nearest: None } => write!(
                f,
                " unknown key `{key}`: remove it, or let its name begin with `x-` if it only holds anchors"
            ),
            What::NotDone { key, why } => write!(f, " `{key}`: {why}"),
            What::Mixed {
                key,
                of,
                other,
                other_line,
                other_of,
            } => write!(
                f,
                " `{key}` is of the dialect of vcluster {of}, `{other}` in line {other_line} of {other_of}; \
                 write all of the file in one"
            ),
            What::NotSaid { key, dialect, why } => {
                write!(
                    f,
                    " `{key}` cannot be said in the dialect of vcluster {dialect}: {why}"
                )
            }
            What::Malformed(message) => write!(f, " {message}"),
        }
    }
}

/// The keys of a values file that have an effect.
#[derive(Debug)]
pub(crate) struct Sources(Document);

impl Sources {
    /// Returns the key with the value at a place of the model, and its line.
    pub(crate) fn key_of(&self, place: &str) -> Option<(&str, u64)> {
        let source = self.0.source(place)?;
        Some((&source.key, source.line))
    }
}

/// Returns the text of a file that was read from `origin`.
///
/// # Errors
///
/// It is not UTF-8.
pub fn text(bytes: Vec<u8>, origin: &str) -> Result<String, Error> {
    String::from_utf8(bytes).map_err(|_| Error {
        origin: origin.to_owned(),
        problems: vec![Problem {
            line: 0,
            what: What::Malformed(NOT_UTF8.to_owned()),
        }],
    })
}

/// Reads a values file in the dialect that its keys show; `origin` is its name in messages.
///
/// # Errors
///
/// Everything in it that is not YAML, not a key of the dialect, of the wrong type, or not supported by any version of the syncer.
/// [`accept`](crate::accept::accept) reports everything else that the syncer refuses.
pub fn parse(text: &str, origin: &str) -> Result<Values, Error> {
    read(text, origin, None).map(|(values, _)| values)
}

/// Reads a values file in this dialect, or as [`parse`] does. Returns the values with their keys.
pub(crate) fn read(text: &str, origin: &str, dialect: Option<Dialect>) -> Result<(Values, Sources), Error> {
    let document = Document::read(text, dialect).map_err(|problems| Error {
        origin: origin.to_owned(),
        problems,
    })?;
    let values = typed(&document, origin)?;
    Ok((values, Sources(document)))
}

/// Returns the model of a file, with the file's `defaults` as a base.
fn typed(document: &Document, origin: &str) -> Result<Values, Error> {
    let mut said = document.said.clone();
    let defaults = said
        .as_object_mut()
        .and_then(|said| said.shift_remove("defaults"));
    // A file that names one quantity changes that one alone, as in the chart.
    let mut all = serde_json::json!({"policies": Policies::default()});
    lay_over(
        &mut all,
        defaults.unwrap_or_else(|| Value::Object(serde_json::Map::new())),
    );
    lay_over(&mut all, said);
    serde_json::from_value(all).map_err(|error| Error {
        origin: origin.to_owned(),
        problems: vec![Problem {
            line: 0,
            what: What::Malformed(error.to_string()),
        }],
    })
}

/// Merges values over others, as Helm does: key by key, down to values that are not mappings.
pub fn lay_over(below: &mut Value, above: Value) {
    match (below, above) {
        (Value::Object(below), Value::Object(above)) => {
            for (key, value) in above {
                lay_over(below.entry(key).or_insert(Value::Null), value);
            }
        }
        (below, above) => *below = above,
    }
}

#[cfg(test)]
mod tests;
