//! Requests that continue during a disturbance.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use provision::wait;
use tokio::task::JoinHandle;

use crate::apps::{ReadApp, WriteApp};

/// The pause between two requests. Twenty requests a second notice a short disturbance, and are few for two cores.
const PAUSE: Duration = Duration::from_millis(50);

/// Requests to a tenant's apps, one after another, until it is stopped.
#[derive(Debug)]
#[must_use = "end it to learn what became of the requests"]
pub struct Load {
    end: Arc<AtomicBool>,
    running: JoinHandle<Report>,
}

/// The results of the requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The values whose writing was confirmed, in order.
    pub written: Vec<String>,
    /// The values whose writing or reading failed, each with its error.
    pub lost: Vec<String>,
}

impl Load {
    /// Starts to append values that begin with `stem`, and to read them again.
    pub fn begin(write: WriteApp, read: ReadApp, stem: String) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let running = tokio::spawn(async move {
            let mut report = Report::default();
            for number in 0.. {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let value = format!("{stem}-{number}");
                match append_and_read(&write, &read, &value).await {
                    Ok(()) => report.written.push(value),
                    Err(error) => report.lost.push(format!("{value}: {error:#}")),
                }
                wait::rest(PAUSE).await;
            }
            report
        });
        Self { end, running }
    }

    /// Stops after the current request is answered, and returns the results of all requests.
    pub async fn end(self) -> anyhow::Result<Report> {
        self.end.store(true, Ordering::Relaxed);
        Ok(self.running.await?)
    }
}

async fn append_and_read(write: &WriteApp, read: &ReadApp, value: &str) -> anyhow::Result<()> {
    write.append(value).await?;
    let values = read.values().await?;
    anyhow::ensure!(
        values.iter().any(|found| found == value),
        "written, and not there when read"
    );
    Ok(())
}
