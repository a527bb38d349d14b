//! The codes that a command exits with. Scripts depend on them.

use std::process::ExitCode;

use crate::report::Outcome;

/// What a command came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// It did what it was asked for; scenarios that ran passed.
    Passed = 0,
    /// A scenario failed.
    Failed = 1,
    /// It was asked for something that there is not, or that makes no sense; nothing was done.
    Usage = 2,
    /// It could not run, or not to its end.
    CouldNotRun = 3,
    /// All passed, and something was left behind.
    LeftBehind = 4,
}

/// The codes as `--help` lists them.
pub const HELP: &str = "Exit codes:
  0  passed
  1  a scenario failed
  2  wrong usage or configuration; nothing was done
  3  could not run, or not to its end
  4  passed, but something was left behind";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::LeftBehind => Self::LeftBehind,
            Outcome::Failed => Self::Failed,
            Outcome::CouldNotRun => Self::CouldNotRun,
        }
    }
}
