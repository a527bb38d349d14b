use std::fs;
use std::path::Path;

use super::*;

/// Holds a file to what the tables make of it. One that is not up to date is written anew, for whoever changed a table to
/// look at and commit.
fn is_up_to_date(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name);
    if fs::read_to_string(&path).ok().as_deref() == Some(text) {
        return;
    }
    fs::write(&path, text).expect("the workspace is ours");
    panic!("{name} was not what the tables say; it is now: look at the difference, and commit it");
}

#[test]
fn the_charts_keys_are_those_of_the_tables() {
    let keys = chart_files::keys().expect("it is plain data");
    let keys = serde_saphyr::to_string(&keys).expect("it is plain data");
    let head = "# Made of the tables in src/values by a test: which key of which dialect is moved to which place of the model.\n";
    is_up_to_date("syncer/chart/files/keys.yaml", &format!("{head}{keys}"));
}

#[test]
fn the_charts_policies_are_those_of_the_table() {
    let policies =
        serde_saphyr::to_string(&crate::admission::chart_file::policies()).expect("it is plain data");
    let head = "# Generated from the table in src/admission/rules.rs by a test: what the host refuses from the virtual cluster's account.\n";
    is_up_to_date("syncer/chart/files/admission.yaml", &format!("{head}{policies}"));
}

#[test]
fn the_charts_schema_is_that_of_the_tables() {
    let schema = serde_json::to_string_pretty(&chart_files::schema()).expect("it is plain data");
    is_up_to_date("syncer/chart/values.schema.json", &format!("{schema}\n"));
}

#[test]
fn the_documented_keys_are_those_of_the_tables() {
    is_up_to_date("docs/values-keys.md", &key_list::key_list());
}
