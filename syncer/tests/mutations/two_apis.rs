//! The tests with two API servers: `syncer/tests/two_apis`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::{cargo, root};

/// A run of some of the tests.
#[derive(Debug)]
pub(crate) struct Run {
    output: String,
    /// The file that has its output.
    pub(crate) log: PathBuf,
}

impl Run {
    /// Returns true if libtest printed this result.
    pub(crate) fn has_result(&self, result: &str) -> bool {
        self.output.contains(&format!("test result: {result}"))
    }
}

/// Runs these tests with this syncer. The log is beside the syncer.
///
/// # Errors
///
/// Cargo could not be started, or the log could not be written.
pub(crate) fn run(syncer: &Path, tests: &[&str]) -> io::Result<Run> {
    let run = cargo()
        .args([
            "test",
            "--package",
            "syncer",
            "--test",
            "two_apis",
            "--",
            "--exact",
        ])
        .args(tests)
        .env("SYNCER", syncer)
        .output()?;
    let output = [run.stdout, run.stderr].concat();
    let run = Run {
        output: String::from_utf8_lossy(&output).into_owned(),
        log: syncer.with_file_name("tests.log"),
    };
    fs::write(&run.log, &run.output)?;
    Ok(run)
}

/// Returns true if there is a test of this path: its modules, its function and, for one of several cases, the name of the case.
pub(crate) fn has(test: &str) -> bool {
    let (path, case) = match test.split_once("::case_") {
        Some((path, case)) => (path, case.split_once('_').map(|(_, name)| name)),
        None => (test, None),
    };
    let Some((modules, function)) = path.rsplit_once("::") else {
        return false;
    };
    let tests = root().join("syncer/tests/two_apis");
    let file = tests.join(modules.replace("::", "/")).with_extension("rs");
    let text = fs::read_to_string(file).unwrap_or_default();
    match text.split_once(&format!("async fn {function}(")) {
        Some((before, _)) => case.is_none_or(|case| before.contains(&format!("#[case::{case}("))),
        None => false,
    }
}
