//! A containerd root folder that has all images, unpacked.
//!
//! Importing takes seconds, so it is done once for a set of images. Environments get hard links to it: they take
//! milliseconds to create, and the same files are in memory for all environments.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::{Archive, Error, Images, STAGE};
use crate::binaries::Binaries;
use crate::binaries::cache::{Cache, CacheEntry, Inputs, Lookup, Reservation};
use crate::events::Events;

/// A containerd that imports images and then ends.
mod importer;

/// Copies of a root folder that share its files.
mod links;

use importer::Importer;

/// Changes when the way of importing does, so that stores of the old one are not taken for the new one's.
const LAYOUT: &str = "1";

/// The entries' name in the cache.
const NAME: &str = "store";

/// The root folder in an entry.
const ROOT: &str = "root";

/// The number of stores that are kept: the one in use and the one in use before.
const KEPT: usize = 2;

/// A pristine containerd root folder.
#[derive(Clone, Debug)]
pub struct Store {
    cache: Cache,
    root: PathBuf,
}

impl Store {
    /// Gives a containerd its own copy of the store at `into`, which must not exist yet and becomes its `root`.
    ///
    /// Files are hard links where the disk is the same, so nothing may write to them in place (containerd never
    /// does); its databases are copied.
    pub async fn materialize(&self, into: &Path) -> Result<(), Error> {
        let (from, into, cache) = (self.root.clone(), into.to_owned(), self.cache.clone());
        let target = into.display().to_string();
        let linking = tokio::task::spawn_blocking(move || {
            let _guard = reading(&cache)?;
            links::copy(&from, &into).map_err(Error::file("copy the image store to", &into))
        });
        linking.await.map_err(Error::stopped(&target))?
    }
}

/// Gives the store of these images, importing those that the latest store does not have.
///
/// Needs root: unpacking is mounting. The mounts are in a namespace of their own.
pub async fn ensure(
    images: &Images,
    binaries: &Binaries,
    cache: &Path,
    events: &Events,
) -> Result<Store, Error> {
    let cache = Cache {
        folder: cache.join("stores"),
        verify: crate::binaries::Verify::Cheaply,
    };
    let inputs = Inputs::default()
        .with("layout", LAYOUT)
        .with("containerd", &binaries.found("containerd")?.sha256)
        .with("images", names(images).join("\n"));
    let entry = match cache.look_up(NAME, &inputs, STAGE, events).await? {
        Lookup::Found(entry) => entry,
        Lookup::Missing(reservation) => {
            make(&cache, &reservation, images, binaries, events).await?;
            let entry = reservation.fill(inputs, names(images)).await?;
            // Not while another run copies one of them; a later run prunes then.
            if let Ok(lock) = lock_file(&cache)
                && lock.try_lock().is_ok()
            {
                cache.prune(NAME, KEPT)?;
            }
            entry
        }
    };
    Ok(Store {
        root: entry.folder.join(ROOT),
        cache,
    })
}

/// Fills an empty folder, which becomes a containerd's root, with images.
pub async fn fill(images: &Images, binaries: &Binaries, root: &Path, events: &Events) -> Result<(), Error> {
    fs::create_dir_all(root).map_err(Error::file("create", root))?;
    let missing: Vec<&Archive> = images.archives.iter().collect();
    let importer = Importer::start(binaries, root).await?;
    import(&importer, &missing, events).await?;
    importer.stop().await?;
    links::strip(root).map_err(Error::file("clear", root))
}

async fn import(importer: &Importer, missing: &[&Archive], events: &Events) -> Result<(), Error> {
    for (done, archive) in missing.iter().enumerate() {
        events.progress(
            STAGE,
            format!("importing {} ({} of {})", archive.name, done + 1, missing.len()),
        );
        importer.import(archive).await?;
    }
    Ok(())
}

async fn make(
    cache: &Cache,
    reservation: &Reservation,
    images: &Images,
    binaries: &Binaries,
    events: &Events,
) -> Result<(), Error> {
    let root = reservation.folder().join(ROOT);
    let mut there = Vec::new();
    if let Some(latest) = cache.latest(NAME) {
        there = base(cache, &latest, &root)?;
    }
    let wanted = names(images);
    let missing: Vec<_> = images
        .archives
        .iter()
        .filter(|archive| !there.contains(&archive.to_string()))
        .collect();
    let surplus: Vec<&str> = there
        .iter()
        .filter(|image| !wanted.contains(image))
        .filter_map(|image| image.split_once(' '))
        .map(|(name, _)| name)
        .filter(|name| images.archives.iter().all(|archive| archive.name != *name))
        .collect();

    let importer = Importer::start(binaries, &root).await?;
    import(&importer, &missing, events).await?;
    for name in surplus {
        importer.remove(name).await?;
    }
    importer.stop().await?;
    links::strip(&root).map_err(Error::file("clear", &root))
}

/// Starts from another store, and returns the images that are in it.
fn base(cache: &Cache, latest: &CacheEntry, root: &Path) -> Result<Vec<String>, Error> {
    let _guard = reading(cache)?;
    links::copy(&latest.folder.join(ROOT), root).map_err(Error::file("copy the image store to", root))?;
    Ok(latest.manifest.notes.clone())
}

/// Keeps stores from being pruned for as long as the file is open.
fn reading(cache: &Cache) -> Result<File, Error> {
    let lock = lock_file(cache)?;
    lock.lock_shared().map_err(Error::file("lock", &cache.folder))?;
    Ok(lock)
}

fn lock_file(cache: &Cache) -> Result<File, Error> {
    let path = cache.folder.join(".reading.lock");
    fs::create_dir_all(&cache.folder).map_err(Error::file("create", &cache.folder))?;
    File::options()
        .append(true)
        .create(true)
        .open(&path)
        .map_err(Error::file("open", &path))
}

fn names(images: &Images) -> Vec<String> {
    images.archives.iter().map(ToString::to_string).collect()
}
