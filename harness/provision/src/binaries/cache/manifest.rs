//! The content of an entry, file by file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::sha256_of;
use crate::binaries::Verify;

/// The manifest's name in its entry.
const NAME: &str = "entry.json";

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The inputs that the entry was made of.
    inputs: String,
    /// Notes by the creator of the entry, for later use.
    pub(crate) notes: Vec<String>,
    files: BTreeMap<String, Record>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Record {
    File {
        size: u64,
        modified: i64,
        mode: u32,
        sha256: String,
    },
    Link {
        link: PathBuf,
    },
}

impl Manifest {
    /// Reads every file below `folder`.
    pub(super) fn of(folder: &Path, inputs: String, notes: Vec<String>) -> io::Result<Self> {
        let mut files = BTreeMap::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            for entry in fs::read_dir(next)? {
                let path = entry?.path();
                let metadata = path.symlink_metadata()?;
                if metadata.is_dir() {
                    folders.push(path);
                    continue;
                }
                let name = path
                    .strip_prefix(folder)
                    .unwrap_or(&path)
                    .to_string_lossy()
                    .into_owned();
                let record = if metadata.is_symlink() {
                    Record::Link {
                        link: fs::read_link(&path)?,
                    }
                } else {
                    Record::File {
                        size: metadata.len(),
                        modified: modified(&metadata),
                        mode: metadata.mode() & 0o7777,
                        sha256: sha256_of(&path)?,
                    }
                };
                files.insert(name, record);
            }
        }
        Ok(Self { inputs, notes, files })
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let file = io::BufWriter::new(File::create(folder.join(NAME))?);
        serde_json::to_writer(file, self).map_err(io::Error::from)
    }

    /// Makes sure that every file is on the disk, and so are the folders that name them.
    pub(super) fn sync(&self, folder: &Path) -> io::Result<()> {
        let mut folders = BTreeSet::from([folder.to_owned()]);
        for (name, record) in &self.files {
            let path = folder.join(name);
            if matches!(record, Record::File { .. }) {
                File::open(&path)?.sync_data()?;
            }
            folders.extend(
                path.ancestors()
                    .skip(1)
                    .take_while(|path| *path != folder)
                    .map(Path::to_owned),
            );
        }
        File::open(folder.join(NAME))?.sync_data()?;
        folders
            .iter()
            .try_for_each(|folder| File::open(folder)?.sync_all())
    }

    /// Reads the manifest of an entry. Returns `None` if there is none that can be read.
    pub(super) fn read(folder: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(folder.join(NAME)).ok()?).ok()
    }

    /// Returns true if the files are unchanged.
    pub(super) fn matches(&self, folder: &Path, verify: Verify) -> bool {
        self.files
            .iter()
            .all(|(name, record)| record.matches(&folder.join(name), verify))
    }

    /// Returns the SHA-256 of a file, or of the file beside it that it links to.
    pub(super) fn sha256(&self, name: &str) -> Option<&str> {
        match self.files.get(name)? {
            Record::File { sha256, .. } => Some(sha256),
            Record::Link { link } => {
                let beside = Path::new(name)
                    .with_file_name(link)
                    .to_string_lossy()
                    .into_owned();
                match self.files.get(&beside)? {
                    Record::File { sha256, .. } => Some(sha256),
                    Record::Link { .. } => None,
                }
            }
        }
    }
}

impl Record {
    fn matches(&self, path: &Path, verify: Verify) -> bool {
        match self {
            Self::Link { link } => fs::read_link(path).is_ok_and(|target| target == *link),
            Self::File {
                size,
                modified: then,
                mode,
                sha256,
            } => {
                let Ok(metadata) = path.symlink_metadata() else {
                    return false;
                };
                let same_content = || sha256_of(path).is_ok_and(|now| now == *sha256);
                metadata.is_file()
                    && metadata.len() == *size
                    && metadata.mode() & 0o7777 == *mode
                    && (verify == Verify::Cheaply && modified(&metadata) == *then || same_content())
            }
        }
    }
}

/// Returns the time when a file was last written, in nanoseconds since 1970; good until 2262.
fn modified(metadata: &fs::Metadata) -> i64 {
    metadata
        .mtime()
        .wrapping_mul(1_000_000_000)
        .wrapping_add(metadata.mtime_nsec())
}
