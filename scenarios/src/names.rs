//! Names that are unique to a run.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Makes names from a seed: the same seed makes the same ones, so that a failure can be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    seed: u64,
}

impl Names {
    /// Makes names from `seed`.
    #[must_use]
    pub const fn from_seed(seed: u64) -> Self {
        Self { seed }
    }

    /// A name that begins with `stem`; what is the same for every run follows from both.
    #[must_use]
    pub fn unique(self, stem: &str) -> String {
        let mut hasher = DefaultHasher::new();
        (self.seed, stem).hash(&mut hasher);
        let mut random = fastrand::Rng::with_seed(hasher.finish());
        let tail: String = (0..5).map(|_| random.digit(36).to_ascii_lowercase()).collect();
        format!("{stem}-{tail}")
    }
}
