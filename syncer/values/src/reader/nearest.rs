//! Suggestions for unknown keys: the most similar known key.

use super::table::Table;

/// Minimum similarity: the Jaro-Winkler similarity of `confg` and `config` is 0.96, of `extraRules` and `export` 0.77.
const ALIKE: f64 = 0.8;

/// Returns a similar key at the same place, else a similar one at any place. `parent` is a path of the table, `shown` its name in
/// messages.
pub(super) fn nearest(table: &Table, parent: &str, shown: &str, key: &str) -> Option<String> {
    let likeness = |path: &str| strsim::jaro_winkler(&last(path).to_lowercase(), &key.to_lowercase());
    let best = |candidates: Vec<String>| {
        candidates
            .into_iter()
            .map(|path| (likeness(&path), path))
            .min_by(|one, other| other.0.total_cmp(&one.0))
    };
    let everywhere: Vec<String> = table.keys.iter().flat_map(|key| prefixes(&key.path)).collect();
    let (here, elsewhere): (Vec<_>, Vec<_>) = everywhere
        .into_iter()
        .filter(|path| last(path) != "*")
        .partition(|path| parent_of(path) == parent);
    let (here, elsewhere) = (best(here), best(elsewhere));
    let alike = |found: &(f64, String)| found.0 >= ALIKE;
    let (_, path) = here.filter(alike).or_else(|| elsewhere.filter(alike))?;
    if parent_of(&path) == parent && !shown.is_empty() {
        return Some(format!("{shown}.{}", last(&path)));
    }
    Some(path.replace("[]", ""))
}

/// Returns a path and all of its prefixes: `a`, `a.b[]`, `a.b[].c`.
fn prefixes(path: &str) -> Vec<String> {
    let ends = path.match_indices('.').map(|(end, _)| end).chain([path.len()]);
    ends.map(|end| path[..end].to_owned()).collect()
}

fn parent_of(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]")
}
