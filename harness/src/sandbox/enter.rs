//! Commands of the machine in a sandbox's network.
//!
//! Such a command sees the machine's files and processes as they are; its network is the sandbox's, so loopback
//! ports of the sandbox are its own. It ends with the sandbox, as does all that it left running.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::{Spec, cgroup, supervisor};
use crate::command::Command;

/// The command line's hidden command that enters.
pub const COMMAND: &str = "sandbox-enter";

/// Where such commands are below the run's cgroup subtree.
const PLACE: &str = "command";

/// What runs `words`, a program and its arguments, in the network of the sandbox whose run folder is `folder`.
pub fn command(folder: &Path, words: &[OsString]) -> io::Result<Command> {
    Ok(Command::new(std::env::current_exe()?)
        .arg(COMMAND)
        .arg(folder)
        .arg("--")
        .args(words))
}

/// Becomes the command; returns only if it cannot.
///
/// The calling thread has to be the only one: the others would stay in the machine's network.
pub fn run(folder: &Path, program: &OsStr, arguments: &[OsString]) -> io::Result<Infallible> {
    let spec = Spec::read(folder)?;
    cgroup::enter(&spec.cgroup, PLACE)?;
    let network = supervisor::network(folder)?;
    move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network))?;
    Err(std::process::Command::new(program).args(arguments).exec())
}
