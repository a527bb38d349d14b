//! External commands whose output shows how far they are.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader, Lines};
use tokio::process::{Child, Command};

/// How many of the last lines on stderr an error shows.
const TAIL: usize = 20;

/// A command that could not be run or failed.
#[derive(Debug, thiserror::Error)]
#[error("run `{command}` in {folder}: {ended}{}", shown(tail))]
pub struct Failed {
    /// The command, as it can be pasted.
    pub command: String,
    /// Where it ran.
    pub folder: String,
    /// How it ended.
    pub ended: String,
    /// The end of what it wrote to stderr.
    pub tail: String,
    /// Whether it could be started at all, and why not.
    #[source]
    pub start: Option<io::Error>,
}

fn shown(tail: &str) -> String {
    if tail.is_empty() {
        String::new()
    } else {
        format!("\n{tail}")
    }
}

impl Failed {
    /// Whether there is no such program.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.start
            .as_ref()
            .is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    }
}

/// A line of output and where it came from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Line<'a> {
    Out(&'a str),
    Err(&'a str),
}

/// A command that is about to run. It ends with the future that waits for it.
#[derive(Debug)]
pub(crate) struct Process {
    command: Command,
    words: Vec<String>,
    folder: String,
}

impl Process {
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        let mut command = Command::new(program);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        Self {
            command,
            words: vec![quoted(program)],
            folder: ".".into(),
        }
    }

    pub(crate) fn arg(mut self, word: impl AsRef<OsStr>) -> Self {
        self.words.push(quoted(word.as_ref()));
        self.command.arg(word);
        self
    }

    pub(crate) fn args(self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.words.insert(0, format!("{name}={}", quoted(value.as_ref())));
        self.command.env(name, value);
        self
    }

    /// Keeps a variable from being inherited.
    pub(crate) fn without_env(mut self, name: &OsStr) -> Self {
        self.command.env_remove(name);
        self
    }

    pub(crate) fn dir(mut self, folder: &Path) -> Self {
        self.folder = folder.display().to_string();
        self.command.current_dir(folder);
        self
    }

    /// Runs it to its end and gives what it wrote to stdout.
    pub(crate) async fn output(self) -> Result<String, Failed> {
        let mut out = String::new();
        self.lines(|line| {
            if let Line::Out(text) = line {
                out.push_str(text);
                out.push('\n');
            }
        })
        .await?;
        Ok(out)
    }

    /// Runs it to its end, telling each line of its output as it comes.
    pub(crate) async fn lines(mut self, mut tell: impl FnMut(Line<'_>)) -> Result<(), Failed> {
        let mut child = match self.command.spawn() {
            Ok(child) => child,
            Err(error) => return Err(self.failed("could not be started".into(), String::new(), Some(error))),
        };
        let (mut out, mut err) = readers(&mut child);
        let mut tail = VecDeque::with_capacity(TAIL);
        while out.is_some() || err.is_some() {
            let (line, is_err) = tokio::select! {
                line = next(&mut out) => (line, false),
                line = next(&mut err) => (line, true),
            };
            let Some(line) = line else {
                if is_err {
                    err = None
                } else {
                    out = None
                }
                continue;
            };
            if is_err {
                tell(Line::Err(&line));
                if tail.len() == TAIL {
                    tail.pop_front();
                }
                tail.push_back(line);
            } else {
                tell(Line::Out(&line));
            }
        }
        let tail = tail.make_contiguous().join("\n");
        match child.wait().await {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(self.failed(status.to_string(), tail, None)),
            Err(error) => Err(self.failed("could not be waited for".into(), tail, Some(error))),
        }
    }

    /// Starts it and leaves it running, its output going to `log`.
    pub(crate) fn start(mut self, log: std::fs::File) -> Result<Child, Failed> {
        let started = log
            .try_clone()
            .and_then(|copy| self.command.stdout(copy).stderr(log).spawn());
        started.map_err(|error| self.failed("could not be started".into(), String::new(), Some(error)))
    }

    fn failed(&self, ended: String, tail: String, start: Option<io::Error>) -> Failed {
        Failed {
            command: self.words.join(" "),
            folder: self.folder.clone(),
            ended,
            tail,
            start,
        }
    }
}

type Reader = Option<Lines<BufReader<Box<dyn AsyncRead + Send + Unpin>>>>;

fn readers(child: &mut Child) -> (Reader, Reader) {
    let lines = |pipe: Box<dyn AsyncRead + Send + Unpin>| BufReader::new(pipe).lines();
    (
        child.stdout.take().map(|pipe| lines(Box::new(pipe))),
        child.stderr.take().map(|pipe| lines(Box::new(pipe))),
    )
}

/// The next line; `None` at the end, or where it cannot be read on.
async fn next(reader: &mut Reader) -> Option<String> {
    match reader {
        Some(lines) => lines.next_line().await.ok().flatten(),
        None => std::future::pending().await,
    }
}

fn quoted(word: &OsStr) -> String {
    let text = word.to_string_lossy();
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./=:,+@%".contains(letter);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_can_be_pasted_and_shows_the_end_of_stderr() {
        let error = Process::new("sh")
            .args(["-c", "echo early; seq 30 >&2; exit 3"])
            .output()
            .await
            .unwrap_err();
        assert_eq!(error.command, "sh -c 'echo early; seq 30 >&2; exit 3'");
        assert_eq!(error.ended, "exit status: 3");
        assert!(error.tail.starts_with("11\n") && error.tail.ends_with("\n30"));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_told_from_one_that_fails() {
        let error = Process::new("/nowhere/program").output().await.unwrap_err();
        assert!(error.is_missing());
    }
}
