//! Types of a dialect's table of keys: each key, its shape, and its handling.

use super::forms::Form;

/// A row of a table. In the path, and in the place of [`Fate::Read`], `{a,b}` stands for several keys; `[]` is an item of a list
/// and `*` a name that the user chooses.
pub(super) type Row = (&'static str, Shape, Fate);

/// The shape of a key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// True or false.
    Bool,
    /// True, false or `auto`.
    Switch,
    /// A text.
    Text,
    /// One of these texts.
    OneOf(&'static [&'static str]),
    /// An integer.
    Whole,
    /// A list of texts.
    Texts,
    /// A mapping of texts.
    Labels,
    /// A mapping, in Kubernetes' own form.
    Object,
    /// A list of mappings, in Kubernetes' own form.
    Objects,
    /// A mapping of the keys that the table has below it.
    Keys,
    /// A list of mappings of the keys that the table has below it; each has to have these.
    Items(&'static [&'static str]),
    /// A list of patches, as [`Shape::Items`]; [`super::patch_rules`] has the combinations of their keys.
    Patches,
    /// A mapping of names to mappings of the keys that the table has below it; each has to have these.
    Named(&'static [&'static str]),
    /// Anything.
    Any,
}

/// The handling of a key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// The value is read into the model at this place; if empty, at the key's own path.
    Read(Form, &'static str),
    /// The value is part of that of a key above it.
    Inside,
    /// The syncer does nothing with it: its switch is another key, or it is vcluster's own bookkeeping. A key with this name
    /// means the same in another dialect; if empty, the name is the key's own path.
    Idle(Form, &'static str),
    /// The key is required, and has to be true.
    Required,
    /// Only this value is accepted, which is the default; the text is the reason.
    Only(&'static str, &'static str),
    /// The key is accepted if it is off; the text says what is not supported.
    Refuse(&'static str),
}

/// The value is read as it is, to a place of the same name.
pub(super) const SAME: Fate = Fate::Read(Form::Plain, "");

/// The syncer does nothing with it, and it keeps its name.
pub(super) const IDLE: Fate = Fate::Idle(Form::Plain, "");

/// The fate of keys that deploy objects into the guest: its own kubeconfig is to be used for that.
pub(super) const DEPLOY: Fate = Fate::Refuse(
    "apply manifests (`kubectl apply`) and charts (`helm install`) with the virtual cluster's kubeconfig, once Secret \
     vc-NAME has it",
);

/// All keys of a kind of document.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) keys: Vec<Key>,
}

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) path: String,
    pub(super) shape: Shape,
    pub(super) fate: Fate,
    /// The place in the model of a key that is read; the common name of a key that is idle.
    pub(super) to: String,
}

impl Table {
    /// Creates a table of parts, each with a prefix of its paths and a prefix of its places.
    pub(super) fn of(parts: &[(&str, &str, &[Row])]) -> Self {
        let rows = parts
            .iter()
            .flat_map(|(path, place, rows)| rows.iter().map(move |row| (*path, *place, *row)));
        let keys = rows.flat_map(|(before_path, before_place, (paths, shape, fate))| {
            let to = match fate {
                Fate::Read(_, "") | Fate::Idle(_, "") => paths,
                Fate::Read(_, to) | Fate::Idle(_, to) => to,
                Fate::Inside | Fate::Required | Fate::Only(..) | Fate::Refuse(_) => "",
            };
            let paths = expand(paths);
            // One place for several keys, or a place each.
            let places = expand(to).into_iter().cycle();
            paths.into_iter().zip(places).map(move |(path, to)| Key {
                path: format!("{before_path}{path}"),
                shape,
                fate,
                to: format!("{before_place}{to}"),
            })
        });
        Self { keys: keys.collect() }
    }

    /// Returns the key at a path.
    pub(super) fn get(&self, path: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.path == path)
    }

    /// Returns true if a path is that of a key, or a prefix of one.
    pub(super) fn knows(&self, path: &str) -> bool {
        self.keys.iter().any(|key| is_within(&key.path, path))
    }
}

/// Returns true if a path is another one or below it.
pub(super) fn is_within(path: &str, above: &str) -> bool {
    path.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || rest.starts_with("[]"))
}

/// Expands the alternatives: `a.{b,c.{d,e}}` is `a.b`, `a.c.d` and `a.c.e`.
pub(super) fn expand(pattern: &str) -> Vec<String> {
    let Some(open) = pattern.find('{') else {
        return vec![pattern.to_owned()];
    };
    let mut depth = 0;
    let mut parts = vec![open + 1];
    for (at, character) in pattern.char_indices().skip(open) {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => parts.push(at + 1),
            _ => {}
        }
        if depth == 0 {
            parts.push(at + 1);
            break;
        }
    }
    let (before, after) = (
        &pattern[..open],
        &pattern[parts.last().copied().unwrap_or(pattern.len())..],
    );
    let alternatives = parts.windows(2).map(|ends| &pattern[ends[0]..ends[1] - 1]);
    alternatives
        .flat_map(|alternative| expand(&format!("{before}{alternative}{after}")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_are_written_out() {
        assert_eq!(expand("a.{b,c.{d,e}}.f"), ["a.b.f", "a.c.d.f", "a.c.e.f"]);
        assert_eq!(expand("a"), ["a"]);
    }

    #[test]
    fn alternatives_have_a_place_each() {
        let rows: &[Row] = &[("a.{b,c}", Shape::Bool, Fate::Read(Form::Plain, "{x,y}.z"))];
        let table = Table::of(&[("d.", "e.", rows)]);
        let places: Vec<_> = table.keys.iter().map(|key| (&*key.path, &*key.to)).collect();
        assert_eq!(places, [("d.a.b", "e.x.z"), ("d.a.c", "e.y.z")]);
    }
}
