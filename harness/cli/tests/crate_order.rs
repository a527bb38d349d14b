//! The crates of the workspace depend on each other in one direction. Cargo refuses cycles; this test also refuses each
//! dependency that is not listed here (docs/decisions/0014-crates-of-the-harness.md).

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;

/// The dependencies that a crate of the workspace may have on others of it.
struct May {
    name: &'static str,
    depend_on: &'static [&'static str],
    /// Further ones, of its tests alone.
    test_with: &'static [&'static str],
}

const CRATES: [May; 12] = [
    may(
        "harness-cli",
        &["harness", "provision", "sandbox", "vcluster-values"],
        &["testkit"],
    ),
    may("scenarios", &["harness", "provision", "sandbox"], &[]),
    may(
        "harness",
        &["provision", "sandbox", "vcluster-values"],
        &["testkit"],
    ),
    may("sandbox", &["provision"], &[]),
    may("testkit", &["provision"], &[]),
    may("provision", &[], &[]),
    may("syncer", &["vcluster-values"], &["provision", "testkit"]),
    may("vcluster-values", &[], &[]),
    may("write-app", &["service"], &[]),
    may("read-app", &["service"], &[]),
    may("service", &[], &[]),
    may("pause", &[], &[]),
];

const fn may(
    name: &'static str,
    depend_on: &'static [&'static str],
    test_with: &'static [&'static str],
) -> May {
    May {
        name,
        depend_on,
        test_with,
    }
}

#[test]
fn the_crates_depend_on_each_other_in_one_direction() {
    let packages = packages();
    let listed: BTreeSet<&str> = CRATES.iter().map(|may| may.name).collect();
    let found: BTreeSet<&str> = packages.iter().map(name).collect();
    assert_eq!(found, listed, "list each crate of the workspace, and no other");

    let mut seen = 0;
    let mut wrong = Vec::new();
    for may in &CRATES {
        let package = packages.iter().find(|package| name(package) == may.name);
        let package = package.expect("it is listed");
        for dependency in package["dependencies"].as_array().expect("cargo lists them") {
            let (to, kind) = (name(dependency), dependency["kind"].as_str());
            if !listed.contains(to) {
                continue;
            }
            seen += 1;
            let is_of_tests = kind == Some("dev");
            let is_fine = may.depend_on.contains(&to) || is_of_tests && may.test_with.contains(&to);
            if !is_fine {
                wrong.push(format!("{} -> {to} ({})", may.name, kind.unwrap_or("normal")));
            }
        }
    }
    assert!(seen >= 12, "cargo tells only {seen} dependencies");
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "move what is needed into a crate that both may depend on"
    );
}

fn name(of: &Value) -> &str {
    of["name"].as_str().expect("cargo names it")
}

/// Returns the packages of the workspace, as cargo describes them.
fn packages() -> Vec<Value> {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--offline",
            "--locked",
            "--no-deps",
            "--format-version",
            "1",
        ])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo is there");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let mut metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let packages = metadata["packages"].as_array_mut().expect("cargo lists them");
    std::mem::take(packages)
}
