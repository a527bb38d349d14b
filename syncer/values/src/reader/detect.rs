//! Detection of a file's dialect, by keys that not every dialect has.

use super::dialect::Dialect;
use super::tree::Tree;
use super::{Problem, What};

/// A key that only some dialects have.
struct Telling {
    shown: String,
    line: u64,
    of: Vec<Dialect>,
}

/// Returns the dialect that has all keys that any dialect knows; the oldest if several have. A file with keys of two dialects is
/// an error that names a key of each.
pub(super) fn detect(document: &Tree) -> Result<Dialect, Problem> {
    let mut telling = Vec::new();
    collect(document, "", "", &mut telling);
    let fits = |dialect: &Dialect| telling.iter().all(|key| key.of.contains(dialect));
    if let Some(dialect) = Dialect::ALL.into_iter().find(fits) {
        return Ok(dialect);
    }
    let clash = |one: &Telling, other: &Telling| !one.of.iter().any(|dialect| other.of.contains(dialect));
    let clashing = telling.iter().enumerate().find_map(|(at, later)| {
        let earlier = telling[..at].iter().find(|earlier| clash(earlier, later));
        earlier.map(|earlier| (earlier, later))
    });
    // No key is of the first and the last dialect alone, so two that clash are always found.
    let Some((earlier, later)) = clashing.or_else(|| telling.first().zip(telling.last())) else {
        return Ok(Dialect::V0_15);
    };
    Err(Problem {
        line: later.line,
        what: What::Mixed {
            key: later.shown.clone(),
            of: written(&later.of),
            other: earlier.shown.clone(),
            other_line: earlier.line,
            other_of: written(&earlier.of),
        },
    })
}

fn collect(tree: &Tree, path: &str, shown: &str, telling: &mut Vec<Telling>) {
    let Tree::Map(entries) = tree else { return };
    for (key, value) in entries {
        let join = |above: &str, key: &str| match above {
            "" => key.to_owned(),
            above => format!("{above}.{key}"),
        };
        let shown = join(shown, &key.value);
        let named = Dialect::ALL
            .iter()
            .any(|dialect| dialect.table().knows(&join(path, "*")));
        let path = join(path, if named { "*" } else { &key.value });
        let knowing = |dialect: &Dialect| dialect.table().knows(&path);
        let of: Vec<_> = Dialect::ALL.into_iter().filter(knowing).collect();
        if of.is_empty() {
            continue;
        }
        if of.len() < Dialect::ALL.len() {
            let line = key.referenced.line();
            telling.push(Telling {
                shown: shown.clone(),
                line,
                of,
            });
        }
        collect(&value.value, &path, &shown, telling);
    }
}

fn written(dialects: &[Dialect]) -> String {
    match dialects {
        [one] => one.to_string(),
        [Dialect::V0_20, Dialect::V0_28] => "0.20 and later".to_owned(),
        several => several
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(" or "),
    }
}
