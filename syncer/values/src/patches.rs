//! Changes to objects on their way between guest and host, in the terms of vcluster's generic sync.
//!
//! Takes the patches of a values file, gives [`Patches`] that change an object as text-true [`Json`]. They know
//! nothing of clusters: what names become is asked of a [`Names`].
//!
//! What each operation means is vcluster 0.25's (`pkg/patches`), with its slips mended: `equal: 5` fits a 5, an empty
//! list is empty, and an `add` to a value that can hold nothing replaces it.

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

/// Whether a text can be read as a path.
///
/// # Errors
///
/// It can't.
pub fn check_path(text: &str) -> Result<(), BadPath> {
    path::Path::parse(text).map(drop)
}

/// Whether a text can be read as a regular expression in which `$NAME` and `$NAMESPACE` stand for names.
///
/// # Errors
///
/// It can't.
pub fn check_pattern(text: &str) -> Result<(), BadPattern> {
    names::Pattern::parse(text).map(drop)
}

/// Patches that are applied one after the other.
#[derive(Clone, Debug, Default)]
pub struct Patches {
    forward: Vec<Prepared>,
}

/// Why patches can't be used, or do not fit an object.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A path can't be read.
    #[error(transparent)]
    Path(#[from] BadPath),
    /// A regular expression can't be read.
    #[error(transparent)]
    Pattern(#[from] BadPattern),
    /// A path leads to several values where there has to be one.
    #[error("`{0}` leads to more than one value")]
    Several(String),
    /// A path leads to something else than the operation is for.
    #[error("what `{path}` leads to is not {what}")]
    Unfit {
        /// The path.
        path: String,
        /// What should be there.
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

    /// Reads the patches of one direction, and leaves out what those of the other direction change: else the two
    /// would undo each other. A reverse patch with `ignore` has no such part.
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

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.forward.is_empty()
    }

    /// Returns true if any of them looks at the other side's object.
    #[must_use]
    pub fn look_across(&self) -> bool {
        self.forward.iter().any(Prepared::looks_across)
    }

    /// Changes an object; `other` is the other side's, if there is one.
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
