//! The combinations of keys of a patch; the table has the type of each.

use super::tree::Tree;
use super::{Problem, What};
use crate::patches;

/// Returns the keys that an operation uses besides `op`, `path`, `conditions` and `ignore`, and whether it needs them.
fn uses(operation: &str) -> &'static [(&'static str, Need)] {
    use Need::{May, Must};
    match operation {
        "rewriteName" => &[
            ("namePath", May),
            ("namespacePath", May),
            ("regex", May),
            ("sync", May),
        ],
        "copyFromObject" => &[("fromPath", May)],
        "add" | "replace" => &[("value", Must)],
        _ => &[],
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    May,
    Must,
}

/// The keys that only some operations use.
const OF_SOME: [&str; 6] = ["namePath", "namespacePath", "regex", "sync", "fromPath", "value"];

/// Returns the problems of a patch; `shown` is its name in messages, `line` its first line.
pub(super) fn check(patch: &Tree, shown: &str, line: u64) -> Vec<Problem> {
    let operation = patch
        .get("op")
        .and_then(|(_, operation)| operation.plain())
        .unwrap_or_default();
    let uses = uses(&operation);
    let malformed = |line, message: String| Problem {
        line,
        what: What::Malformed(message),
    };
    let mut problems = Vec::new();
    for key in OF_SOME {
        let used = uses.iter().find(|(used, _)| *used == key).map(|(_, need)| *need);
        match (patch.get(key), used) {
            (Some((line, _)), None) => problems.push(malformed(
                line,
                format!("`{shown}.{key}` is of no use to `op: {operation}`; leave it out"),
            )),
            (None, Some(Need::Must)) => problems.push(malformed(
                line,
                format!("`{shown}` has to have `{key}` with `op: {operation}`"),
            )),
            _ => {}
        }
    }
    problems.extend(unreadable(patch, shown));
    let Some((_, Tree::List(conditions))) = patch.get("conditions") else {
        return problems;
    };
    for condition in conditions {
        problems.extend(unreadable(&condition.value, &format!("{shown}.conditions")));
        let has = |keys: &[&str]| {
            keys.iter()
                .filter(|key| condition.value.get(key).is_some())
                .count()
        };
        if has(&["path", "subPath"]) != 1 || has(&["equal", "notEqual", "empty"]) != 1 {
            problems.push(malformed(
                condition.referenced.line(),
                format!(
                    "`{shown}.conditions` has to have one of `path` and `subPath`, and one of `equal`, `notEqual` and `empty`"
                ),
            ));
        }
    }
    problems
}

/// Returns the paths and regular expressions that can't be read.
fn unreadable(tree: &Tree, shown: &str) -> Vec<Problem> {
    let told = |key: &str| {
        let (line, value) = tree.get(key)?;
        let text = value.plain()?;
        let outcome = if key == "regex" {
            patches::check_pattern(&text).map_err(|error| error.to_string())
        } else {
            patches::check_path(&text).map_err(|error| error.to_string())
        };
        let message = outcome.err()?;
        Some(Problem {
            line,
            what: What::Malformed(format!("`{shown}.{key}`: {message}")),
        })
    };
    let keys = [
        "path",
        "subPath",
        "fromPath",
        "namePath",
        "namespacePath",
        "regex",
    ];
    keys.into_iter().filter_map(told).collect()
}
