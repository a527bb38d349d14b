//! The top-level modules of each crate of the harness name each other in one direction, so that each can be read, tested
//! and changed with no more than the ones below it. Cargo keeps the direction between the crates.

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::Path;

use rstest::rstest;

/// A place where one top-level module names another.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrow {
    from: String,
    to: String,
    /// The file below the folder of the sources, and the line.
    place: String,
}

impl fmt::Display for Arrow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} -> {} in {}", self.from, self.to, self.place)
    }
}

#[rstest]
#[case::library("src", 80)]
#[case::provision("provision/src", 20)]
fn no_top_level_modules_depend_on_each_other_in_a_cycle(#[case] sources: &str, #[case] at_least: usize) {
    let arrows = arrows(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sources));
    assert!(arrows.len() > at_least, "the sources were not read: {arrows:?}");
    let cycle = cycle(&arrows);
    assert!(
        cycle.is_empty(),
        "modules depend on each other in a cycle; move what one of these arrows names:\n{}",
        list(&cycle)
    );
}

/// Returns all arrows between the modules that the sources in `folder` have. Tests do not count.
fn arrows(folder: &Path) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    let library = read(folder, "lib.rs");
    let modules: Vec<&str> = modules(&library).collect();
    for from in &modules {
        collect(folder, from, from, &mut arrows);
    }
    arrows.retain(|arrow| arrow.to != arrow.from && modules.contains(&&*arrow.to));
    arrows
}

/// Collects the arrows of the module `path`, which is in the top-level module `from`, and of those in it.
fn collect(folder: &Path, from: &str, path: &str, arrows: &mut Vec<Arrow>) {
    let file = format!("{path}.rs");
    let source = read(folder, &file);
    for (line, to) in named(&source, path.split('/').count()) {
        arrows.push(Arrow {
            from: from.to_owned(),
            to: to.to_owned(),
            place: format!("{file}:{line}"),
        });
    }
    for module in modules(&source) {
        collect(folder, from, &format!("{path}/{module}"), arrows);
    }
}

/// Returns a source without its comments and tests, with as many lines.
fn read(folder: &Path, file: &str) -> String {
    let path = folder.join(file);
    let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    without_tests(&source)
}

fn without_tests(source: &str) -> String {
    let mut text = String::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let code = line.split("//").next().unwrap_or_default();
        if code.trim() == "#[cfg(test)]" {
            // As rustfmt has it: an item is one line, or ends with a bracket below its beginning.
            let end = code.replace("#[cfg(test)]", "}");
            let mut first = true;
            for line in lines.by_ref() {
                text.push('\n');
                if line.starts_with(&end) || first && line.ends_with(';') {
                    break;
                }
                first = first && line.trim_start().starts_with("#[");
            }
        } else {
            text += code;
        }
        text.push('\n');
    }
    text
}

/// Returns the modules that a source declares in files of their own.
fn modules(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let (before, name) = line.strip_suffix(';')?.split_once("mod ")?;
        let declared = before.is_empty() || before.starts_with("pub");
        declared.then_some(name)
    })
}

/// Returns the names that a source takes from the root of the crate, each with its line. The source is of a module at
/// this depth; top-level modules have depth 1.
fn named(source: &str, depth: usize) -> Vec<(usize, &str)> {
    let supers = "super::".repeat(depth);
    let mut named = Vec::new();
    for root in ["crate::", &supers] {
        for (at, _) in source.match_indices(root) {
            let (before, path) = source.split_at(at + root.len());
            let line = 1 + before.matches('\n').count();
            let names = first_names(path).into_iter();
            named.extend(names.map(|(after, name)| (line + path[..after].matches('\n').count(), name)));
        }
    }
    named
}

/// Returns the name that a path begins with, or those of a group of paths: `a` and `b` of `{a::{c, d}, b}`. Each is with
/// its position.
fn first_names(path: &str) -> Vec<(usize, &str)> {
    let name_at = |begin: usize| {
        let name = path[begin..].split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
        (begin, name.into_iter().next().unwrap_or_default())
    };
    if !path.starts_with('{') {
        return vec![name_at(0)];
    }
    let mut names = Vec::new();
    let (mut depth, mut expected) = (0_usize, false);
    for (at, letter) in path.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if expected && !letter.is_whitespace() => names.push(name_at(at)),
            _ => {}
        }
        expected = depth == 1 && (matches!(letter, '{' | ',') || expected && letter.is_whitespace());
        if depth == 0 {
            break;
        }
    }
    names
}

/// Returns the arrows of a cycle, in its order; none if there is no cycle.
fn cycle(arrows: &[Arrow]) -> Vec<&Arrow> {
    let mut rest: Vec<&Arrow> = arrows.iter().collect();
    loop {
        let naming: BTreeSet<&str> = rest.iter().map(|arrow| &*arrow.from).collect();
        let before = rest.len();
        rest.retain(|arrow| naming.contains(&*arrow.to));
        if rest.len() == before {
            break;
        }
    }
    // Each arrow that is left leads to another one, so a way along them comes back to itself.
    let mut way: Vec<&Arrow> = Vec::new();
    let mut next = rest.first().copied();
    while let Some(arrow) = next {
        if let Some(begin) = way.iter().position(|gone| gone.from == arrow.from) {
            return way.split_off(begin);
        }
        way.push(arrow);
        next = rest.iter().copied().find(|other| other.from == arrow.to);
    }
    way
}

fn list(arrows: &[&Arrow]) -> String {
    arrows.iter().map(|arrow| format!("  {arrow}\n")).collect()
}

fn arrow(from: &str, to: &str) -> Arrow {
    Arrow {
        from: from.to_owned(),
        to: to.to_owned(),
        place: format!("{from}.rs:1"),
    }
}

#[test]
fn a_cycle_is_found_without_the_ways_in_and_out_of_it() {
    let arrows = [
        arrow("cli", "run"),
        arrow("run", "events"),
        arrow("run", "report"),
        arrow("report", "scenarios"),
        arrow("scenarios", "run"),
    ];
    assert_eq!(
        list(&cycle(&arrows)),
        "  run -> report in run.rs:1\n  report -> scenarios in report.rs:1\n  scenarios -> run in scenarios.rs:1\n"
    );
    assert_eq!(cycle(&arrows[..4]), Vec::<&Arrow>::new());
}

#[test]
fn the_sources_of_a_cycle_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let write = |file: &str, text: &str| fs::write(folder.path().join(file), text).unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    write("lib.rs", "/// One.\npub mod a;\n\nmod b;\nmod c;\n");
    write(
        "a.rs",
        "// crate::c\nuse crate::{\n    a::d::{c, D},\n    b,\n};\n\npub(crate) mod d;\n",
    );
    write("a/d.rs", "use super::c;\nuse super::super::b::E;\n");
    write("b.rs", "pub struct E;\n\nfn f() -> crate::c::G {}\n");
    write(
        "c.rs",
        "pub struct G;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n\nuse super::a::d;\n",
    );

    let found: Vec<String> = arrows(folder.path()).iter().map(Arrow::to_string).collect();
    let expected = [
        "a -> b in a.rs:4",
        "a -> b in a/d.rs:2",
        "b -> c in b.rs:3",
        "c -> a in c.rs:7",
    ];
    assert_eq!(found, expected);
    assert_eq!(cycle(&arrows(folder.path())).len(), 3);

    // Without its last line, it only names what is above in tests.
    write(
        "c.rs",
        "pub struct G;\n#[cfg(test)]\nmod tests {\n    use crate::a;\n}\n",
    );
    assert!(cycle(&arrows(folder.path())).is_empty());
}
