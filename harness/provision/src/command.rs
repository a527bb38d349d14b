//! External commands. Their errors include their output.
//!
//! A [`Command`] is data: it prints as a line that can be pasted into a shell, before it runs and in the error when
//! it fails. It runs in a process group of its own, so that Ctrl-C reaches the harness alone and ending the command
//! ends everything it started.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::Child;

use crate::wait;

pub use self::group::{Group, end_all};

/// Process groups.
mod group;

/// The number of a failed command's last lines that its error keeps.
///
/// Go's and cargo's errors fit. More lines would push the earlier output off a terminal of usual height.
const TAIL_LINES: usize = 20;

/// An external command and everything it runs with.
#[derive(Clone, PartialEq, Eq)]
#[must_use = "a command does nothing until it is run"]
pub struct Command {
    program: OsString,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    without: Vec<OsString>,
    directory: Option<PathBuf>,
    input: Vec<u8>,
    at_most: Option<Duration>,
}

impl Command {
    /// Creates a run of `program`: a path, or a name to look up in `PATH`.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            arguments: Vec::new(),
            environment: Vec::new(),
            without: Vec::new(),
            directory: None,
            input: Vec::new(),
            at_most: None,
        }
    }

    /// Creates a run of cargo that reuses earlier builds even if cargo started the harness.
    ///
    /// `cargo run` describes the program's package in variables. Build scripts that watch those (ring's does) would
    /// run again, and with them all that depends on them.
    pub fn cargo() -> Self {
        Self::new("cargo").without_cargos_variables()
    }

    /// Leaves out the variables by which `cargo run` describes this program to it.
    pub fn without_cargos_variables(mut self) -> Self {
        let described = |variable: &OsString| {
            let variable = variable.to_string_lossy();
            variable == "CARGO"
                || variable.starts_with("CARGO_PKG_")
                || variable.starts_with("CARGO_MANIFEST_")
        };
        self.without = std::env::vars_os()
            .map(|(variable, _)| variable)
            .filter(described)
            .collect();
        self
    }

    /// Adds one argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments
            .extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets a variable; the others are inherited.
    pub fn env(mut self, variable: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((variable.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Runs in `directory` instead of the current one.
    pub fn directory(mut self, directory: impl AsRef<Path>) -> Self {
        self.directory = Some(directory.as_ref().to_owned());
        self
    }

    /// Gives it `input` to read; without, it reads nothing.
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// Ends it, as a failure, when it takes longer than `limit`.
    pub fn at_most(mut self, limit: Duration) -> Self {
        self.at_most = Some(limit);
        self
    }

    /// Runs it to its end and returns its standard output.
    ///
    /// Dropping the future ends the command and all that it started.
    pub async fn run(&self) -> Result<Vec<u8>, Error> {
        self.succeed(&mut |_| {}).await
    }

    /// Runs it to its end and returns its standard output as text, without the white space around it.
    pub async fn text(&self) -> Result<String, Error> {
        Ok(String::from_utf8_lossy(&self.run().await?).trim().to_owned())
    }

    /// Runs it to its end like [`Command::run`], telling each line that it writes as it comes, for progress.
    pub async fn run_telling(&self, mut line: impl FnMut(Line<'_>) + Send) -> Result<Vec<u8>, Error> {
        self.succeed(&mut line).await
    }

    /// Starts it and leaves it running until the group is dropped. Its output goes to `log`.
    pub fn start(&self, log: &File) -> Result<Group, Error> {
        let start = || {
            let mut command = self.prepare();
            command.stdout(log.try_clone()?).stderr(log.try_clone()?);
            Group::spawn(&mut command)
        };
        start().map_err(|source| Error::Run {
            command: self.to_string(),
            source,
        })
    }

    /// Starts it in front of the user: with this process's terminal, input, output and process group, so that Ctrl-C
    /// reaches it too. Dropping the child ends it.
    pub fn start_in_front(&self) -> Result<Child, Error> {
        let mut command = self.prepare();
        command
            .stdin(Stdio::inherit())
            .stdout(Stdio::inherit())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        command.spawn().map_err(|source| Error::Run {
            command: self.to_string(),
            source,
        })
    }

    /// Runs it to its end and returns its output, even if it failed.
    pub async fn finish(&self) -> Result<Finished, Error> {
        self.run_bounded(&mut |_| {}).await
    }

    async fn succeed(&self, line: &mut (dyn FnMut(Line<'_>) + Send)) -> Result<Vec<u8>, Error> {
        let finished = self.run_bounded(line).await?;
        if finished.status.success() {
            return Ok(finished.stdout);
        }
        let said = if finished.stderr.is_empty() {
            &finished.stdout
        } else {
            &finished.stderr
        };
        Err(Error::Failed {
            command: self.to_string(),
            status: finished.status,
            said: tail(said),
        })
    }

    async fn run_bounded(&self, line: &mut (dyn FnMut(Line<'_>) + Send)) -> Result<Finished, Error> {
        let mut stderr = Vec::new();
        let work = self.run_to_end(line, &mut stderr);
        let finished = match self.at_most {
            None => work.await,
            Some(limit) => {
                if let Some(finished) = wait::at_most(limit, work).await {
                    finished
                } else {
                    let said = tail(&stderr);
                    return Err(Error::TooSlow {
                        command: self.to_string(),
                        limit,
                        said,
                    });
                }
            }
        };
        let (status, stdout) = finished.map_err(|source| Error::Run {
            command: self.to_string(),
            source,
        })?;
        Ok(Finished {
            status,
            stdout,
            stderr,
        })
    }

    async fn run_to_end(
        &self,
        line: &mut (dyn FnMut(Line<'_>) + Send),
        stderr: &mut Vec<u8>,
    ) -> io::Result<(ExitStatus, Vec<u8>)> {
        let mut command = self.prepare();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut group = Group::spawn(&mut command)?;
        let (input, output, errors) = (
            group.child.stdin.take(),
            group.child.stdout.take(),
            group.child.stderr.take(),
        );
        let feed = async {
            if let Some(mut stdin) = input {
                // A command that ends without reading its input says by its exit code whether that was right.
                let _closed_early = stdin.write_all(&self.input).await;
            }
            Ok(())
        };
        let mut stdout = Vec::new();
        let line = Mutex::new(line);
        let tell = |said: Line<'_>| line.lock().unwrap_or_else(PoisonError::into_inner)(said);
        let ((), (), ()) = tokio::try_join!(
            feed,
            collect(output, &mut stdout, |said| tell(Line::Out(said))),
            collect(errors, stderr, |said| tell(Line::Err(said)))
        )?;
        Ok((group.wait().await?, stdout))
    }

    fn prepare(&self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(&self.program);
        command.args(&self.arguments).stdin(if self.input.is_empty() {
            Stdio::null()
        } else {
            Stdio::piped()
        });
        for variable in &self.without {
            command.env_remove(variable);
        }
        command.envs(self.environment.iter().map(|(variable, value)| (variable, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// A line that a command wrote, and where to.
#[derive(Clone, Copy, Debug)]
pub enum Line<'a> {
    /// To standard output.
    Out(&'a str),
    /// To standard error.
    Err(&'a str),
}

/// Prints as a line for a POSIX shell.
impl fmt::Display for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(directory) = &self.directory {
            write!(formatter, "cd {} && ", quoted(directory.as_os_str()))?;
        }
        for variable in &self.without {
            write!(formatter, "env -u {} ", quoted(variable))?;
        }
        for (variable, value) in &self.environment {
            write!(formatter, "{}={} ", variable.to_string_lossy(), quoted(value))?;
        }
        formatter.write_str(&quoted(&self.program))?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(formatter, " {}", quoted(argument)))
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Command({self})")
    }
}

/// The result of a command that ran to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    /// The exit status.
    pub status: ExitStatus,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

/// Errors of a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It could not be started, or its pipes failed.
    #[error("run `{command}`")]
    Run {
        /// The command, to be pasted.
        command: String,
        /// The underlying error.
        source: io::Error,
    },
    /// It ended with an exit code other than 0, or by a signal.
    #[error("run `{command}`: {status}{said}")]
    Failed {
        /// The command, to be pasted.
        command: String,
        /// The exit code or signal.
        status: ExitStatus,
        /// The end of its standard error.
        said: Tail,
    },
    /// It was ended because it took too long.
    #[error("run `{command}`: ended after {:.1}s{said}", limit.as_secs_f64())]
    TooSlow {
        /// The command, to be pasted.
        command: String,
        /// The time that it had.
        limit: Duration,
        /// The end of its standard error.
        said: Tail,
    },
}

impl Error {
    /// Returns true if the program is not there at all.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Run { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Returns the end of its standard error, or nothing if it did not run.
    #[must_use]
    pub fn said(&self) -> String {
        match self {
            Self::Run { .. } => String::new(),
            Self::Failed { said, .. } | Self::TooSlow { said, .. } => said.0.join("\n"),
        }
    }

    /// Returns true if it failed for want of room on a disk.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        self.said().contains("o space left on device")
    }
}

/// The last lines that a command wrote, printed indented below its error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tail(pub Vec<String>);

impl fmt::Display for Tail {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|line| write!(formatter, "\n    {line}"))
    }
}

/// Returns the last lines of `text`, without empty ones.
#[must_use]
pub fn tail(text: &[u8]) -> Tail {
    let text = String::from_utf8_lossy(text);
    let mut lines: Vec<String> = text
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(TAIL_LINES)
        .map(str::to_owned)
        .collect();
    lines.reverse();
    Tail(lines)
}

/// Returns the last `count` lines of `text`, as they stand.
#[must_use]
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    lines[lines.len().saturating_sub(count)..].concat()
}

async fn collect(
    from: Option<impl AsyncRead + Unpin>,
    into: &mut Vec<u8>,
    mut line: impl FnMut(&str),
) -> io::Result<()> {
    let Some(from) = from else { return Ok(()) };
    let mut from = BufReader::new(from);
    loop {
        let start = into.len();
        if from.read_until(b'\n', into).await? == 0 {
            return Ok(());
        }
        line(String::from_utf8_lossy(&into[start..]).trim_end());
    }
}

/// Returns `word` as a POSIX shell reads it back.
fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,@%+".contains(character);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str) -> Command {
        Command::new("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn what_it_prints_comes_back() {
        assert_eq!(shell("echo  out; echo err >&2").text().await.unwrap(), "out");
    }

    #[tokio::test]
    async fn it_reads_its_input_and_its_variables() {
        let command = shell("cat; echo $WORD").input("read, ").env("WORD", "a word");
        assert_eq!(command.text().await.unwrap(), "read, a word");
    }

    #[tokio::test]
    async fn a_failure_can_be_pasted_and_says_what_the_command_said() {
        let error = shell("echo 'no such chart' >&2; exit 3")
            .env("A", "it's")
            .run()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "run `A='it'\\''s' sh -c 'echo '\\''no such chart'\\'' >&2; exit 3'`: exit status: 3\n    no such chart"
        );
    }

    #[tokio::test]
    async fn a_missing_program_is_distinguished() {
        assert!(
            Command::new("no-such-program")
                .run()
                .await
                .unwrap_err()
                .is_missing()
        );
    }

    #[tokio::test]
    async fn a_slow_command_is_ended_with_all_it_started() {
        let started = Instant::now();
        let command = shell("echo waiting >&2; sleep 60 & wait").at_most(Duration::from_millis(200));
        let error = command.run().await.unwrap_err();
        assert!(
            error.to_string().ends_with("ended after 0.2s\n    waiting"),
            "{error}"
        );
        assert!(started.elapsed() < Duration::from_secs(5));
    }

    #[tokio::test]
    async fn lines_are_reported_as_they_come() {
        let mut lines = Vec::new();
        let out = shell("echo one >&2; echo out; echo two >&2")
            .run_telling(|line| {
                if let Line::Err(text) = line {
                    lines.push(text.to_owned());
                }
            })
            .await
            .unwrap();
        assert_eq!(
            (lines, out),
            (vec!["one".to_owned(), "two".to_owned()], b"out\n".to_vec())
        );
    }
}
