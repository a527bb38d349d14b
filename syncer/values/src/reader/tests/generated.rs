use super::*;
use crate::generated::is_up_to_date;

#[test]
fn the_charts_keys_are_those_of_the_tables() {
    let keys = chart_files::keys().expect("it is plain data");
    let keys = serde_saphyr::to_string(&keys).expect("it is plain data");
    let head = "# Made of the tables in syncer/values by a test: which key of which dialect is moved to which place of the model.\n";
    is_up_to_date("syncer/chart/files/keys.yaml", &format!("{head}{keys}"));
}

#[test]
fn the_charts_policies_are_those_of_the_table() {
    let policies =
        serde_saphyr::to_string(&crate::admission::chart_file::policies()).expect("it is plain data");
    let head = "# Generated from the table in syncer/values/src/admission/rules.rs by a test: what the host refuses from the virtual cluster's account.\n";
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
