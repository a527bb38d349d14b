//! The catalogue of all scenarios.

/// The catalogue, as the harness reads it.
pub const TEXT: &str = include_str!("../catalogue.toml");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::TEXT;

    #[test]
    fn the_catalogue_lists_every_scenario_and_no_other() {
        let catalogue: toml::Table = TEXT.parse().unwrap();
        let entries = catalogue["scenario"].as_array().unwrap();
        let listed: BTreeSet<_> = entries
            .iter()
            .map(|entry| entry["test"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(listed.len(), entries.len(), "a scenario is listed twice");
        assert_eq!(listed, written());
    }

    #[test]
    fn every_name_begins_with_an_id() {
        for test in written() {
            let name = test.split("::").nth(1).unwrap();
            let id = name.split('_').take(2).collect::<Vec<_>>();
            assert!(
                id[0].len() == 2 && id[1].parse::<u8>().is_ok() && id[1].len() == 2,
                "{test}"
            );
        }
    }

    /// Returns the scenarios of all modules of the test binary.
    fn written() -> BTreeSet<String> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
        let mut written = BTreeSet::new();
        for file in fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            let module = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let names = text
                .lines()
                .filter_map(|line| line.strip_prefix("async fn "))
                .filter_map(|rest| rest.split_once('('))
                .filter(|(name, _)| {
                    name.as_bytes().get(2) == Some(&b'_') && name.as_bytes()[3].is_ascii_digit()
                });
            written.extend(names.map(|(name, _)| format!("{module}::{name}")));
        }
        written
    }
}
