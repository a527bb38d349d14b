//! The effect of each operation on an object.

use super::Error;
use super::conditions::{self, Condition};
use super::json::Json;
use super::model::{self, Operation};
use super::names::{Names, Pattern};
use super::path::{self, Path, Place};

/// A patch, ready to be applied.
#[derive(Clone, Debug)]
pub(super) struct Prepared {
    path: Path,
    conditions: Vec<Condition>,
    action: Action,
}

#[derive(Clone, Debug)]
enum Action {
    Rename(Rename),
    LabelKey,
    Labels,
    Selector,
    Copy(Path),
    Add(Json),
    Replace(Json),
    Remove,
}

/// The places of the names that `rewriteName` changes.
#[derive(Clone, Debug)]
struct Rename {
    name: Option<Path>,
    namespace: Option<Path>,
    pattern: Option<Pattern>,
}

impl Prepared {
    pub(super) fn new(patch: &model::Patch) -> Result<Self, Error> {
        let path = Path::parse(&patch.path)?;
        let optional = |text: &Option<String>| text.as_deref().map(Path::parse).transpose();
        let value = || patch.value.as_ref().map(Json::from).unwrap_or_default();
        let action = match patch.op {
            Operation::RewriteName => Action::Rename(Rename {
                name: optional(&patch.name_path)?,
                namespace: optional(&patch.namespace_path)?,
                pattern: patch.regex.as_deref().map(Pattern::parse).transpose()?,
            }),
            Operation::RewriteLabelKey => Action::LabelKey,
            Operation::RewriteLabelSelector => Action::Labels,
            Operation::RewriteLabelExpressionsSelector => Action::Selector,
            Operation::CopyFromObject => {
                Action::Copy(optional(&patch.from_path)?.unwrap_or_else(|| path.clone()))
            }
            Operation::Add => Action::Add(value()),
            Operation::Replace => Action::Replace(value()),
            Operation::Remove => Action::Remove,
        };
        let conditions = patch.conditions.iter().map(Condition::parse);
        Ok(Self {
            path,
            conditions: conditions.collect::<Result<_, _>>()?,
            action,
        })
    }

    /// Returns a patch that removes the values that this one changes.
    pub(super) fn without(&self) -> Self {
        Self {
            path: self.path.clone(),
            conditions: Vec::new(),
            action: Action::Remove,
        }
    }

    /// Returns true if it uses the other side's object.
    pub(super) fn looks_across(&self) -> bool {
        matches!(self.action, Action::Copy(_))
    }

    /// Changes an object; `other` is the other side's, if there is one.
    pub(super) fn apply(
        &self,
        object: &mut Json,
        other: Option<&Json>,
        names: &dyn Names,
    ) -> Result<(), Error> {
        match &self.action {
            Action::Rename(rename) => self.rename(rename, object, names),
            Action::LabelKey => self.check(object, "a label's key", |value| {
                matches!(value, Json::Text(_) | Json::Null)
            }),
            Action::Labels => self.check(object, "a map of labels", conditions::is_labels),
            Action::Selector => self.check(object, "a label selector", conditions::is_selector),
            Action::Copy(from) => self.copy(from, object, other),
            Action::Add(value) => {
                self.add(object, value);
                Ok(())
            }
            Action::Replace(value) => {
                self.each(object, |object, place| {
                    if let Some(there) = path::at_mut(object, place) {
                        *there = value.clone();
                    }
                });
                Ok(())
            }
            Action::Remove => {
                self.each(object, path::take);
                Ok(())
            }
        }
    }

    /// Returns the places that the path leads to and that meet the conditions. The last one comes first, so that a change at one
    /// does not move the others.
    fn places(&self, object: &Json) -> Vec<Place> {
        let mut places = self.path.places(object);
        places.retain(|place| conditions::all_hold(&self.conditions, object, path::at(object, place)));
        places.reverse();
        places
    }

    fn each(&self, object: &mut Json, mut change: impl FnMut(&mut Json, &[path::Step])) {
        for place in self.places(object) {
            change(object, &place);
        }
    }

