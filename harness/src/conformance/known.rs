//! Tests that are expected to fail.

use serde::Deserialize;

use super::results::Cluster;

/// The list; part of the program.
const TEXT: &str = include_str!("../../conformance/known.toml");

/// All expected failures.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// In the order of the file.
    #[serde(default)]
    pub failure: Vec<Failure>,
}

/// An expected failure.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The test's whole name.
    pub test: String,
    /// The clusters in which it fails.
    #[serde(rename = "in")]
    pub place: Place,
    /// True if it fails only on a cluster of one node.
    #[serde(default)]
    pub one_node: bool,
    /// True if it fails only with images that were assembled here.
    #[serde(default)]
    pub assembled: bool,
    /// True if it waits for minutes before it fails; then it runs only when it is asked for.
    #[serde(default)]
    pub waits: bool,
    /// The reason.
    pub reason: String,
}

/// The clusters in which a test fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// Tenants' clusters.
    Tenants,
    /// Tenants' clusters and the host cluster.
    Everywhere,
}

impl Known {
    /// Reads the list that this program was built with.
    ///
    /// # Panics
    /// If the list cannot be understood, which a test rules out.
    #[must_use]
    pub fn built_in() -> Self {
        toml::from_str(TEXT).expect("known.toml is part of the program and tested")
    }

    /// Finds the expected failure of a test in a cluster.
    #[must_use]
    pub fn of(&self, test: &str, cluster: &Cluster) -> Option<&Failure> {
        self.failure.iter().find(|failure| {
            failure.test == test
                && (failure.place == Place::Everywhere || cluster.tenant)
                && (!failure.one_node || cluster.nodes == 1)
                && (!failure.assembled || cluster.assembled_images)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::conformance::Results;

    #[test]
    fn every_expected_failure_has_a_reason_and_is_there_once() {
        let known = Known::built_in();
        let tests: BTreeSet<&str> = known
            .failure
            .iter()
            .map(|failure| failure.test.as_str())
            .collect();
        assert_eq!(tests.len(), known.failure.len());
        for failure in &known.failure {
            assert!(failure.test.ends_with("[Conformance]"), "{}", failure.test);
            assert!(failure.reason.ends_with('.'), "{}", failure.test);
        }
    }

    #[test]
    fn the_page_in_the_docs_names_every_expected_failure() {
        let page = include_str!("../../../docs/conformance.md");
        for failure in &Known::built_in().failure {
            assert!(page.contains(&failure.test), "{}", failure.test);
        }
    }

    #[test]
    fn conditions_of_an_expected_failure_hold_together() {
        let known: Known = toml::from_str(
            r#"
            [[failure]]
            test = "a [Conformance]"
            in = "tenants"
            one_node = true
            reason = "It needs two nodes."
            "#,
        )
        .unwrap();
        let cluster = Results::example("tenant-1", &[]).cluster;
        assert!(known.of("a [Conformance]", &cluster).is_some());
        assert!(known.of("b [Conformance]", &cluster).is_none());
        let larger = Cluster {
            nodes: 3,
            ..cluster.clone()
        };
        assert!(known.of("a [Conformance]", &larger).is_none());
        let host = Cluster {
            tenant: false,
            ..cluster
        };
        assert!(known.of("a [Conformance]", &host).is_none());
    }
}
