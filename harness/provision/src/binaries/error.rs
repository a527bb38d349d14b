//! Errors of binaries.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use super::names;
use crate::{command, nearest, places, wait};

/// Errors of binaries. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the cache is not known.
    #[error(transparent)]
    Places(#[from] places::Error),
    /// A name that nothing has.
    #[error("find a binary named {name}{}", meant(nearest.as_ref(), known))]
    Unknown {
        /// As it was given.
        name: String,
        /// The nearest known one, where one is near.
        nearest: Option<String>,
        /// All that are known.
        known: Vec<String>,
    },
    /// A file given in place of a program cannot be run.
    #[error("use {} as {name}", file.display())]
    Override {
        /// The program.
        name: String,
        /// The file.
        file: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// A program was asked for that was not among the wanted ones.
    #[error("give {name}, which was not asked for when binaries were made")]
    NotWanted {
        /// The program or pin.
        name: String,
    },
    /// A tool that builds binaries is not on this machine.
    #[error("run {tool}, which makes {pin}: install {remedy}, or give the programs by --binary NAME=FILE")]
    NoTool {
        /// The tool.
        tool: &'static str,
        /// The pin whose binaries were to be built.
        pin: String,
        /// The source from which the tool can be installed.
        remedy: &'static str,
        /// The error of the attempt to run it.
        source: io::Error,
    },
    /// A source of binaries could not be fetched.
    #[error(
        "fetch {what} for {pin}; is the registry reachable? Programs that are there already can be given by \
         --binary NAME=FILE ({programs})"
    )]
    Fetch {
        /// The pin.
        pin: String,
        /// The source that could not be fetched.
        what: String,
        /// The programs that could be given instead.
        programs: String,
        /// The error of the command that fetches.
        source: command::Error,
    },
    /// A build failed.
    #[error("build {pin}")]
    Build {
        /// The pin.
        pin: String,
        /// The error of the command.
        source: command::Error,
    },
    /// The disk is full.
    #[error("write to {}: no space is left there", folder.display())]
    DiskFull {
        /// The folder on that disk.
        folder: PathBuf,
    },
    /// A file or folder of the cache could not be used.
    #[error("{what} {}", path.display())]
    File {
        /// The action that failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// Another run holds a cache entry and does not finish it.
    #[error("make {name}, which another run is making")]
    Held {
        /// The entry, as its folder is named.
        name: String,
        /// The wait that ended, with the holder of the entry and the time.
        source: wait::Error<Infallible>,
    },
    /// A program's libraries could not be found out.
    #[error("read {} as a program", path.display())]
    Program {
        /// The program or library.
        path: PathBuf,
        /// The underlying error.
        source: object::Error,
    },
    /// A library that a program needs is not in the packages.
    #[error("find {library}, which {needed_by} needs, among the distribution's packages")]
    Library {
        /// The library.
        library: String,
        /// The program that needs it.
        needed_by: String,
    },
    /// A build succeeded without the program that it is for.
    #[error("find {program} among what building {pin} gave")]
    Incomplete {
        /// The pin.
        pin: String,
        /// The program that is missing.
        program: String,
    },
}

/// Names the nearest known name, or all of them if none is near.
fn meant(nearest: Option<&String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": is it `{nearest}`?"),
        None => format!(": the binaries are {}", known.join(", ")),
    }
}

impl Error {
    pub(super) fn unknown(name: &str) -> Self {
        let known: Vec<String> = names().into_iter().collect();
        Self::Unknown {
            name: name.to_owned(),
            nearest: nearest::to(name, known.iter().cloned()),
            known,
        }
    }

    /// Returns a function for `map_err`: an action on a file failed.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull {
                folder: path.parent().unwrap_or(&path).to_owned(),
            },
            _ => Self::File { what, path, source },
        }
    }

    /// Returns a function for `map_err`: a command that builds failed.
    pub(super) fn build(pin: &str, folder: &Path) -> impl FnOnce(command::Error) -> Self {
        let pin = pin.to_owned();
        let folder = folder.to_owned();
        move |source| {
            if source.is_disk_full() {
                Self::DiskFull { folder }
            } else {
                Self::Build { pin, source }
            }
        }
    }
}
