//! Running the scenarios against an environment.
//!
//! The scenarios are one test binary. [`Binary::build`] makes it, [`Selection::of`] joins what is in it with the
//! catalogue and says what runs where, and [`run()`] runs that: a process a scenario and tenant, several at a time, and
//! those that disturb the environment alone at the end.

/// What every scenario promises and needs.
pub mod catalogue;

/// The scenarios' test binary.
pub mod binary;

/// What runs where, and what is left out.
pub mod selection;

/// Running what was selected.
pub mod run;

/// What a scenario's process came to.
mod verdict;

pub use binary::Binary;
pub use catalogue::Catalogue;
pub use run::{Setting, run};
pub use selection::{Planned, Selection};

use crate::command;

/// Why scenarios could not be run. A scenario that fails is no such error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalogue is not written as it should be.
    #[error("read the catalogue of scenarios")]
    Catalogue(#[source] Box<toml::de::Error>),
    /// The test binary was not built.
    #[error("build the scenarios")]
    Build(#[source] command::Error),
    /// Cargo built no test binary.
    #[error("find the scenarios' test binary in what cargo built")]
    NoBinary,
    /// The test binary does not list its scenarios.
    #[error("list the scenarios")]
    List(#[source] command::Error),
    /// Scenarios and catalogue do not fit together.
    #[error("find {} in scenarios/catalogue.toml", tests.join(", "))]
    Uncatalogued {
        /// The tests that no entry is for.
        tests: Vec<String>,
    },
    /// No scenario has what the filter asks for.
    #[error("find a scenario for `{filter}`{}", nearest.as_ref().map(|nearest| format!(": is it `{nearest}`?")).unwrap_or_default())]
    NoMatch {
        /// What was asked for.
        filter: String,
        /// What was perhaps meant.
        nearest: Option<String>,
    },
    /// A scenario's process could not be started.
    #[error("start the scenario {scenario}")]
    Start {
        /// The scenario's path.
        scenario: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// Returns true if what the user asked for is at fault, and not the environment.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoMatch { .. })
    }
}

/// The id that a scenario's function name begins with: `IS-01` of `is_01_…`.
#[must_use]
pub fn id_of(function: &str) -> Option<String> {
    let (area, rest) = function.split_once('_')?;
    let number = rest.split('_').next()?;
    let id = area.len() == 2
        && area.bytes().all(|byte| byte.is_ascii_lowercase())
        && number.len() == 2
        && number.bytes().all(|byte| byte.is_ascii_digit());
    id.then(|| format!("{}-{number}", area.to_uppercase()))
}

#[cfg(test)]
mod tests;
