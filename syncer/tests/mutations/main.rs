//! Faults of the syncer, each of which a test with two API servers has to catch.
//!
//! A fault is an edit of the sources, in a file of its own in `faults`. For each one, the edited syncer is built and the test that
//! has to catch it is run with that syncer: the test has to fail. With the sources as they are, all of these tests have to pass.
//! That takes an hour, so these tests are ignored by default: `cargo test -p syncer --test mutations -- --ignored`, with the name
//! of a fault for that one alone. The other tests check the files.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::faults::Fault;

/// The files of faults.
mod faults;

/// The edited sources, and the syncers that are built from them.
mod tree;

/// The suite that has to catch the faults.
mod two_apis;

/// All faults, by name.
static FAULTS: LazyLock<Vec<Fault>> = LazyLock::new(faults::all);

/// The name of the trial of the sources as they are, and of its folder.
const SOUND: &str = "without-a-fault";

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // A build beside a test could make the test fail, and the fault would look caught.
    arguments.test_threads.get_or_insert(1);
    let sound = Trial::test(SOUND, without_a_fault_all_tests_pass);
    let faults = FAULTS
        .iter()
        .map(|fault| Trial::test(&fault.name, || is_caught(fault)));
    let slow = [sound]
        .into_iter()
        .chain(faults)
        .map(|trial| trial.with_ignored_flag(true));
    let quick = [
        Trial::test("names_are_in_kebab_case", names_are_in_kebab_case),
        Trial::test("every_edit_applies", every_edit_applies),
        Trial::test("every_test_exists", every_test_exists),
        Trial::test("the_page_has_the_table", the_page_has_the_table),
    ];
    libtest_mimic::run(&arguments, slow.chain(quick).collect()).exit_code()
}

fn is_caught(fault: &Fault) -> Result<(), Failed> {
    let Fault { name, caught_by, .. } = fault;
    let syncer = build(name, &fault.edited()?)?;
    progress(&format!("{name}: runs {caught_by}"))?;
    let run = two_apis::run(&syncer, &[caught_by])?;
    if !run.has_result("FAILED. 0 passed; 1 failed") {
        let (log, syncer) = (run.log.display(), syncer.display());
        return Err(
            format!("{name} survives. {caught_by} has to catch it.\nlog: {log}\nsyncer: {syncer}").into(),
        );
    }
    fs::remove_file(syncer)?;
    Ok(())
}

fn without_a_fault_all_tests_pass() -> Result<(), Failed> {
    let tests: BTreeSet<&str> = FAULTS.iter().map(|fault| &*fault.caught_by).collect();
    let tests: Vec<&str> = tests.into_iter().collect();
    let syncer = build(SOUND, &BTreeMap::new())?;
    progress(&format!("{SOUND}: runs {} tests", tests.len()))?;
    let run = two_apis::run(&syncer, &tests)?;
    if !run.has_result(&format!("ok. {} passed", tests.len())) {
        return Err(format!("not all tests pass without a fault.\nlog: {}", run.log.display()).into());
    }
    Ok(())
}

fn build(name: &str, edited: &BTreeMap<PathBuf, String>) -> Result<PathBuf, Failed> {
    progress(&format!("{name}: builds"))?;
    Ok(tree::build(name, edited)?)
}

fn progress(text: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{text}")
}

fn names_are_in_kebab_case() -> Result<(), Failed> {
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|letter| letter.is_ascii_lowercase());
    all_are(|fault| fault.name.split('-').all(is_word), "is not in kebab-case")
}

fn every_test_exists() -> Result<(), Failed> {
    all_are(
        |fault| two_apis::has(&fault.caught_by),
        "names a test that does not exist",
    )
}

fn every_edit_applies() -> Result<(), Failed> {
    FAULTS.iter().try_for_each(|fault| fault.edited().map(drop))?;
    Ok(())
}

fn all_are(right: impl Fn(&Fault) -> bool, wrong: &str) -> Result<(), Failed> {
    let mut faults = FAULTS.iter();
    match faults.find(|fault| !right(fault)) {
        Some(fault) => Err(format!("faults/{}.toml {wrong}", fault.name).into()),
        None => Ok(()),
    }
}

/// Compares the table of the page with the files, and rewrites it, so that the difference can be reviewed and committed.
fn the_page_has_the_table() -> Result<(), Failed> {
    const HEAD: &str = "| fault | what it does | caught by |\n|---|---|---|\n";
    let path = root().join("docs/mutations.md");
    let page = fs::read_to_string(&path)?;
    let (before, table) = page
        .split_once(HEAD)
        .ok_or("docs/mutations.md has no table of faults")?;
    let is_row = |line: &&str| line.starts_with('|');
    let rows: String = table.split_inclusive('\n').take_while(is_row).collect();
    let wanted: String = FAULTS.iter().map(Fault::row).collect();
    if rows == wanted {
        return Ok(());
    }
    let after = &table[rows.len()..];
    fs::write(&path, [before, HEAD, &wanted, after].concat())?;
    Err(
        "docs/mutations.md had another table of faults and is rewritten: review the difference and commit it"
            .into(),
    )
}

/// Returns the root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns a command that runs cargo in the workspace. Cargo has set variables about this package for this test. Build scripts
/// that look at them would run again, and everything above them would be compiled again.
fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root());
    for (name, _) in env::vars_os() {
        let is_about_package =
            |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        if name.to_str().is_some_and(is_about_package) {
            cargo.env_remove(name);
        }
    }
    cargo
}
