//! Faults, each an edit of the sources in a file of its own: `faults/NAME.toml`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::root;

/// A fault.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fault {
    /// Its name: that of the file.
    #[serde(skip)]
    pub(crate) name: String,
    /// A sentence of what it does.
    does: String,
    /// The path of the test of `two_apis` that catches it.
    pub(crate) caught_by: String,
    edits: Vec<Edit>,
}

/// An edit of one place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Edit {
    /// The path below the root of the workspace.
    file: PathBuf,
    /// The text to replace. It occurs exactly once in the file.
    find: String,
    replace: String,
}

impl Fault {
    /// Returns the files that it edits, with the edited texts.
    ///
    /// # Errors
    ///
    /// An edit does not apply to the sources.
    pub(crate) fn edited(&self) -> Result<BTreeMap<PathBuf, String>, String> {
        let mut edited = BTreeMap::new();
        for Edit { file, find, replace } in &self.edits {
            let text = match edited.remove(file) {
                Some(text) => text,
                None => read(&root().join(file))?,
            };
            let places = text.matches(find).count();
            if places != 1 {
                let (name, file) = (&self.name, file.display());
                return Err(format!(
                    "faults/{name}.toml: {file} has {places} times, and not once:\n{find}"
                ));
            }
            edited.insert(file.clone(), text.replace(find, replace));
        }
        Ok(edited)
    }

    /// Returns its row in the table of the page.
    pub(crate) fn row(&self) -> String {
        let Self {
            name,
            does,
            caught_by,
            ..
        } = self;
        format!("| [`{name}`](../syncer/tests/mutations/faults/{name}.toml) | {does} | `{caught_by}` |\n")
    }
}

/// Reads all faults, in the order of their names. Each file in the folder has to be one.
pub(crate) fn all() -> Vec<Fault> {
    let folder = root().join("syncer/tests/mutations/faults");
    let entries = fs::read_dir(folder).expect("the folder exists");
    let paths = entries.map(|entry| entry.expect("the folder can be read").path());
    let mut faults: Vec<Fault> = paths
        .map(|path| fault(&path).unwrap_or_else(|error| panic!("{error}")))
        .collect();
    faults.sort_by(|one, other| one.name.cmp(&other.name));
    faults
}

fn fault(path: &Path) -> Result<Fault, String> {
    let name = path
        .file_name()
        .and_then(|name| name.to_str()?.strip_suffix(".toml"));
    let name = name.ok_or_else(|| format!("{} is not named NAME.toml", path.display()))?;
    let fault: Fault =
        toml::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))?;
    if fault.edits.is_empty() {
        return Err(format!("{} has no edits", path.display()));
    }
    Ok(Fault {
        name: name.to_owned(),
        ..fault
    })
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}
