//! Events rendered for people and for programs.
//!
//! A [`Recorder`] follows a run: it writes `events.jsonl` as events happen, shows them on the terminal, and renders
//! the rest at the end. [`render`] creates the same reports again from a folder's events. All of them show one
//! [`Summary`] and differ in form only.

use std::path::{Path, PathBuf};
use std::{fs, io};

use provision::events::{Event, Stamped};
use serde::Serialize;
use tokio::sync::mpsc::UnboundedReceiver;

use crate::exit::Exit;

/// The report folder: a folder for each run in it, and links to the latest.
pub mod folder;

/// Events written down as they happen.
mod recorder;

/// The result of a run.
pub mod summary;

/// For people: tables.
pub mod text;

/// For CI servers: `JUnit`'s XML.
pub mod junit;

/// For people with a browser: one file with everything in it.
pub mod html;

/// The progress of a run, on the terminal.
pub mod terminal;

pub use recorder::{Recorded, Recorder};
pub use summary::{Outcome, Summary};

/// Everything that happened, a line each, as it happened.
pub const EVENTS: &str = "events.jsonl";

const JSON: &str = "report.json";
const TEXT: &str = "report.txt";
const JUNIT: &str = "junit.xml";
const HTML: &str = "index.html";

/// Errors of reports.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The report folder cannot be created or written to.
    #[error("create the report folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// A foreign file or folder has a name that a report needs.
    #[error("create the link {} to the report: a file or folder of that name exists already", path.display())]
    Taken {
        /// The name.
        path: PathBuf,
    },
    /// A file or folder could not be written.
    #[error("write {}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// A run's events could not be read.
    #[error("read the events of a run from {}", path.display())]
    Read {
        /// The file that should have them.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// A line is no event.
    #[error("understand line {line} of {}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The underlying error.
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
        /// The report.
        what: &'static str,
        /// The underlying error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    /// Returns true if the user's request is at fault, and nothing was done.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Read { .. } | Self::NoRun { .. } | Self::Folder { .. } | Self::Taken { .. }
        )
    }

    /// Returns the remedy for the user, if the error's text does not name it.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => Some("set --report-dir to a folder that can be written to".to_owned()),
            Self::Taken { .. } => Some("move it away, or set --report-dir to another folder".to_owned()),
            _ => None,
        }
    }
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
    let summary = summed_up(folder, &read(&folder.join(EVENTS))?)?;
    write(folder, &summary)?;
    Ok(summary)
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

/// Sums up the events of a run, which `folder` has.
fn summed_up(folder: &Path, events: &[Stamped]) -> Result<Summary, Error> {
    Summary::of(events).ok_or_else(|| Error::NoRun {
        path: folder.join(EVENTS),
    })
}

/// Writes every report that can be written, each whole or not at all, and returns the first error.
fn write(folder: &Path, summary: &Summary) -> Result<(), Error> {
    let mut written = Ok(());
    for (name, content) in [
        (JSON, json(summary)),
        (TEXT, Ok(text::render(summary, Some(folder)))),
        (JUNIT, junit::render(summary)),
        (HTML, html::render(summary)),
    ] {
        let path = folder.join(name);
        let whole = content
            .and_then(|content| whole(&path, &content).map_err(|source| Error::Write { path, source }));
        written = written.and(whole);
    }
    written
}

fn whole(path: &Path, content: &str) -> io::Result<()> {
    let draft = path.with_added_extension("draft");
    let written = fs::write(&draft, content).and_then(|()| fs::rename(&draft, path));
    if written.is_err() {
        // What is left of it would take the room that another report may need.
        let _removed = fs::remove_file(&draft);
    }
    written
}

/// A summary with its outcome.
#[derive(Serialize)]
struct Judged<'s> {
    #[serde(flatten)]
    summary: &'s Summary,
    verdict: Outcome,
    exit_code: u8,
}

/// Returns the summary as in `report.json`.
pub fn json(summary: &Summary) -> Result<String, Error> {
    let verdict = summary.outcome();
    let judged = Judged {
        summary,
        verdict,
        exit_code: Exit::from(verdict).code(),
    };
    let json = serde_json::to_string_pretty(&judged).map_err(|source| Error::Render {
        what: JSON,
        source: Box::new(source),
    })?;
    Ok(json + "\n")
}

#[cfg(test)]
mod tests;
