//! A layer, byte for byte the same for the same content.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::contents::Item;
use crate::binaries::cache::hexadecimal;

/// The size and the SHA-256 of something written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) size: u64,
    pub(super) sha256: String,
}

/// Writes a layer as tar: in the items' order, with no time and no names in it.
pub(super) fn write(items: &BTreeMap<String, Item>, to: impl Write) -> io::Result<Written> {
    let mut builder = Builder::new(Hashing {
        to,
        hash: Sha256::new(),
        size: 0,
    });
    for (path, item) in items {
        match item {
            Item::Folder { mode, owner } => {
                let mut header = header(EntryType::Directory, *mode, 0);
                header.set_uid(*owner);
                header.set_gid(*owner);
                builder.append_data(&mut header, format!("{path}/"), io::empty())?;
            }
            Item::Text(text) => {
                let mut header = header(EntryType::Regular, 0o644, text.len() as u64);
                builder.append_data(&mut header, path, text.as_bytes())?;
            }
            Item::File { source, mode } => append_file(&mut builder, path, source, *mode)?,
            Item::Link(target) => {
                let mut header = header(EntryType::Symlink, 0o777, 0);
                builder.append_link(&mut header, path, target)?;
            }
        }
    }
    let written = builder.into_inner()?;
    Ok(Written {
        size: written.size,
        sha256: hexadecimal(&written.hash.finalize()),
    })
}

fn append_file(builder: &mut Builder<impl Write>, path: &str, source: &Path, mode: u32) -> io::Result<()> {
    let file = File::open(source)?;
    let size = file.metadata()?.len();
    // A file that grows meanwhile must not spill over the size that its header has.
    builder.append_data(&mut header(EntryType::Regular, mode, size), path, file.take(size))
}

/// Returns a tar header with nothing in it that depends on the machine or the time.
pub(super) fn header(kind: EntryType, mode: u32, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(size);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

struct Hashing<W> {
    to: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = self.to.write(bytes)?;
        self.hash.update(&bytes[..length]);
        self.size += length as u64;
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
