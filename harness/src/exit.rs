//! The codes that a command exits with. Scripts depend on them.

use std::process::ExitCode;

/// The outcome of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked for, and all scenarios that ran passed.
    Passed,
    /// A scenario failed.
    Failed,
    /// The request names something that does not exist, or makes no sense. Nothing was done.
    Usage,
    /// It could not run, or not to its end.
    CouldNotRun,
    /// All passed, and something was left behind.
    LeftBehind,
    /// It ran a command of the user's, which exited with this code.
    Command(u8),
}

impl Exit {
    /// Returns the code.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::CouldNotRun => 3,
            Self::LeftBehind => 4,
            Self::Command(code) => code,
        }
    }
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
        Self::from(exit.code())
    }
}
