//! The libraries that a dynamically linked program needs.
//!
//! They are taken from the distribution's packages and never from the machine, so that an image does not depend on
//! the machine that built it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use object::Endianness;
use object::elf::{DT_NEEDED, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use object::read::{ReadCache, ReadRef};

use crate::binaries::Error;

/// Returns the loader and the libraries below `root` that the programs need, by the path that the image has them at.
pub(crate) fn needed(root: &Path, programs: &[PathBuf]) -> Result<BTreeMap<String, PathBuf>, Error> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = programs.to_vec();
    while let Some(path) = open.pop() {
        let needs = Needs::of(&path)?;
        for (name, places) in needs.places() {
            if found.contains_key(&name) {
                continue;
            }
            let in_root = |place: &String| Some((place.clone(), resolved(root, place)?));
            let Some((target, file)) = places.iter().find_map(in_root) else {
                return Err(Error::Library {
                    library: name,
                    needed_by: path.display().to_string(),
                });
            };
            open.push(file.clone());
            found.insert(name, (target, file));
        }
    }
    Ok(found.into_values().collect())
}

/// Returns the loader that a program asks for, if it is linked dynamically. Reads no more of the file than that
/// takes.
pub(crate) fn loader(program: &Path) -> Result<Option<String>, Error> {
    let file = File::open(program).map_err(Error::file("read", program))?;
    let read = |data| {
        let header = FileHeader64::<Endianness>::parse(data)?;
        loader_of(header, data)
    };
    read(&ReadCache::new(file)).map_err(|source| Error::Program {
        path: program.to_owned(),
        source,
    })
}

fn loader_of<'data>(
    header: &FileHeader64<Endianness>,
    data: impl ReadRef<'data>,
) -> Result<Option<String>, object::Error> {
    let endian = header.endian()?;
    for segment in header.program_headers(endian, data)? {
        if let Some(path) = segment.interpreter(endian, data)? {
            return Ok(Some(String::from_utf8_lossy(path).into_owned()));
        }
    }
    Ok(None)
}

/// The requirements that a program or library declares.
#[derive(Debug, PartialEq, Eq)]
struct Needs {
    loader: Option<String>,
    libraries: Vec<String>,
    machine: &'static str,
}

impl Needs {
    fn of(path: &Path) -> Result<Self, Error> {
        let data = fs::read(path).map_err(Error::file("read", path))?;
        Self::read(&data).map_err(|source| Error::Program {
            path: path.to_owned(),
            source,
        })
    }

    fn read(data: &[u8]) -> Result<Self, object::Error> {
        let header = FileHeader64::<Endianness>::parse(data)?;
        let endian = header.endian()?;
        let loader = loader_of(header, data)?;
        let mut libraries = Vec::new();
        let sections = header.sections(endian, data)?;
        if let Some((entries, names)) = sections.dynamic(endian, data)? {
            let names = sections.strings(endian, data, names)?;
            for entry in entries.iter().filter(|entry| entry.tag(endian) == DT_NEEDED) {
                libraries.push(String::from_utf8_lossy(entry.string(endian, names)?).into_owned());
            }
        }
        let machine = match header.e_machine(endian) {
            object::elf::EM_AARCH64 => "aarch64",
            _ => "x86_64",
        };
        Ok(Self {
            loader,
            libraries,
            machine,
        })
    }

    /// Returns each needed file and its possible paths.
    fn places(&self) -> Vec<(String, Vec<String>)> {
        let folders = [
            format!("/lib/{}-linux-gnu", self.machine),
            format!("/usr/lib/{}-linux-gnu", self.machine),
            "/lib64".to_owned(),
            "/lib".to_owned(),
            "/usr/lib".to_owned(),
        ];
        let file_name = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
        // Both forms of a path are the same file where /lib is a link to /usr/lib, as the loader's may be.
        let loader = self
            .loader
            .iter()
            .map(|path| (file_name(path), vec![path.clone(), format!("/usr{path}")]));
        let library = |name: &String| {
            (
                name.clone(),
                folders.iter().map(|folder| format!("{folder}/{name}")).collect(),
            )
        };
        loader.chain(self.libraries.iter().map(library)).collect()
    }
}

/// Returns the file that a path leads to below a root, through links that may be absolute.
fn resolved(root: &Path, path: &str) -> Option<PathBuf> {
    let mut at = root.join(path.trim_start_matches('/'));
    // More links in a row than any package has.
    for _ in 0..8 {
        let Ok(link) = fs::read_link(&at) else { break };
        at = match link.strip_prefix("/") {
            Ok(below) => root.join(below),
            Err(_) => at.parent()?.join(link),
        };
    }
    at.is_file().then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_without_leaving_the_root() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("lib/real")).unwrap();
        fs::create_dir(root.path().join("lib64")).unwrap();
        fs::write(root.path().join("lib/real/loader.so.2"), "").unwrap();
        std::os::unix::fs::symlink("/lib/real/loader.so.2", root.path().join("lib64/loader.so")).unwrap();
        let file = resolved(root.path(), "/lib64/loader.so").unwrap();
        assert_eq!(file, root.path().join("lib/real/loader.so.2"));
        assert_eq!(resolved(root.path(), "/lib64/other.so"), None);
    }

    #[test]
    fn a_program_says_what_it_needs() {
        // This test itself is linked statically; the shell of every machine is not.
        let needs = Needs::of(Path::new("/bin/sh")).unwrap();
        assert!(needs.loader.is_some_and(|loader| loader.contains("ld-linux")));
        assert!(needs.libraries.contains(&"libc.so.6".to_owned()));
    }

    #[test]
    fn a_program_with_a_loader_is_distinguished_from_one_without() {
        let loader = loader(Path::new("/bin/sh")).unwrap();
        assert!(loader.is_some_and(|loader| loader.contains("ld-linux")));
        assert_eq!(super::loader(&std::env::current_exe().unwrap()).unwrap(), None);
    }

    #[test]
    fn a_static_program_needs_nothing() {
        let needs = Needs::of(&std::env::current_exe().unwrap()).unwrap();
        assert_eq!((needs.loader, needs.libraries), (None, vec![]));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        assert!(Needs::read(b"#!/bin/sh\n").is_err());
    }
}
