//! Commands of the machine in a sandbox's network.
//!
//! Such a command sees the machine's files and processes as they are; its network is the sandbox's, so loopback
//! ports of the sandbox are its own. It ends with the sandbox, as does all that it left running.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use provision::command::Command;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Spec, cgroup, supervisor};

/// The command line's hidden command that enters.
pub const COMMAND: &str = "sandbox-enter";

/// The place of such commands below the run's cgroup subtree.
const PLACE: &str = "command";

/// Returns a command that runs `words`, a program and its arguments, in the network of the sandbox whose run folder
/// is `folder`.
pub fn command(folder: &Path, words: &[OsString]) -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(folder)
        .arg("--")
        .args(words))
}

/// An error in running a command in a sandbox's network.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no sandbox there, or no way into it.
    #[error("enter the sandbox of {}", folder.display())]
    Sandbox {
        /// Its run folder.
        folder: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// The program cannot be run.
    #[error("run {program}")]
    Program {
        /// The program.
        program: String,
        /// The underlying error.
        source: io::Error,
    },
}

/// Becomes the command; returns only if it cannot.
///
/// The calling thread has to be the only one: the others would stay in the machine's network.
pub fn run(folder: &Path, program: &OsStr, arguments: &[OsString]) -> Result<Infallible, Error> {
    enter(folder).map_err(|source| Error::Sandbox {
        folder: folder.to_owned(),
        source,
    })?;
    Err(Error::Program {
        program: program.to_string_lossy().into_owned(),
        source: std::process::Command::new(program).args(arguments).exec(),
    })
}

/// Moves the calling thread into the sandbox's network and below its cgroups.
fn enter(folder: &Path) -> io::Result<()> {
    let spec = Spec::read(folder)?;
    cgroup::enter(&spec.cgroup, PLACE)?;
    let network = supervisor::network(folder)?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}
