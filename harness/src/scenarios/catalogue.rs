//! The promises and requirements of all scenarios.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Error;
use super::selection::{asked_for, id_in, nearest};
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

/// The promise and the requirements of one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its path in the test binary. Its cases have longer ones.
    pub test: String,
    /// The scope in which it runs.
    pub scope: Scope,
    /// True if it disturbs the environment. Then it runs alone, after the others.
    #[serde(default)]
    pub disruptive: bool,
    /// Substrates or virtual clusters, all of which it needs.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The reason why it is known to fail, if it is.
    pub known: Option<String>,
    /// The virtual cluster that it is known to fail with; any, if there is none.
    #[serde(rename = "for")]
    pub known_for: Option<String>,
    /// The time limit in seconds, if it is not [`plan::SCENARIO`].
    pub at_most_seconds: Option<u64>,
    /// Its promise, in a sentence.
    pub promise: String,
}

/// The scope in which a scenario runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// In every tenant.
    Tenant,
    /// In two tenants at once.
    Pair,
    /// Once, in any place.
    Environment,
}

impl Catalogue {
    /// Returns the catalogue that this program was built with.
    pub fn built_in() -> Result<Self, Error> {
        Self::parse(TEXT)
    }

    /// Reads a catalogue.
    pub fn parse(text: &str) -> Result<Self, Error> {
        toml::from_str(text).map_err(|source| Error::Catalogue(Box::new(source)))
    }

    /// Returns the entries that `filter` asks for; without one, all of them.
    pub fn matching(self, filter: Option<&str>) -> Result<Self, Error> {
        let Some(filter) = filter else { return Ok(self) };
        let (found, others): (Vec<Entry>, Vec<Entry>) = self
            .scenarios
            .into_iter()
            .partition(|entry| asked_for(filter, &entry.id(), &entry.test));
        if found.is_empty() {
            let tests: Vec<String> = others.into_iter().map(|entry| entry.test).collect();
            return Err(Error::NoMatch {
                filter: filter.to_owned(),
                nearest: nearest(filter, &tests),
            });
        }
        Ok(Self { scenarios: found })
    }

    /// Returns the entry for the test `path`: the longest that is the path or leads to it.
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
    /// Returns its id, or nothing if its name has none.
    #[must_use]
    pub fn id(&self) -> String {
        id_in(&self.test).unwrap_or_default()
    }

    /// Returns the time limit.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        self.at_most_seconds.map_or(plan::SCENARIO, Duration::from_secs)
    }

    /// Returns the reason why it is known to fail with this kind of virtual cluster, if it is.
    #[must_use]
    pub fn known_with(&self, virtual_cluster: &str) -> Option<&str> {
        let concerned = self
            .known_for
            .as_deref()
            .is_none_or(|which| which == virtual_cluster);
        self.known.as_deref().filter(|_| concerned)
    }
}
