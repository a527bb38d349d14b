//! A running syncer.

use std::path::Path;

use provision::wait::{self, Seen};
use rustix::process::Signal;
use serde_json::Value;

use super::STARTED;
use super::process::{Process, tail};

/// A syncer that serves probes and metrics.
pub(crate) struct Syncer {
    process: Process,
    /// The address of its metrics and of the details of readiness.
    address: String,
    /// The address of its probes.
    probes: String,
}

impl Syncer {
    /// Starts it, and waits until it serves requests.
    pub(super) async fn start(program: &Path, arguments: &[String], folder: &Path, name: &str) -> Self {
        let mut process = Process::start(program, arguments, folder, name);
        let (address, probes) = wait::until(format!("{name} to listen"), STARTED, || {
            let log = process.log();
            let addresses = ["answering with metrics", "answering probes"].map(|what| listens_at(&log, what));
            let seen = match (process.ended(), addresses) {
                (Some(ended), _) => Err(ended),
                (None, [Some(address), Some(probes)]) => Ok(Seen::Ready((address, probes))),
                (None, _) => Ok(Seen::not_yet("it does not say where it listens")),
            };
            async { seen }
        })
        .await
        .unwrap_or_else(|error| panic!("it starts: {error:#?}\n{}", tail(&process.log(), "")));
        Self {
            process,
            address,
            probes,
        }
    }

    /// Waits until it has reconciled everything.
    pub(crate) async fn is_ready(&mut self) {
        self.says("").await;
    }

    /// Waits until the step that it waits for contains this word; if the word is empty, until it waits for nothing.
    pub(crate) async fn says(&mut self, word: &str) {
        let ready = format!("http://{}/readyz", self.address);
        wait::until(format!("the syncer to say {word:?}"), STARTED, || {
            let ended = self.process.ended();
            let ready = ready.clone();
            async move {
                if let Some(ended) = ended {
                    return Err(ended);
                }
                let answer = reqwest::get(ready).await.map_err(|error| error.to_string())?;
                let done = answer.status().is_success();
                let said = answer.text().await.unwrap_or_default();
                let as_wanted = if word.is_empty() {
                    done
                } else {
                    said.contains(word)
                };
                Ok::<_, String>(if as_wanted {
                    Seen::Ready(())
                } else {
                    Seen::NotYet(said)
                })
            }
        })
        .await
        .unwrap_or_else(|error| panic!("it says so: {error:#?}\n{}", tail(&self.log(), "")));
    }

    /// Returns its metrics.
    pub(crate) async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.address)).await;
        answer.expect("it answers").text().await.expect("it is text")
    }

    /// Returns its answer to a probe: the code, and the text.
    pub(super) async fn probed(&self, path: &str) -> (u16, String) {
        let answer = reqwest::get(format!("http://{}{path}", self.probes)).await;
        let answer = answer.expect("it answers");
        let code = answer.status().as_u16();
        (code, answer.text().await.expect("it is text"))
    }

    /// Returns its output so far.
    pub(super) fn log(&self) -> String {
        self.process.log()
    }

    /// Sends a signal that does not end it.
    pub(super) fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends a signal, waits for the end and returns the exit code.
    pub(crate) async fn end(self, signal: Signal) -> Option<i32> {
        self.process.end(signal).await
    }

    /// Waits until it ends by itself, and returns its output.
    pub(crate) async fn ends(mut self) -> String {
        let ended = wait::until("the syncer to end", STARTED, || {
            let ended = self.process.ended();
            async { Ok::<_, String>(ended.map_or_else(|| Seen::not_yet("it runs"), Seen::Ready)) }
        })
        .await;
        ended.expect("it ends")
    }
}

/// Returns the address at which, according to the log, the syncer listens for this purpose.
fn listens_at(log: &str, what: &str) -> Option<String> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines
        .filter(|line| line["message"] == what)
        .find_map(|line| line["address"].as_str().map(ToOwned::to_owned))
}
