//! The scenarios' test binary.

use std::path::{Path, PathBuf};

use provision::command::{Command, Line};
use provision::events::{Event, Events};
use serde::Deserialize;

use super::Error;
use crate::plan;

/// The workspace that this program was built from, which the scenarios are a part of.
const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The scenarios' test binary, built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary(PathBuf);

impl Binary {
    /// Builds it, telling in `stage` how it gets on. Nothing is done where nothing has changed.
    pub async fn build(events: &Events, stage: &str) -> Result<Self, Error> {
        let build = Command::cargo()
            .args([
                "test",
                "--release",
                "--package",
                "scenarios",
                "--test",
                "*",
                "--no-run",
            ])
            .arg("--message-format=json-render-diagnostics")
            .directory(WORKSPACE)
            .at_most(plan::BUILD_SCENARIOS);
        let mut crates = 0;
        let tell = |line: Line<'_>| {
            let Line::Err(text) = line else { return };
            let Some(what) = text.trim().strip_prefix("Compiling ") else {
                return;
            };
            crates += 1;
            events.tell(Event::Progress {
                stage: stage.to_owned(),
                what: format!(
                    "compiling the scenarios: {}",
                    what.split(' ').next().unwrap_or(what)
                ),
                done: Some(crates),
                total: None,
                seconds_left: None,
            });
        };
        let messages = build.run_telling(tell).await.map_err(Error::Build)?;
        executable(&String::from_utf8_lossy(&messages))
            .map(Self)
            .ok_or(Error::NoBinary)
    }

    /// Creates the handle of an existing binary.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Returns the path of the binary.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the paths of the tests in it.
    pub async fn tests(&self) -> Result<Vec<String>, Error> {
        let list = Command::new(&self.0).args(["--list", "--format", "terse"]);
        let text = list.text().await.map_err(Error::List)?;
        Ok(text
            .lines()
            .filter_map(|line| line.strip_suffix(": test"))
            .map(str::to_owned)
            .collect())
    }
}

/// Returns the test binary from the JSON messages of cargo
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>).
fn executable(messages: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Option<Target>,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        kind: Vec<String>,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.kind.iter().any(|kind| kind == "test"))
        })
        .find_map(|message| message.executable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_binary_is_found_among_cargos_messages() {
        let messages = r#"{"reason":"compiler-artifact","target":{"kind":["lib"]},"executable":null}
{"reason":"compiler-artifact","target":{"kind":["bin"]},"executable":"/t/harness"}
{"reason":"compiler-artifact","target":{"kind":["test"]},"executable":"/t/main-1"}
{"reason":"build-finished","success":true}"#;
        assert_eq!(executable(messages), Some(PathBuf::from("/t/main-1")));
    }
}
