//! A copy of the workspace in which edited syncers are built.
//!
//! The copy and its target folder stay between faults and between runs. Only files whose text differs are written. So cargo
//! compiles the dependencies once, and then, for each fault, the crate that is edited.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;
use walkdir::{DirEntry, WalkDir};

use crate::{cargo, root};

/// Held during a build, as there is one copy.
static BUILDS: Mutex<()> = Mutex::new(());

/// Builds the syncer from the sources with these files edited, and returns the program, in a folder of this name.
///
/// # Errors
///
/// The sources do not compile, or a file can't be written.
pub(crate) fn build(name: &str, edited: &BTreeMap<PathBuf, String>) -> io::Result<PathBuf> {
    let _one = BUILDS.lock().unwrap_or_else(PoisonError::into_inner);
    let all = root().join("target/mutations");
    let (copy, folder) = (all.join("workspace"), all.join("faults").join(name));
    update(&copy, edited)?;
    fs::create_dir_all(&folder)?;
    let built = compile(&copy, &all.join("target"), &folder.join("build.log"))?;
    let syncer = folder.join("syncer");
    fs::copy(built, &syncer)?;
    Ok(syncer)
}

/// Writes what differs between the copy and the edited sources.
fn update(copy: &Path, edited: &BTreeMap<PathBuf, String>) -> io::Result<()> {
    let root = root();
    for path in files(&root) {
        let text = match edited.get(&path) {
            Some(text) => text.clone().into_bytes(),
            None => fs::read(root.join(&path))?,
        };
        let place = copy.join(&path);
        if fs::read(&place).ok().as_ref() != Some(&text) {
            fs::create_dir_all(place.parent().expect("it is below the copy"))?;
            fs::write(place, text)?;
        }
    }
    // A module that was moved would be there twice.
    for path in files(copy).filter(|path| !root.join(path).exists()) {
        fs::remove_file(copy.join(path))?;
    }
    Ok(())
}

/// Returns the paths of all files below a folder, without git's and without target folders.
fn files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let is_source = |entry: &DirEntry| {
        // Cargo tags target folders that have another name.
        let is_target = entry.file_name() == "target" || entry.path().join("CACHEDIR.TAG").exists();
        entry.file_name() != ".git" && !is_target
    };
    let entries = WalkDir::new(folder).into_iter().filter_entry(is_source);
    let files = entries.filter_map(|entry| entry.ok().filter(|entry| entry.file_type().is_file()));
    files.map(move |entry| {
        let path = entry.path().strip_prefix(folder);
        path.expect("it is below the folder").to_owned()
    })
}

/// Builds the syncer of a copy of the workspace, and returns the program. Cargo reads its configuration in the workspace itself.
fn compile(copy: &Path, target: &Path, log: &Path) -> io::Result<PathBuf> {
    let built = cargo()
        .args([
            "build",
            "--package",
            "syncer",
            "--message-format=json-render-diagnostics",
        ])
        .arg("--manifest-path")
        .arg(copy.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        .stderr(Stdio::from(fs::File::create(log)?))
        .output()?;
    let messages = String::from_utf8_lossy(&built.stdout);
    let program = (messages.lines().rev())
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|message| message["executable"].as_str().map(PathBuf::from));
    program
        .filter(|_| built.status.success())
        .ok_or_else(|| io::Error::other(format!("the syncer does not compile: {}", log.display())))
}
