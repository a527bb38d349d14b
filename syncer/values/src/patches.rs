//! Changes of objects between guest and host, in the format of vcluster's generic sync.
//!
//! Reads the patches of a values file into [`Patches`], which change an object as [`Json`] that keeps the text of numbers. They
//! do not depend on clusters: a [`Names`] translates names.
//!
//! The operations are those of vcluster 0.25 (`pkg/patches`), with its bugs fixed: `equal: 5` matches a 5, an empty list is
//! empty, and an `add` to a value that can hold nothing replaces it.

mod apply;

mod conditions;

mod json;

mod model;

mod names;

mod path;

pub use json::Json;
pub use model::{Condition, Operation, Patch, Synced};
pub use names::{BadPattern, Names};
pub use path::BadPath;

use apply::Prepared;

/// Checks that a text can be read as a path.
///
/// # Errors
///
/// The text is no path.
pub fn check_path(text: &str) -> Result<(), BadPath> {
    path::Path::parse(text).map(drop)
}

/// Checks that a text can be read as a regular expression in which `$NAME` and `$NAMESPACE` stand for names.
///
/// # Errors
///
/// The text is no such regular expression.
pub fn check_pattern(text: &str) -> Result<(), BadPattern> {
    names::Pattern::parse(text).map(drop)
}

/// Patches that are applied one after the other.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    forward: Vec<Prepared>,
}

/// Failure to read patches, or to apply them to an object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path can't be read.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// A regular expression can't be read.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// A path leads to several values, but one is needed.
    #[error("`{0}` leads to more than one value")]
    Several(String),
    /// A path leads to a value of the wrong type for the operation.
    #[error("what `{path}` leads to is not {what}")]
    Unfit {
        /// The path.
        path: String,
        /// The type of value that is needed.
        what: &'static str,
    },
}

impl Patches {
    /// Reads patches.
    ///
    /// # Errors
    ///
    /// A path or a regular expression can't be read.
    pub fn new(patches: &[Patch]) -> Result<Self, Error> {
        let forward = patches.iter().map(Prepared::new).collect::<Result<_, _>>()?;
        Ok(Self { forward })
    }

    /// Reads the patches of one direction, and omits what those of the other direction change: otherwise the two would undo each
    /// other. Changes of a reverse patch with `ignore` are not omitted.
    ///
    /// # Errors
    ///
    /// A path or a regular expression can't be read.
    pub fn against(patches: &[Patch], reverse: &[Patch]) -> Result<Self, Error> {
        let mut all = Self::new(patches)?;
        for patch in reverse.iter().filter(|patch| patch.ignore != Some(true)) {
            all.forward.push(Prepared::new(patch)?.without());
        }
        Ok(all)
    }

    /// Returns true if there are no patches.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forward.is_empty()
    }

    /// Returns true if any patch uses the other side's object.
    #[must_use]
    pub fn look_across(&self) -> bool {
        self.forward.iter().any(Prepared::looks_across)
    }

    /// Changes an object; `other` is the other side's object, if there is one.
    ///
    /// # Errors
    ///
    /// A patch does not fit the object.
    pub fn apply(&self, object: &mut Json, other: Option<&Json>, names: &dyn Names) -> Result<(), Error> {
        self.forward
            .iter()
            .try_for_each(|patch| patch.apply(object, other, names))
    }
}

#[cfg(test)]
mod tests;
