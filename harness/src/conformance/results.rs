//! Verdicts, kept over several runs.
//!
//! A report folder has a file for each cluster. A run with `--focus` or `--shard` replaces the verdicts of the tests
//! that it ran, so that several runs add up to a whole.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Error;

/// The file of a cluster's verdicts.
const FILE: &str = "results.json";

/// A cluster that tests ran in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// The tenant's name, or `host`.
    pub name: String,
    /// True for a tenant's cluster.
    pub tenant: bool,
    /// The version that its API server gives, such as `v1.36.3`.
    pub kubernetes: String,
    /// The provider of the host cluster.
    pub substrate: String,
    /// The number of nodes that it shows.
    pub nodes: usize,
    /// True if the images of the tests' pods were assembled, rather than pulled from their publisher.
    pub assembled_images: bool,
}

/// The verdicts in one cluster.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Results {
    /// The cluster.
    pub cluster: Cluster,
    /// The outcomes by test name.
    pub tests: BTreeMap<String, TestResult>,
}

/// The outcome of one test.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestResult {
    /// The verdict.
    pub verdict: Verdict,
    /// The duration in seconds; 0 if it did not run.
    pub seconds: f64,
    /// The time of the run that it is from.
    pub at: jiff::Timestamp,
    /// The reason, where the verdict needs one.
    pub message: Option<String>,
}

/// The verdict of one test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It failed, as is expected.
    Known,
    /// It passed and is expected to fail.
    PassedUnexpectedly,
    /// It did not run, or skipped itself.
    NotRun,
}

impl Verdict {
    /// Returns true if the run fails because of it.
    #[must_use]
    pub fn is_bad(self) -> bool {
        matches!(self, Self::Failed | Self::PassedUnexpectedly)
    }

    /// Returns its word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "FAILED",
            Self::Known => "known",
            Self::PassedUnexpectedly => "PASSED UNEXPECTEDLY",
            Self::NotRun => "not run",
        }
    }
}

impl Results {
    /// Starts with no verdicts.
    #[must_use]
    pub fn new(cluster: Cluster) -> Self {
        Self {
            cluster,
            tests: BTreeMap::new(),
        }
    }

    /// Returns the file of a cluster in a report folder.
    #[must_use]
    pub fn file(folder: &Path, cluster: &str) -> PathBuf {
        folder.join(cluster).join(FILE)
    }

    /// Reads the verdicts of all clusters in a report folder, tenants first.
    pub fn read_all(folder: &Path) -> Result<Vec<Self>, Error> {
        let mut all = Vec::new();
        let listed = match fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(all),
            listed => listed.map_err(Error::file("read", folder))?,
        };
        for entry in listed {
            let entry = entry.map_err(Error::file("read", folder))?;
            all.extend(Self::read(&entry.path().join(FILE))?);
        }
        all.sort_by(|a, b| {
            let key = |results: &Self| (!results.cluster.tenant, results.cluster.name.clone());
            key(a).cmp(&key(b))
        });
        Ok(all)
    }

    /// Reads a file, if there is one.
    pub fn read(file: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read(file) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            text => text.map_err(Error::file("read", file))?,
        };
        let results = serde_json::from_slice(&text).map_err(|source| Error::Form {
            path: file.to_owned(),
            source: source.into(),
        })?;
        Ok(Some(results))
    }

    /// Adds the verdicts of an earlier run to the same cluster, where this one has none.
    pub fn add_earlier(&mut self, earlier: Self) {
        if earlier.cluster == self.cluster {
            for (test, result) in earlier.tests {
                self.tests.entry(test).or_insert(result);
            }
        }
    }

    /// Writes the file, whole or not at all.
    pub fn write(&self, folder: &Path) -> Result<(), Error> {
        let file = Self::file(folder, &self.cluster.name);
        let draft = file.with_extension("draft");
        let write = || {
            fs::create_dir_all(folder.join(&self.cluster.name))?;
            fs::write(&draft, serde_json::to_vec_pretty(self)?)?;
            fs::rename(&draft, &file)
        };
        write().map_err(Error::file("write", &file))
    }

    /// Counts the tests with a verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.tests.values().filter(|test| test.verdict == verdict).count()
    }
}

#[cfg(test)]
impl Results {
    /// Makes results for tests: each test with its verdict and its message.
    pub(super) fn example(name: &str, tests: &[(&str, Verdict, &str)]) -> Self {
        let result = |verdict: Verdict, message: &str| TestResult {
            verdict,
            seconds: 1.5,
            at: jiff::Timestamp::UNIX_EPOCH,
            message: (!message.is_empty()).then(|| message.to_owned()),
        };
        let tests = tests.iter();
        Self {
            cluster: Cluster {
                name: name.to_owned(),
                tenant: name != "host",
                kubernetes: "v1.36.3".to_owned(),
                substrate: "native".to_owned(),
                nodes: 1,
                assembled_images: true,
            },
            tests: tests
                .map(|(test, verdict, message)| ((*test).to_owned(), result(*verdict, message)))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(name: &str, tests: &[(&str, Verdict)]) -> Results {
        let tests: Vec<_> = tests
            .iter()
            .map(|(test, verdict)| (*test, *verdict, ""))
            .collect();
        Results::example(name, &tests)
    }

    #[test]
    fn runs_of_parts_come_to_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        results("tenant-1", &[("a", Verdict::Failed), ("b", Verdict::Passed)])
            .write(folder.path())
            .unwrap();
        results("host", &[]).write(folder.path()).unwrap();
        let mut again = results("tenant-1", &[("a", Verdict::Passed), ("c", Verdict::Known)]);
        let earlier = Results::read(&Results::file(folder.path(), "tenant-1")).unwrap();
        again.add_earlier(earlier.unwrap());
        again.write(folder.path()).unwrap();

        let all = Results::read_all(folder.path()).unwrap();
        let names: Vec<&str> = all.iter().map(|results| results.cluster.name.as_str()).collect();
        assert_eq!(names, ["tenant-1", "host"]);
        assert_eq!(all[0].count(Verdict::Passed), 2);
        assert_eq!(all[0].count(Verdict::Failed), 0);
        assert_eq!(all[0].count(Verdict::Known), 1);
    }

    #[test]
    fn verdicts_of_another_cluster_of_that_name_are_left_out() {
        let mut now = results("tenant-1", &[]);
        let mut earlier = results("tenant-1", &[("a", Verdict::Passed)]);
        earlier.cluster.nodes = 3;
        now.add_earlier(earlier);
        assert!(now.tests.is_empty());
    }

    #[test]
    fn a_folder_that_is_not_there_has_no_verdicts() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Results::read_all(&folder.path().join("none")).unwrap(), []);
    }
}
