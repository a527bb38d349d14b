//! The list of all keys, for docs/values-keys.md, as Markdown from the dialects' tables.

use std::collections::BTreeMap;

use super::dialect::Dialect;
use super::table::{Fate, Key};

/// The beginning of the list.
const HEAD: &str = "# Keys of values files

This page lists every key; [values.md](values.md) describes them. A test generates the page from the tables in
`syncer/values`. A `*` stands for a name that the file chooses, `[]` for an item of a list. Below `defaults`, every
dialect has the keys of the control plane, under their names of 0.15.

";

/// Returns the list.
#[must_use]
pub fn key_list() -> String {
    let mut text = HEAD.to_owned();
    text += "## Keys that mean the same\n\n| 0.15 to 0.19 | 0.20 to 0.25 | 0.28 and later |\n|---|---|---|\n";
    for keys in places().values() {
        let cells: Vec<_> = keys.iter().map(|keys| keys.join(", ")).collect();
        text += &format!("| {} |\n", cells.join(" | "));
    }
    text += &told("Keys that have to be off", "reason", |fate| match fate {
        Fate::Refuse(why) => Some(why.to_owned()),
        _ => None,
    });
    text += &told("Keys with one value only", "value, reason", |fate| match fate {
        Fate::Required => Some("`true`: each namespace has a host namespace of its own".to_owned()),
        Fate::Only(value, why) => Some(format!("`{value}`: {why}")),
        _ => None,
    });
    text += &told("Keys without an effect", "", |fate| match fate {
        Fate::Idle(..) => Some(String::new()),
        _ => None,
    });
    text
}

/// Returns the keys of each dialect by place of the model.
fn places() -> BTreeMap<&'static str, [Vec<String>; 3]> {
    let mut places = BTreeMap::<_, [Vec<String>; 3]>::new();
    for (at, dialect) in Dialect::ALL.into_iter().enumerate() {
        for key in listed(dialect) {
            if let Fate::Read(..) = key.fate {
                places.entry(key.to.as_str()).or_default()[at].push(format!("`{}`", key.path));
            }
        }
    }
    places
}

/// Returns a section of keys by their handling, each with the dialects that have it.
fn told(title: &str, of: &str, tell: impl Fn(Fate) -> Option<String>) -> String {
    let mut rows = BTreeMap::<(String, String), Vec<&str>>::new();
    for (dialect, name) in Dialect::ALL.into_iter().zip(["0.15", "0.20", "0.28"]) {
        for key in listed(dialect) {
            if let Some(what) = tell(key.fate) {
                rows.entry((key.path.clone(), what)).or_default().push(name);
            }
        }
    }
    let rows: String = (rows.iter())
        .map(|((key, what), dialects)| format!("| `{key}` | {} | {what} |\n", dialects.join(", ")))
        .collect();
    format!("\n## {title}\n\n| key | in | {of} |\n|---|---|---|\n{rows}")
}

fn listed(dialect: Dialect) -> impl Iterator<Item = &'static Key> {
    let keys = dialect.table().keys.iter();
    keys.filter(|key| !key.path.starts_with("defaults."))
}
