//! Built from this workspace.
//!
//! Cargo is the cache here: a build of what is built already takes a moment and changes nothing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::sync::Semaphore;

use super::pace::{Pace, Words};
use super::process::{Line, Process};
use super::{Error, Failed, Program, STAGE, cache};
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
            component: pins().cargo.name.clone(),
            program: name.clone(),
        })?;
        let program = cache::program(path).map_err(Error::file("read", path))?;
        Ok((name.clone(), program))
    };
    programs.iter().map(found).collect()
}

/// Runs `cargo build` and gives the programs that it names.
async fn build(programs: &[String], events: &Events) -> Result<BTreeMap<String, PathBuf>, Error> {
    let component = &pins().cargo.name;
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = BTreeMap::new();
    let mut pace = Pace::new(&format!("{STAGE}/{component}"), Words::Compiling, None, events);
    let cargo = described().iter().fold(Process::new(cargo()), |cargo, variable| {
        cargo.without_env(variable)
    });
    let built = cargo
        .args(["build", "--release", "--message-format=json-render-diagnostics"])
        .args(programs.iter().flat_map(|program| ["-p", program]))
        .dir(&workspace)
        .lines(|line| match line {
            Line::Err(_) => {}
            Line::Out(text) => match serde_json::from_str(text) {
                Ok(Message::CompilerArtifact {
                    executable,
                    target,
                    fresh,
                }) => {
                    if !fresh {
                        pace.done(&target.name);
                    }
                    if let Some(file) = executable {
                        files.insert(target.name, file);
                    }
                }
                Ok(Message::Other) | Err(_) => {}
            },
        });
    built.await.map_err(|failed| match failed {
        Failed {
            start: Some(source), ..
        } => Error::NoTool {
            tool: "cargo",
            component: component.clone(),
            remedy: "Rust (https://rustup.rs)",
            source,
        },
        failed => Error::build(component, &workspace)(failed),
    })?;
    Ok(files)
}

/// The cargo that runs this, where one does: it is the right one and may not be on the path.
fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The variables in which the cargo that runs this describes our own package. Build scripts that watch those (ring's
/// does) would run again, and all that depends on them, for each package that a build is asked for from.
fn described() -> Vec<OsString> {
    let all = std::env::vars_os().map(|(variable, _)| variable);
    all.filter(|variable| {
        let variable = variable.to_string_lossy();
        variable.starts_with("CARGO_PKG_") || variable.starts_with("CARGO_MANIFEST_")
    })
    .collect()
}

/// What cargo says of a build, as far as it is of use here.
/// (<https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>)
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
