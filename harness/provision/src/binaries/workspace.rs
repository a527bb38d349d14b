//! Programs that are built from this workspace.
//!
//! Cargo is the cache here: a repeated build takes a moment and changes nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::sync::Semaphore;

use super::progress::{BuildProgress, Verb};
use super::{Error, Program, STAGE, cache};
use crate::command::{self, Command, Line};
use crate::events::Events;
use crate::pins::pins;

/// Gives our own programs, up to date with their sources.
pub(super) async fn ensure(
    programs: &[String],
    turns: &Semaphore,
    events: &Events,
) -> Result<BTreeMap<String, Program>, Error> {
    if programs.is_empty() {
        return Ok(BTreeMap::new());
    }
    // A closed semaphore would be the only failure, and nothing closes it.
    let _turn = turns.acquire().await;
    let files = build(programs, events).await?;
    let found = |name: &String| {
        let path = files.get(name).ok_or_else(|| Error::Incomplete {
            pin: pins().cargo.name.clone(),
            program: name.clone(),
        })?;
        let program = cache::program(path).map_err(Error::file("read", path))?;
        Ok((name.clone(), program))
    };
    programs.iter().map(found).collect()
}

/// Runs `cargo build` and gives the programs that it names.
async fn build(programs: &[String], events: &Events) -> Result<BTreeMap<String, PathBuf>, Error> {
    let pin = &pins().cargo.name;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = BTreeMap::new();
    let mut progress = BuildProgress::new(&format!("{STAGE}/{pin}"), Verb::Compiling, None, events);
    let build = Command::cargo()
        .args(["build", "--release", "--message-format=json-render-diagnostics"])
        // Together with the harness, which is built already, they have the same features of the same crates.
        .args(["-p", "harness-cli"])
        .args(programs.iter().flat_map(|program| ["-p", program]))
        .directory(&workspace);
    let built = build.run_telling(|line| match line {
        Line::Err(_) => {}
        Line::Out(text) => match serde_json::from_str(text) {
            Ok(Message::CompilerArtifact {
                executable,
                target,
                fresh,
            }) => {
                if !fresh {
                    progress.done(&target.name);
                }
                if let Some(file) = executable {
                    files.insert(target.name, file);
                }
            }
            Ok(Message::Other) | Err(_) => {}
        },
    });
    built.await.map_err(|failed| match failed {
        command::Error::Run { source, .. } => Error::NoTool {
            tool: "cargo",
            pin: pin.clone(),
            remedy: "Rust (https://rustup.rs)",
            source,
        },
        failed => Error::build(pin, &workspace)(failed),
    })?;
    Ok(files)
}

/// The parts of cargo's build messages that are used here
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>).
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        executable: Option<PathBuf>,
        target: Target,
        fresh: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}
