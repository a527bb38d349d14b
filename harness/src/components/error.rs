//! Why a component could not be had.

use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};

use super::names;
use crate::{command, nearest, places, wait};

/// Why a component could not be had; each text follows "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder of the cache is not known.
    #[error(transparent)]
    Places(#[from] places::Error),
    /// A name that nothing has.
    #[error("find a component named {name}{}", meant(nearest.as_ref(), known))]
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
        /// What is wrong with it.
        source: io::Error,
    },
    /// A program was asked for that was not among the wanted ones.
    #[error("give {name}, which was not asked for when components were made")]
    NotWanted {
        /// The program or component.
        name: String,
    },
    /// A tool that makes components is not on this machine.
    #[error(
        "run {tool}, which makes {component}: install {remedy}, or give the programs by --component NAME=FILE"
    )]
    NoTool {
        /// The tool.
        tool: &'static str,
        /// What was to be made.
        component: String,
        /// Where the tool comes from.
        remedy: &'static str,
        /// How the attempt to run it ended.
        source: io::Error,
    },
    /// What a component is made of could not be fetched.
    #[error(
        "fetch {what} for {component}; is the registry reachable? Programs that are there already can be given by \
         --component NAME=FILE ({programs})"
    )]
    Fetch {
        /// The component.
        component: String,
        /// What was being fetched.
        what: String,
        /// The programs that could be given instead.
        programs: String,
        /// How the command that fetches ended.
        source: command::Error,
    },
    /// A build failed.
    #[error("build {component}")]
    Build {
        /// The component.
        component: String,
        /// How the command ended.
        source: command::Error,
    },
    /// The disk is full.
    #[error("write to {}: no space is left there", folder.display())]
    DiskFull {
        /// Where.
        folder: PathBuf,
    },
    /// A file or folder of the cache could not be used.
    #[error("{what} {}", path.display())]
    File {
        /// What was attempted.
        what: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// Another run holds a cache entry and does not finish it.
    #[error("make {component}, which another run is making")]
    Held {
        /// The component.
        component: String,
        /// Who holds it, and how long it was waited for.
        source: wait::Error<Infallible>,
    },
    /// A program's libraries could not be found out.
    #[error("read {} as a program", path.display())]
    Program {
        /// The program or library.
        path: PathBuf,
        /// What is wrong with it.
        source: object::Error,
    },
    /// A library that a program needs is not in the packages.
    #[error("find {library}, which {needed_by} needs, among the distribution's packages")]
    Library {
        /// The library.
        library: String,
        /// What needs it.
        needed_by: String,
    },
    /// A build ended well and did not give what it is for.
    #[error("find {program} among what building {component} gave")]
    Incomplete {
        /// The component.
        component: String,
        /// What is missing.
        program: String,
    },
}

/// Names the nearest known name, or all of them if none is near.
fn meant(nearest: Option<&String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": is it `{nearest}`?"),
        None => format!(": the components are {}", known.join(", ")),
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

    /// For `map_err`: something was attempted on a file.
    pub(crate) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => Self::DiskFull {
                folder: path.parent().unwrap_or(&path).to_owned(),
            },
            _ => Self::File { what, path, source },
        }
    }

    /// For `map_err`: a command that builds failed.
    pub(super) fn build(component: &str, folder: &Path) -> impl FnOnce(command::Error) -> Self {
        let component = component.to_owned();
        let folder = folder.to_owned();
        move |source| {
            if source.is_disk_full() {
                Self::DiskFull { folder }
            } else {
                Self::Build { component, source }
            }
        }
    }
}
