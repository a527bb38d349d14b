//! The content of a values file without its dialect: its values by the places of the model, each with its key.

use serde_json::{Map, Value};

use super::check::{self, SINGLE_NAMESPACE, Said};
use super::detect::detect;
use super::dialect::Dialect;
use super::forms::{EMBEDDED, Form, Read};
use super::table::{Fate, Table, is_within};
use super::tree::Tree;
use super::{Problem, What, v0_15};

/// The content of a values file.
#[derive(Debug)]
pub(super) struct Document {
    /// The file's dialect.
    pub(super) dialect: Dialect,
    /// The values that are read, by places of the model.
    pub(super) said: Value,
    /// The keys of the values.
    pub(super) sources: Vec<Source>,
    /// Known keys without an effect.
    pub(super) idle: Vec<Idle>,
}

/// The key of a value.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) place: String,
    pub(super) key: String,
    pub(super) line: u64,
}

/// A key that has no effect.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    /// The name of the key across dialects.
    pub(super) name: String,
    pub(super) value: Value,
    pub(super) key: String,
    pub(super) line: u64,
}

impl Document {
    /// Reads a text in a dialect, or in the one that its keys show.
    pub(super) fn read(text: &str, dialect: Option<Dialect>) -> Result<Self, Vec<Problem>> {
        let tree = Tree::parse(text).map_err(|problem| vec![problem])?;
        let dialect = match dialect {
            Some(dialect) => dialect,
            None => detect(&tree).map_err(|problem| vec![problem])?,
        };
        let mut document = Self {
            dialect,
            said: Value::Object(Map::new()),
            sources: Vec::new(),
            idle: Vec::new(),
        };
        let checked = check::check(dialect.table(), &tree);
        let mut problems = checked.problems;
        problems.extend(missing(dialect, &tree));
        if dialect == Dialect::V0_15 {
            problems.extend(v0_15::contradiction(&tree));
        }
        for said in &checked.said {
            problems.extend(embedded(dialect.table(), said, &tree));
        }
        // A misspelled key is reported as that, not as something that is missing.
        if problems.is_empty() {
            for said in &checked.said {
                problems.extend(document.take(said));
            }
        }
        if problems.is_empty() {
            return Ok(document);
        }
        problems.sort_by_key(|problem| problem.line);
        Err(problems)
    }

    /// Returns the key of the value at a place, or below or around it.
    pub(super) fn source(&self, place: &str) -> Option<&Source> {
        let mut sources = self.sources.iter();
        sources.find(|source| is_within(place, &source.place) || is_within(&source.place, place))
    }

    fn take(&mut self, said: &Said<'_>) -> Vec<Problem> {
        let Some(key) = self.dialect.table().get(&said.path) else {
            return Vec::new();
        };
        let (Fate::Read(form, _) | Fate::Idle(form, _)) = key.fate else {
            return Vec::new();
        };
        let value = said.tree.to_json();
        let malformed = |message: String| {
            let what = What::Malformed(format!("`{}` {message}", said.shown));
            vec![Problem {
                line: said.line,
                what,
            }]
        };
        match (form.read(value.clone()), key.fate) {
            (Err(message), _) => malformed(message),
            (Ok(Read::Nothing), _) => Vec::new(),
            (Ok(Read::Value(value)), Fate::Read(..)) => {
                let before = self.source(&key.to).cloned();
                if put(&mut self.said, &key.to, value).is_err() {
                    let before = before.map_or_else(String::new, |before| {
                        format!(", `{}` in line {}", before.key, before.line)
                    });
                    return malformed(format!(
                        "says another thing than what means the same here{before}"
                    ));
                }
                self.sources.push(Source {
                    place: key.to.clone(),
                    key: said.shown.clone(),
                    line: said.line,
                });
                Vec::new()
            }
            (Ok(Read::Value(value)), _) => {
                self.idle.push(Idle {
                    name: key.to.clone(),
                    value,
                    key: said.shown.clone(),
                    line: said.line,
                });
                Vec::new()
            }
            (Ok(Read::Idle), _) => {
                self.idle.push(Idle {
                    name: said.path.clone(),
                    value,
                    key: said.shown.clone(),
                    line: said.line,
                });
                Vec::new()
            }
        }
    }
}

/// Two keys have different values for one place.
#[derive(Debug)]
pub(super) struct Clash;

/// Sets a value at the end of a path of keys; lists from two keys are joined.
pub(super) fn put(into: &mut Value, path: &str, value: Value) -> Result<(), Clash> {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    if into.is_null() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(entries) = into else {
        return Err(Clash);
    };
    let at = entries.entry(first).or_insert(Value::Null);
    if !rest.is_empty() {
        return put(at, rest, value);
    }
    match (at, value) {
        (at @ Value::Null, value) => *at = value,
        (Value::Array(items), Value::Array(more)) => items.extend(more),
        (at, value) if *at == value => {}
        _ => return Err(Clash),
    }
    Ok(())
}

/// Returns the problem of a file without the dialect's required key, if it is missing.
fn missing(dialect: Dialect, document: &Tree) -> Option<Problem> {
    let required = dialect.required();
    let mut at = document;
    for step in required.split('.') {
        let Some((_, below)) = at.get(step) else {
            let what = What::NotDone {
                key: required.to_owned(),
                why: format!("not set, and off is its default; {SINGLE_NAMESPACE}"),
            };
            return Some(Problem { line: 0, what });
        };
        at = below;
    }
    None
}

/// Returns the problems in a text within the file, by the file's lines; none if the key holds no such text.
fn embedded(table: &Table, said: &Said<'_>, document: &Tree) -> Vec<Problem> {
    let form = table.get(&said.path).map(|key| key.fate);
    let (Some(Fate::Read(Form::Text, _)), Some(text)) = (form, said.tree.plain()) else {
        return Vec::new();
    };
    let problems = match Tree::parse(&text) {
        Ok(tree) => check::check(&Table::of(&[("", "", EMBEDDED)]), &tree).problems,
        Err(problem) => vec![problem],
    };
    let place = document.place_of(&said.path);
    let shift = |problem: Problem| match place {
        Some(place) => place.shift(problem),
        None => problem,
    };
    let inside = |key: String| format!("{}: {key}", said.shown);
    let named = |problem: Problem| {
        let what = match problem.what {
            What::Unknown { key, nearest } => What::Unknown {
                key: inside(key),
                nearest,
            },
            What::NotDone { key, why } => What::NotDone {
                key: inside(key),
                why,
            },
            What::Malformed(message) => What::Malformed(inside(message)),
            other @ (What::Mixed { .. } | What::NotSaid { .. }) => other,
        };
        Problem { what, ..problem }
    };
    problems.into_iter().map(named).map(shift).collect()
}
