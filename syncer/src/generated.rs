//! Files of the repository that tests make.

use std::fs;
use std::path::Path;

/// Fails if a file differs from the generated text, and rewrites it, so that the difference can be reviewed and committed.
pub(crate) fn is_up_to_date(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if fs::read_to_string(&path).ok().as_deref() == Some(text) {
        return;
    }
    fs::write(&path, text).expect("the workspace is ours");
    panic!("{name} was not what it is made of; it is now: look at the difference, and commit it");
}
