//! The check of a document against a table. It returns the document's values at the table's keys, or the problems.

use serde_json::Value;

use super::nearest::nearest;
use super::table::{Fate, Shape, Table};
use super::tree::Tree;
use super::{Problem, What, patch_rules};

/// A value of a document.
#[derive(Debug)]
pub(super) struct Said<'a> {
    /// The key's path in the table.
    pub(super) path: String,
    /// The key in messages.
    pub(super) shown: String,
    /// Its line.
    pub(super) line: u64,
    /// Its value.
    pub(super) tree: &'a Tree,
}

/// Result of a check.
#[derive(Debug, Default)]
pub(super) struct Checked<'a> {
    /// The values at keys that are read, idle or required.
    pub(super) said: Vec<Said<'a>>,
    /// Everything in it that is not in the table, of the wrong shape or not supported.
    pub(super) problems: Vec<Problem>,
}

/// The prefix of top-level keys that have no meaning of their own: a place for anchors.
pub(super) const EXTENSION: &str = "x-";

/// The reason for which a single host namespace for all guest namespaces is refused.
pub(super) const SINGLE_NAMESPACE: &str = "the syncer always gives each guest namespace a host namespace of its own, \
                                           so multi-namespace mode has to be on";

/// Checks a whole document.
pub(super) fn check<'a>(table: &Table, document: &'a Tree) -> Checked<'a> {
    let mut check = Check {
        table,
        checked: Checked::default(),
    };
    check.children(&Place::default(), document);
    check.checked
}

struct Check<'a, 't> {
    table: &'t Table,
    checked: Checked<'a>,
}

/// The place of the check in a document.
#[derive(Clone, Debug)]
struct Place {
    path: String,
    shown: String,
    line: u64,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            path: String::new(),
            shown: String::new(),
            line: 1,
        }
    }
}

impl Place {
    fn below(&self, step: &str, name: &str, line: u64) -> Self {
        let join = |above: &str, key: &str| match above {
            "" => key.to_owned(),
            above => format!("{above}.{key}"),
        };
        Self {
            path: join(&self.path, step),
            shown: join(&self.shown, name),
            line,
        }
    }

    fn item(&self, line: u64) -> Self {
        Self {
            path: format!("{}[]", self.path),
            shown: self.shown.clone(),
            line,
        }
    }
}

