//! Names that are unique to a run.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Creates names from a seed. The same seed creates the same names, so that a failure can be reproduced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    seed: u64,
}

impl Names {
    /// Returns the names of this seed.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self { seed }
    }

    /// Returns a name that begins with `stem`. The rest is derived from the seed and `stem`.
    #[must_use]
    pub fn unique(self, stem: &str) -> String {
        let mut hasher = DefaultHasher::new();
        (self.seed, stem).hash(&mut hasher);
        let mut random = fastrand::Rng::with_seed(hasher.finish());
        let tail: String = (0..5).map(|_| random.digit(36).to_ascii_lowercase()).collect();
        format!("{stem}-{tail}")
    }
}
