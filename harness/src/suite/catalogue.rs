//! What every scenario promises and needs.

use std::time::Duration;

use serde::Deserialize;

use super::Error;
use crate::plan;

/// Beside the scenarios, so that both change in one commit; here, so that a plan needs no test binary.
const TEXT: &str = include_str!("../../../scenarios/catalogue.toml");

/// All scenarios.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// In the order of the file.
    #[serde(default, rename = "scenario")]
    pub scenarios: Vec<Entry>,
}

/// What one scenario promises and needs.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path in the test binary; cases of it have longer ones.
    pub test: String,
    /// Where it runs.
    pub scope: Scope,
    /// It disturbs the environment, so it runs alone, after the others.
    #[serde(default)]
    pub disruptive: bool,
    /// Substrates or virtual clusters, all of which it needs.
    #[serde(default)]
    pub requires: Vec<String>,
    /// Why it is known to fail, where it is.
    pub known: Option<String>,
    /// The virtual cluster that it is known to fail with; any, if there is none.
    #[serde(rename = "for")]
    pub known_for: Option<String>,
    /// How long it may take, where that is not [`plan::SCENARIO`].
    pub at_most_seconds: Option<u64>,
    /// What it promises, in a sentence.
    pub promise: String,
}

/// Where a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// In every tenant.
    Tenant,
    /// In two tenants at once.
    Pair,
    /// Once, wherever it likes.
    Environment,
}

impl Catalogue {
    /// The catalogue that this program was built with.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(TEXT)
    }

    /// Reads a catalogue.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|source| Error::Catalogue(Box::new(source)))
    }

    /// The entry for the test `path`: the longest that is the path or leads to it.
    #[must_use]
    pub fn entry(&self, path: &str) -> Option<&Entry> {
        let leads = |entry: &&Entry| {
            path.strip_prefix(&*entry.test)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.scenarios
            .iter()
            .filter(leads)
            .max_by_key(|entry| entry.test.len())
    }
}

impl Entry {
    /// How long it may take.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        self.at_most_seconds.map_or(plan::SCENARIO, Duration::from_secs)
    }

    /// Why it is known to fail with this kind of virtual cluster, where it is.
    #[must_use]
    pub fn known_with(&self, virtual_cluster: &str) -> Option<&str> {
        let concerned = self
            .known_for
            .as_deref()
            .is_none_or(|which| which == virtual_cluster);
        self.known.as_deref().filter(|_| concerned)
    }
}
