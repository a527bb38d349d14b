//! Errors of images.

use std::io;
use std::path::{Path, PathBuf};

use super::node_image;
use crate::{binaries, command};

/// Errors of images. Each text follows "failed to".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program that goes into an image, or the cache that keeps images, could not be used.
    #[error(transparent)]
    Binary(#[from] binaries::Error),
    /// A program is for an image that has no more than it, and needs more.
    #[error(
        "use {} in an image: it is linked dynamically, by {loader}, and an image has the program alone; link it statically",
        program.display()
    )]
    Linked {
        /// The program.
        program: PathBuf,
        /// The loader that it would have to find.
        loader: String,
    },
    /// A node's image could not be built.
    #[error(transparent)]
    Node(#[from] Box<node_image::Error>),
    /// An image could not be pushed.
    #[error("push {name}; is the registry reachable, and may this user push (docker login)?")]
    Push {
        /// The image.
        name: String,
        /// The error of the command.
        source: command::Error,
    },
    /// A file could not be used.
    #[error("{what} {}", path.display())]
    File {
        /// The action that failed.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The underlying error.
        source: io::Error,
    },
    /// A description of an image could not be created.
    #[error("describe the image {name}")]
    Description {
        /// The image.
        name: String,
        /// The underlying error.
        source: oci_spec::OciSpecError,
    },
    /// A file changed while it was written into an image.
    #[error("write the image {name}: a program changed meanwhile")]
    Changed {
        /// The image.
        name: String,
    },
    /// A containerd of the harness refused a request.
    #[error("{what}")]
    Containerd {
        /// The action that was requested.
        what: String,
        /// The error of the command.
        source: command::Error,
    },
    /// A containerd of ours did not come up or go down.
    #[error("{what}; its log ends with\n{log}")]
    Unready {
        /// The state that did not come.
        what: String,
        /// The end of its log.
        log: String,
    },
    /// Writing was cut off.
    #[error("write the image {name}")]
    Stopped {
        /// The image.
        name: String,
        /// The underlying error.
        source: tokio::task::JoinError,
    },
}

impl Error {
    /// Returns a function for `map_err`: an action on a file failed.
    pub(super) fn file(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull => {
                let folder = path.parent().unwrap_or(&path).to_owned();
                binaries::Error::DiskFull { folder }.into()
            }
            _ => Self::File { what, path, source },
        }
    }

    /// Returns a function for `map_err`: a task that wrote an image was cut off.
    pub(super) fn stopped(name: &str) -> impl FnOnce(tokio::task::JoinError) -> Self {
        let name = name.to_owned();
        move |source| Self::Stopped { name, source }
    }
}
