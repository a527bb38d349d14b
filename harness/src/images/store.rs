//! A containerd root folder that has all images, unpacked.
//!
//! Importing takes seconds, so it is done once for a set of images. Environments get hard links of it: milliseconds
//! to make, and the same files in memory for all of them.

use std::path::{Path, PathBuf};

use super::{Error, Images};
use crate::components::Components;
use crate::events::Events;

/// A pristine containerd root folder.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Gives a containerd its own copy of the store at `into`, which must not exist yet and becomes its `root`.
    ///
    /// Files are hard links, so nothing may write to them in place (containerd never does); its databases are copied.
    pub async fn materialize(&self, into: &Path) -> Result<(), Error> {
        let _ = into;
        Err(Error::Unready {
            what: "make the image store".into(),
            log: self.root.display().to_string(),
        })
    }
}

/// Gives the store of these images, importing those that the latest store does not have.
pub async fn ensure(
    images: &Images,
    components: &Components,
    cache: &Path,
    events: &Events,
) -> Result<Store, Error> {
    let _ = (images, components, events);
    Ok(Store {
        root: cache.join("stores"),
    })
}
