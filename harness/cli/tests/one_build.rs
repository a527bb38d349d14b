//! One build of every crate serves the harness, the programs for images and the scenarios: they need the same features of the
//! crates that they share (docs/decisions/0003-one-build.md).

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// The features of each crate, by name and version.
type Features = BTreeMap<String, BTreeSet<String>>;

#[test]
fn programs_and_scenarios_need_the_same_features_as_the_harness() {
    let harness = features(&["harness-cli"]);
    assert!(harness.len() > 100, "{harness:?}");
    // As `Binary::build` of the scenarios and `workspace::build` of the binaries call cargo.
    for others in [
        &["harness-cli", "syncer", "write-app", "read-app"][..],
        &["scenarios"],
    ] {
        let differ: Vec<_> = features(others)
            .into_iter()
            .filter_map(|(name, theirs)| {
                let ours = harness.get(&name)?.clone();
                (!ours.is_subset(&theirs)).then_some((name, ours, theirs))
            })
            .collect();
        assert_eq!(
            differ,
            [],
            "a build of {others:?} has other features than one of the harness; name them in Cargo.toml, or the crate in \
             harness/provision/Cargo.toml"
        );
    }
}

/// Returns the features that a release build of these packages has.
fn features(packages: &[&str]) -> Features {
    let mut command = Command::new(env!("CARGO"));
    command
        .args([
            "tree",
            "--offline",
            "--locked",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
        ])
        .args(["--format", "{p}\t{f}"])
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("cargo is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut all = Features::new();
    // An empty line is between the trees of two packages.
    let lines = String::from_utf8_lossy(&output.stdout);
    for line in lines.lines().filter(|line| !line.is_empty()) {
        let (package, features) = line.split_once('\t').expect("the format has a tab");
        let features = features.trim_end_matches(" (*)").to_owned();
        all.entry(package.to_owned()).or_default().insert(features);
    }
    all
}
