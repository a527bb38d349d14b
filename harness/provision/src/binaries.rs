//! The programs that are run and were not written here.
//!
//! Takes names of programs; gives a path for each. What is missing is built from Go modules, unpacked from the
//! distribution's packages or built from this workspace, once, into a cache that any number of runs share.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::future::try_join_all;
use tokio::sync::Semaphore;

use crate::events::Events;
use crate::pins::Kubernetes;
use crate::pins::{GoPin, pins};

pub(crate) use debian::loader;
pub use debian::{DEBIAN, DOCKER, Debian, Iptables};
pub use error::Error;
pub use request::{Options, Verify, Wanted};

/// The request, resolved to binaries.
mod request;

/// The shared cache: keys, locks, damage.
pub(crate) mod cache;

/// Built from Go modules.
mod golang;

/// Unpacked from the distribution's packages.
mod debian;

/// Built from this workspace.
mod workspace;

/// The progress of a build, and the time that it will take.
mod progress;

/// Errors of binaries.
mod error;

/// The stage's name in events and reports.
pub const STAGE: &str = "binaries";

/// The folder of the cache. Caches that exist already have this name.
const FOLDER: &str = "components";

/// The number of builds that run side by side. Each already keeps several cores busy, and two of them fill each
/// other's gaps.
const SIDE_BY_SIDE: usize = 2;

/// A program's path and content hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The path of the program.
    pub path: PathBuf,
    /// Its content's SHA-256, in hexadecimal.
    pub sha256: String,
}

/// Programs that are there and can be run.
#[derive(Clone, Debug, Default)]
pub struct Binaries {
    kubernetes: Kubernetes,
    programs: BTreeMap<String, Program>,
    folders: BTreeMap<String, PathBuf>,
    debian: BTreeMap<String, Debian>,
}

impl Binaries {
    /// Returns the Kubernetes version of the binaries.
    #[must_use]
    pub fn kubernetes(&self) -> Kubernetes {
        self.kubernetes
    }

    /// Returns the path of a program, such as `kube-apiserver`.
    pub fn program(&self, name: &str) -> Result<&Path, Error> {
        self.found(name).map(|program| program.path.as_path())
    }

    /// Returns the path and the content hash of a program.
    pub fn found(&self, name: &str) -> Result<&Program, Error> {
        self.programs.get(name).ok_or_else(|| Error::NotWanted {
            name: name.to_owned(),
        })
    }

    /// Returns true if a program is there.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.programs.contains_key(name)
    }

    /// Returns the folder of a pin that is kept besides its programs: `dapr`'s is its chart.
    pub fn folder(&self, pin: &str) -> Result<&Path, Error> {
        let found = self.folders.get(pin);
        found
            .map(PathBuf::as_path)
            .ok_or_else(|| Error::NotWanted { name: pin.to_owned() })
    }

    /// Returns the distribution's packages of this name in `pins.toml`, with the environment that their programs run
    /// in.
    pub fn debian(&self, name: &str) -> Result<&Debian, Error> {
        self.debian.get(name).ok_or_else(|| Error::NotWanted {
            name: name.to_owned(),
        })
    }
}

/// Ensures that the wanted programs exist.
///
/// `cache` is the folder that binaries, images and stores share. Cached and undamaged binaries are used as they
/// are, without asking Go or apt for more than a version. All others are built side by side. If another run builds
/// the same, it is waited for.
pub async fn ensure(
    cache: &Path,
    wanted: &Wanted,
    options: &Options,
    events: &Events,
) -> Result<Binaries, Error> {
    let request = request::Request::resolve(wanted, options)?;
    let cache = cache::Cache {
        folder: cache.join(FOLDER),
        verify: options.verify,
    };
    let turns = Arc::new(Semaphore::new(SIDE_BY_SIDE));
    let (built, debian, ours) = futures::try_join!(
        try_join_all(
            request
                .go
                .iter()
                .map(|pin| golang::ensure(pin, &cache, &turns, events))
        ),
        try_join_all(request.debian.iter().map(async |pin| {
            let unpacked = debian::ensure(pin, &cache, events).await?;
            Ok((pin.name.clone(), unpacked))
        })),
        workspace::ensure(&request.ours, &turns, events),
    )?;

    let mut binaries = Binaries {
        kubernetes: options.kubernetes,
        debian: debian.into_iter().collect(),
        ..Binaries::default()
    };
    for module in built {
        binaries.programs.extend(module.programs);
        binaries
            .folders
            .extend(module.folder.map(|folder| (module.name, folder)));
    }
    for debian in binaries.debian.values() {
        binaries.programs.extend(debian.programs());
    }
    binaries.programs.extend(ours);
    binaries.programs.extend(request.overrides);
    Ok(binaries)
}

/// Returns the names of all programs that can be asked for or replaced by a file.
#[must_use]
pub fn names() -> BTreeSet<String> {
    // Every Kubernetes has the same programs.
    let go = pins().go(Kubernetes::default()).flat_map(GoPin::names);
    let debian = pins().debian.iter().flat_map(|pin| pin.programs.iter().cloned());
    go.chain(debian)
        .chain(pins().cargo.programs.iter().cloned())
        .chain(pins().given.programs.iter().cloned())
        .collect()
}