    /// Checks the type of values. Labels have the same keys on both sides, so nothing is rewritten; but a value that is no label
    /// is still an error.
    fn check(&self, object: &Json, what: &'static str, fits: impl Fn(&Json) -> bool) -> Result<(), Error> {
        let wrong =
            |place: &Place| !path::at(object, place).is_some_and(|value| *value == Json::Null || fits(value));
        if self.places(object).iter().any(wrong) {
            return Err(Error::Unfit {
                path: self.path.to_string(),
                what,
            });
        }
        Ok(())
    }

    fn copy(&self, from: &Path, object: &mut Json, other: Option<&Json>) -> Result<(), Error> {
        let Some(other) = other else { return Ok(()) };
        let value = match from.values(other)[..] {
            [] => None,
            [value] => Some(value.clone()),
            _ => return Err(Error::Several(from.to_string())),
        };
        match value {
            Some(value) if self.path.places(object).is_empty() => {
                if conditions::all_hold(&self.conditions, object, None) {
                    self.path.make(object, value);
                }
            }
            Some(value) => self.each(object, |object, place| {
                if let Some(there) = path::at_mut(object, place) {
                    *there = value.clone();
                }
            }),
            None => self.each(object, path::take),
        }
        Ok(())
    }

    fn add(&self, object: &mut Json, value: &Json) {
        if self.path.places(object).is_empty() {
            if conditions::all_hold(&self.conditions, object, None) {
                self.path.make(object, value.clone());
            }
            return;
        }
        self.each(object, |object, place| match path::at_mut(object, place) {
            Some(Json::List(items)) => items.push(value.clone()),
            Some(Json::Map(entries)) => {
                if let Json::Map(more) = value {
                    entries.extend(more.clone());
                }
            }
            Some(there) => *there = value.clone(),
            None => {}
        });
    }

    fn rename(&self, rename: &Rename, object: &mut Json, names: &dyn Names) -> Result<(), Error> {
        // Conditions are about what holds the name, which for a plain one is the object itself.
        for place in self.path.places(object) {
            let below = match path::at(object, &place) {
                Some(Json::Map(_)) => vec![place],
                Some(Json::List(items)) => {
                    let item = |at| place.iter().cloned().chain([path::Step::Item(at)]).collect();
                    (0..items.len()).map(item).collect()
                }
                Some(Json::Text(name))
                    if conditions::all_hold(&self.conditions, object, path::at(object, &place)) =>
                {
                    let renamed = rename.renamed(name, None, names);
                    if let Some(there) = path::at_mut(object, &place) {
                        *there = renamed.into();
                    }
                    continue;
                }
                _ => continue,
            };
            for place in below {
                if let Some(holder) = path::at_mut(object, &place) {
                    rename.within(holder, &self.conditions, names)?;
                }
            }
        }
        Ok(())
    }
}

impl Rename {
    /// Renames in a value that has a name and maybe the name's namespace.
    fn within(&self, holder: &mut Json, conditions: &[Condition], names: &dyn Names) -> Result<(), Error> {
        let Some(name) = &self.name else { return Ok(()) };
        let spaces = self
            .namespace
            .as_ref()
            .map(|path| path.places(holder))
            .unwrap_or_default();
        if let ([_, _, ..], Some(path)) = (&spaces[..], &self.namespace) {
            return Err(Error::Several(path.to_string()));
        }
        let text = |holder: &Json, place: &Place| match path::at(holder, place) {
            Some(Json::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let namespace = spaces.first().and_then(|place| text(holder, place));
        let before = holder.clone();
        let holds = |place: &Place| conditions::all_hold(conditions, &before, path::at(&before, place));
        for place in name.places(&before).iter().filter(|place| holds(place)) {
            if let (Some(name), Some(there)) = (text(&before, place), path::at_mut(holder, place)) {
                *there = self.renamed(&name, namespace.as_deref(), names).into();
            }
        }
        for place in spaces.iter().filter(|place| holds(place)) {
            if let (Some(namespace), Some(there)) = (&namespace, path::at_mut(holder, place)) {
                *there = names.namespace(namespace).into();
            }
        }
        Ok(())
    }

    fn renamed(&self, name: &str, namespace: Option<&str>, names: &dyn Names) -> String {
        match &self.pattern {
            Some(pattern) => pattern.rename(name, namespace, names),
            None => names.name(name, namespace),
        }
    }
}
