//! The tests in the list of promises exist.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_list_names_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(here.join(path)).expect("it is in the tree");
    let list = read("../docs/suite.md");
    let scenarios = read("../scenarios/catalogue.toml");
    let table = list.lines().filter(|line| line.starts_with("| "));
    let mut named = 0;
    for word in table.flat_map(|line| line.split('`').skip(1).step_by(2)) {
        let is_there = match word.rsplit_once("::") {
            Some((module, test)) => read(&format!("tests/two_apis/{}.rs", module.replace("::", "/")))
                .contains(&format!("async fn {test}(")),
            None if word.contains('_') => scenarios.contains(&format!("::{word}_")),
            None => continue,
        };
        assert!(is_there, "{word}");
        named += 1;
    }
    assert!(named > 40, "the table has {named}");
}
