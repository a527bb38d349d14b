//! What a virtual cluster is asked to be: the values file, in each of vcluster's dialects.
//!
//! Takes the text of a values file, gives [`Values`] or every place in it that cannot be done. A key that
//! vcluster knows and we do not do is refused only where it asks for something: files that repeat vcluster's defaults
//! are common.
//!
//! A dialect is a table of keys ([`table`]); what is read is put at its place in the model, by whatever key it was
//! said ([`document`]). So conversion is reading by one table and writing by another ([`convert`]), and
//! the chart reads files by the same tables ([`chart_files`]).

/// What is asked for, whatever the dialect.
mod model;

/// The dialects, each with its table.
mod dialect;

/// What a table of keys is made of.
mod table;

/// The chart's own keys.
mod chart_keys;

/// The keys of what bounds a virtual cluster on the host.
mod policy_keys;

/// The dialect of vcluster 0.15 to 0.19.
mod v0_15;

/// What later dialects have in common.
mod since_0_20;

/// What is only in the dialect of 0.20 to 0.25.
mod v0_20;

/// What is only in the dialect of 0.28 and later.
mod v0_28;

/// Forms in which dialects write a value.
mod forms;

/// YAML with its lines.
mod tree;

/// Messages about a text that is no YAML.
mod yaml_error;

/// A document against a table.
mod check;

/// Which keys of a patch go together.
mod patch_rules;

/// What an unknown key was meant to be.
mod nearest;

/// Which dialect a file is in.
mod detect;

/// A file without its dialect.
mod document;

/// A file in another dialect.
mod convert;

/// What the chart reads files by.
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

/// Why a values file cannot be used: every place that is wrong, in the order of the file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct Error {
    /// What the text was read from, as the user named it.
    pub origin: String,
    /// What is wrong with it; never empty.
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

/// One thing that is wrong with a values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1; 0 if what is wrong is that something is missing.
    pub line: u64,
    /// What is wrong there.
    pub what: What,
}

/// What is wrong at a place of a values file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// No such key in the dialect.
    Unknown {
        /// The key with its path, such as `sync.generic.confg`.
        key: String,
        /// The known one that is spelled most like it, if one is spelled much like it.
        nearest: Option<String>,
    },
    /// The dialect has the key, but what it asks for is not done here.
    NotDone {
        /// The key with its path.
        key: String,
        /// What is not done, as a sentence about the syncer.
        why: String,
    },
    /// A file of two dialects.
    Mixed {
        /// The key with its path.
        key: String,
        /// The dialects that have it.
        of: String,
        /// A key before it that those do not have.
        other: String,
        /// The line of that.
        other_line: u64,
        /// The dialects that have that one.
        other_of: String,
    },
    /// What the key asks for cannot be said in the dialect that the file was to be converted to.
    NotSaid {
        /// The key with its path.
        key: String,
        /// That dialect.
        dialect: Dialect,
        /// Why not, as a sentence about the dialect.
        why: String,
    },
    /// The text is no YAML, or a value has the wrong type.
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

/// The keys of a values file that say something.
#[derive(Debug)]
pub(crate) struct Sources(Document);

impl Sources {
    /// Returns the key that says what is at a place of the model, and its line.
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

/// Reads a values file in the dialect that its keys show; `origin` is what messages call it.
///
/// # Errors
///
/// Everything in it that is no YAML, no key of the dialect, of the wrong type, or asks for what no version of the syncer does. What
/// else the syncer refuses, [`accept`](crate::accept::accept) tells.
pub fn parse(text: &str, origin: &str) -> Result<Values, Error> {
    read(text, origin, None).map(|(values, _)| values)
}

/// Reads a values file in this dialect, or as [`parse`] does. Returns the keys with it.
pub(crate) fn read(text: &str, origin: &str, dialect: Option<Dialect>) -> Result<(Values, Sources), Error> {
    let document = Document::read(text, dialect).map_err(|problems| Error {
        origin: origin.to_owned(),
        problems,
    })?;
    let values = typed(&document, origin)?;
    Ok((values, Sources(document)))
}

/// The model of what a file says, with its `defaults` below.
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

/// Puts values over others, as Helm does: key by key, down to what is no mapping.
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
