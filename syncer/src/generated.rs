//! Files of the repository that tests make.

use std::fs;
use std::path::Path;

/// Fails if a file differs from the generated text, and rewrites it, so that the difference can be reviewed and committed.
pub(crate) fn is_up_to_date(name: &str, text: &str) {
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let root = above.find(|folder| folder.join("Cargo.lock").exists());
    let path = root.expect("the crate is in the workspace").join(name);
    if fs::read_to_string(&path).ok().as_deref() == Some(text) {
        return;
    }
    fs::write(&path, text).expect("the workspace is ours");
    panic!("{name} was not what it is made of; it is now: look at the difference, and commit it");
}