impl<'a> Check<'a, '_> {
    fn problem(&mut self, place: &Place, what: What) {
        let line = place.line;
        self.checked.problems.push(Problem { line, what });
    }

    fn malformed(&mut self, place: &Place, has_to: &str) {
        let message = format!("`{}` {has_to}", place.shown);
        self.problem(place, What::Malformed(message));
    }

    fn not_done(&mut self, place: &Place, why: String) {
        let key = place.shown.clone();
        self.problem(place, What::NotDone { key, why });
    }

    fn children(&mut self, place: &Place, tree: &'a Tree) {
        let Tree::Map(entries) = tree else {
            if !tree.is_null() {
                self.malformed(place, "holds further keys, nothing else");
            }
            return;
        };
        for (key, value) in entries {
            let below = place.below(&key.value, &key.value, key.referenced.line());
            if place.path.is_empty() && key.value.starts_with(EXTENSION) {
                continue;
            }
            if self.table.knows(&below.path) {
                self.key(&below, &value.value);
            } else {
                let nearest = nearest(self.table, &place.path, &place.shown, &key.value);
                let key = below.shown.clone();
                self.problem(&below, What::Unknown { key, nearest });
            }
        }
    }

    fn key(&mut self, place: &Place, tree: &'a Tree) {
        let Some(key) = self.table.get(&place.path) else {
            return self.children(place, tree);
        };
        if tree.is_null() {
            return;
        }
        match key.fate {
            Fate::Refuse(why) => {
                if !tree.is_off() {
                    self.not_done(place, why.to_owned());
                }
                return;
            }
            Fate::Only(value, why) => {
                if tree.plain().as_deref() != Some(value) {
                    self.not_done(place, format!("only {value} will do: {why}"));
                }
                return;
            }
            Fate::Required if tree.plain().as_deref() != Some("true") => {
                return self.not_done(place, format!("only true will do: {SINGLE_NAMESPACE}"));
            }
            Fate::Required | Fate::Read(..) | Fate::Idle(..) => self.checked.said.push(Said {
                path: place.path.clone(),
                shown: place.shown.clone(),
                line: place.line,
                tree,
            }),
            Fate::Inside => {}
        }
        self.shape(key.shape, place, tree);
    }

    fn shape(&mut self, shape: Shape, place: &Place, tree: &'a Tree) {
        let is_text = |tree: &Tree| matches!(tree, Tree::Leaf(Value::String(_)));
        let (fits, has_to) = match (shape, tree) {
            (Shape::Any, _) => return,
            (Shape::Keys, tree) => return self.children(place, tree),
            (Shape::Items(_) | Shape::Patches, Tree::List(items)) => {
                for item in items {
                    self.item(shape, &place.item(item.referenced.line()), &item.value);
                }
                return;
            }
            (Shape::Named(required), Tree::Map(entries)) => {
                for (name, value) in entries {
                    let below = place.below("*", &name.value, name.referenced.line());
                    self.children(&below, &value.value);
                    self.require(required, &below, &value.value);
                }
                return;
            }
            (Shape::Bool, tree) => (
                matches!(tree, Tree::Leaf(Value::Bool(_))),
                "has to be true or false".to_owned(),
            ),
            (Shape::Switch, tree) => (
                matches!(tree.plain().as_deref(), Some("true" | "false" | "auto")),
                "has to be true, false or auto".to_owned(),
            ),
            (Shape::Text, tree) => (is_text(tree), "has to be a text; quotes make it one".to_owned()),
            (Shape::OneOf(texts), tree) => (
                tree.plain().is_some_and(|text| texts.contains(&&*text)),
                format!("has to be one of {}", texts.join(", ")),
            ),
            (Shape::Whole, tree) => (
                matches!(tree, Tree::Leaf(Value::Number(number)) if number.as_u64().is_some_and(|number| number <= 1_000)),
                "has to be a whole number, at most 1000".to_owned(),
            ),
            (Shape::Texts, tree) => (
                matches!(tree, Tree::List(items) if items.iter().all(|item| is_text(&item.value))),
                "has to be a list of texts".to_owned(),
            ),
            (Shape::Labels, tree) => (
                matches!(tree, Tree::Map(entries) if entries.iter().all(|(_, value)| is_text(&value.value))),
                "has to hold names and texts; quotes make a text of a number".to_owned(),
            ),
            (Shape::Object, tree) => (
                matches!(tree, Tree::Map(_)),
                "holds further keys, nothing else".to_owned(),
            ),
            (Shape::Objects, tree) => (
                matches!(tree, Tree::List(items) if items.iter().all(|item| matches!(item.value, Tree::Map(_)))),
                "has to be a list of objects".to_owned(),
            ),
            (Shape::Items(_) | Shape::Patches, _) => (false, "has to be a list".to_owned()),
            (Shape::Named(_), _) => (false, "holds further keys, nothing else".to_owned()),
        };
        if !fits {
            self.malformed(place, &has_to);
        }
    }

    fn item(&mut self, shape: Shape, place: &Place, item: &'a Tree) {
        let before = self.checked.problems.len();
        self.children(place, item);
        match shape {
            Shape::Items(required) => self.require(required, place, item),
            Shape::Patches => {
                self.require(&["op", "path"], place, item);
                // A misspelled key is reported as that, not as something that does not go with the rest.
                if self.checked.problems.len() == before {
                    let problems = patch_rules::check(item, &place.shown, place.line);
                    self.checked.problems.extend(problems);
                }
            }
            _ => {}
        }
    }

    fn require(&mut self, required: &[&str], place: &Place, tree: &Tree) {
        for key in required {
            if matches!(tree, Tree::Map(_)) && tree.get(key).is_none_or(|(_, value)| value.is_null()) {
                self.malformed(place, &format!("has to have `{key}`"));
            }
        }
    }
}
