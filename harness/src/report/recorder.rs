//! Events written down as they happen, and rendered at the end.
//!
//! A report that cannot be written, for example because the disk is full, does not end the run: the run is shown to its
//! end and summed up, and the first error is returned with the summary.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use provision::events::{Event, Stamped};
use tokio::sync::mpsc::UnboundedReceiver;

use super::terminal::Terminal;
use super::{EVENTS, Error, Summary, summed_up, write};

/// The reports of a run, from its beginning.
#[derive(Debug)]
pub struct Recorder {
    folder: PathBuf,
    log: fs::File,
}

/// A run that was followed to its end.
#[derive(Debug)]
pub struct Recorded {
    /// The summary of the run.
    pub summary: Summary,
    /// The first error in writing its reports, if there was one.
    pub failed: Option<Error>,
}

impl Recorder {
    /// Begins the reports of a run in `folder`, which has none yet.
    pub fn begin(folder: &Path) -> Result<Self, Error> {
        let log = fs::File::create_new(folder.join(EVENTS)).map_err(|source| Error::Folder {
            path: folder.to_owned(),
            source,
        })?;
        Ok(Self::writing_to(folder, log))
    }

    /// Writes events to `log`.
    pub(super) fn writing_to(folder: &Path, log: fs::File) -> Self {
        Self {
            folder: folder.to_owned(),
            log,
        }
    }

    /// Follows a run to its end, which is [`Event::RunFinished`] or the end of the stream, and reports it.
    pub async fn follow(
        self,
        mut events: UnboundedReceiver<Stamped>,
        mut terminal: Terminal,
    ) -> Result<Recorded, Error> {
        let Self { folder, mut log } = self;
        let mut failed = None;
        let mut seen = Vec::new();
        while let Some(stamped) = events.recv().await {
            terminal.show(&stamped);
            if failed.is_none()
                && let Err(source) = append(&mut log, &stamped)
            {
                terminal.warn(&format!(
                    "failed to write the report: {source}; the run goes on without it"
                ));
                failed = Some(Error::Write {
                    path: folder.join(EVENTS),
                    source,
                });
            }
            let last = matches!(stamped.event, Event::RunFinished { .. });
            seen.push(stamped);
            if last {
                break;
            }
        }
        terminal.close();
        let summary = summed_up(&folder, &seen)?;
        // Tried all the same: what fills a disk may have gone by now.
        let written = write(&folder, &summary);
        let failed = failed.or_else(|| written.err());
        Ok(Recorded { summary, failed })
    }
}

/// Writes one line at once, so that a run that is killed loses at most the last event.
fn append(log: &mut fs::File, stamped: &Stamped) -> io::Result<()> {
    let mut line = serde_json::to_vec(stamped)?;
    line.push(b'\n');
    log.write_all(&line)
}
