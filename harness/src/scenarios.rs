//! Running the scenarios against an environment.
//!
//! The scenarios are one test binary. [`Binary::build`] builds it. [`Selection::of`] joins its tests with the
//! catalogue and decides what runs where. [`run()`] runs them: one process for each scenario and tenant, several at a
//! time, and those that disturb the environment alone at the end.

/// The promises and requirements of all scenarios.
pub mod catalogue;

/// The scenarios' test binary.
pub mod binary;

/// The scenarios to run and their places, and those that are left out.
pub mod selection;

/// Running the selected scenarios.
pub mod run;

/// The verdict on a scenario's process.
mod verdict;

pub use binary::Binary;
pub use catalogue::Catalogue;
pub use run::{Setting, run};
pub use selection::{Planned, Selection};

use provision::command;

/// Errors of running scenarios. A failed scenario is not such an error.
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
    /// No scenario matches the filter.
    #[error("find a scenario for `{filter}`{}", nearest.as_ref().map(|nearest| format!(": is it `{nearest}`?")).unwrap_or_default())]
    NoMatch {
        /// The filter that was given.
        filter: String,
        /// The nearest existing name.
        nearest: Option<String>,
    },
    /// A scenario's process could not be started.
    #[error("start the scenario {scenario}")]
    Start {
        /// The scenario's path.
        scenario: String,
        /// The underlying error.
        source: std::io::Error,
    },
}

impl Error {
    /// Returns true if the user's request is at fault, and not the environment.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::NoMatch { .. })
    }

    /// Returns the remedy for the user, if the error's text does not name it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        self.is_usage()
            .then(|| "cargo harness test --list lists the scenarios".to_owned())
    }
}

#[cfg(test)]
mod tests;
