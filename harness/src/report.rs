//! Events rendered for people and for programs.
//!
//! [`record`] follows a run: it writes `events.jsonl` as things happen, shows them on the terminal, and renders the
//! rest at the end. [`render`] makes the same reports again from a folder's events. All of them show one [`Summary`]
//! and differ in form only.

use std::path::{Path, PathBuf};
use std::{fs, io};

use tokio::sync::mpsc::UnboundedReceiver;

use crate::events::{Event, Stamped};

/// What a run came to.
pub mod summary;

/// For people: tables.
pub mod text;

/// For CI servers: `JUnit`'s XML.
pub mod junit;

/// For people with a browser: one file with everything in it.
pub mod html;

/// What is going on, on the terminal.
pub mod terminal;

pub use summary::{Outcome, Summary};

/// Everything that happened, a line each, as it happened.
pub const EVENTS: &str = "events.jsonl";

/// Where the evidence of scenarios that failed is.
pub const EVIDENCE: &str = "evidence";

const JSON: &str = "report.json";
const TEXT: &str = "report.txt";
const JUNIT: &str = "junit.xml";
const HTML: &str = "index.html";

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("write {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A run's events could not be read.
    #[error("read the events of a run from {}", path.display())]
    Read {
        /// Where they should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A line is no event.
    #[error("understand line {line} of {}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The events are of no run.
    #[error("find the start of a run in {}", path.display())]
    NoRun {
        /// The file.
        path: PathBuf,
    },
    /// A report could not be rendered.
    #[error("render {what}")]
    Render {
        /// Which.
        what: &'static str,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Follows a run to its end, which is [`Event::RunFinished`] or the end of the stream, and reports it in `folder`.
///
/// What an earlier run reported there is removed first, and nothing else.
pub async fn record(
    mut events: UnboundedReceiver<Stamped>,
    folder: PathBuf,
    mut terminal: terminal::Terminal,
) -> Result<Summary, Error> {
    let mut log = start(&folder)?;
    let mut seen = Vec::new();
    while let Some(stamped) = events.recv().await {
        terminal.show(&stamped);
        append(&mut log, &stamped).map_err(|source| Error::Write {
            path: folder.join(EVENTS),
            source,
        })?;
        let last = matches!(stamped.event, Event::RunFinished { .. });
        seen.push(stamped);
        if last {
            break;
        }
    }
    terminal.close();
    write(&folder, &seen)
}

/// Follows work that is shown and not reported, such as `down`.
pub async fn show(mut events: UnboundedReceiver<Stamped>, mut terminal: terminal::Terminal) {
    while let Some(stamped) = events.recv().await {
        terminal.show(&stamped);
        if matches!(stamped.event, Event::RunFinished { .. }) {
            break;
        }
    }
    terminal.close();
}

/// Renders the reports in `folder` again from its events.
pub fn render(folder: &Path) -> Result<Summary, Error> {
    write(folder, &read(&folder.join(EVENTS))?)
}

fn start(folder: &Path) -> Result<fs::File, Error> {
    let wrote = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(wrote(folder))?;
    for earlier in [JSON, TEXT, JUNIT, HTML] {
        absent_is_fine(fs::remove_file(folder.join(earlier))).map_err(wrote(&folder.join(earlier)))?;
    }
    let evidence = folder.join(EVIDENCE);
    absent_is_fine(fs::remove_dir_all(&evidence)).map_err(wrote(&evidence))?;
    let events = folder.join(EVENTS);
    fs::File::create(&events).map_err(wrote(&events))
}

fn absent_is_fine(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Writes one line at once, so that a run that is killed leaves all but the last of what happened.
fn append(log: &mut fs::File, stamped: &Stamped) -> io::Result<()> {
    let mut line = serde_json::to_vec(stamped)?;
    line.push(b'\n');
    io::Write::write_all(log, &line)
}

fn read(path: &Path) -> Result<Vec<Stamped>, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let mut events = Vec::new();
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        match serde_json::from_str(line) {
            Ok(stamped) => events.push(stamped),
            // A run that was killed may have written half of its last line.
            Err(_) if lines.peek().is_none() && !text.ends_with('\n') => {}
            Err(source) => {
                return Err(Error::Line {
                    path: path.to_owned(),
                    line: number + 1,
                    source,
                });
            }
        }
    }
    Ok(events)
}

fn write(folder: &Path, events: &[Stamped]) -> Result<Summary, Error> {
    let summary = Summary::of(events).ok_or_else(|| Error::NoRun {
        path: folder.join(EVENTS),
    })?;
    for (name, content) in [
        (JSON, json(&summary)?),
        (TEXT, text::render(&summary, Some(folder))),
        (JUNIT, junit::render(&summary)?),
        (HTML, html::render(&summary)?),
    ] {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|source| Error::Write { path, source })?;
    }
    Ok(summary)
}

/// The summary as `report.json` has it.
pub fn json(summary: &Summary) -> Result<String, Error> {
    let json = serde_json::to_string_pretty(summary).map_err(|source| Error::Render {
        what: JSON,
        source: Box::new(source),
    })?;
    Ok(json + "\n")
}

#[cfg(test)]
mod tests;
