//! The known key that an unknown one was probably meant to be.

use super::table::Table;

/// Jaro-Winkler of `confg` and `config` is 0.96, of `extraRules` and `export` 0.77.
const ALIKE: f64 = 0.8;

/// Returns one at the same place if any is spelled much like it, else one from anywhere that is. `parent` is a path of the table,
/// `shown` what messages call it.
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

/// A path and all the paths on the way to it: `a`, `a.b[]`, `a.b[].c`.
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
