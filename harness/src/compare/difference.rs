//! The differences between the objects of two sides.

use std::collections::BTreeSet;

use serde::Serialize;

use super::objects::{Objects, Parts};

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The object, as `kind/guest namespace/name`.
    pub object: String,
    /// The kind of difference.
    #[serde(flatten)]
    pub kind: Kind,
    /// The reason why it is intended. Without one, the difference is unexplained.
    pub why: Option<String>,
}

/// The kinds of difference in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "difference", rename_all = "snake_case")]
pub enum Kind {
    /// Only the left has it.
    OnlyLeft,
    /// Only the right has it.
    OnlyRight,
    /// Both have it, with different values in one field.
    Field {
        /// The path of the field, such as `spec.containers[daprd].image`.
        path: String,
        /// The value on the left, if there is one.
        left: Option<String>,
        /// The value on the right, if there is one.
        right: Option<String>,
    },
}

impl Difference {
    /// Returns the path of the field in the object. The path is empty if the whole object differs.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.kind {
            Kind::OnlyLeft | Kind::OnlyRight => "",
            Kind::Field { path, .. } => path,
        }
    }
}

/// Returns all differences, in the order of the objects.
pub(super) fn between(left: &Objects, right: &Objects) -> Vec<Difference> {
    let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    let mut found = Vec::new();
    for key in keys {
        let difference = |kind| Difference {
            object: key.clone(),
            kind,
            why: None,
        };
        match (left.get(key), right.get(key)) {
            (Some(_), None) => found.push(difference(Kind::OnlyLeft)),
            (None, Some(_)) => found.push(difference(Kind::OnlyRight)),
            (Some(left), Some(right)) => found.extend(fields(left, right).map(difference)),
            (None, None) => {}
        }
    }
    found
}

fn fields<'a>(left: &'a Parts, right: &'a Parts) -> impl Iterator<Item = Kind> + 'a {
    let paths: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    paths
        .into_iter()
        .filter(|&path| left.get(path) != right.get(path))
        .map(|path| Kind::Field {
            path: path.clone(),
            left: left.get(path).cloned(),
            right: right.get(path).cloned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(object: &str, parts: &[(&str, &str)]) -> Objects {
        let parts = parts
            .iter()
            .map(|&(path, text)| (path.to_owned(), text.to_owned()));
        [(object.to_owned(), parts.collect())].into()
    }

    #[test]
    fn equal_fields_are_not_reported() {
        let left = objects("Pod/default/a", &[("spec.x", "1"), ("spec.y", "2")]);
        assert_eq!(between(&left, &left), []);
    }

    #[test]
    fn fields_and_whole_objects_are_reported_with_their_side() {
        let left = objects("Pod/default/a", &[("spec.x", "1"), ("spec.y", "2")]);
        let mut right = objects("Pod/default/a", &[("spec.x", "3"), ("spec.z", "4")]);
        right.extend(objects("Secret/default/b", &[]));
        let found = between(&left, &right);
        let told: Vec<_> = found
            .iter()
            .map(|difference| match &difference.kind {
                Kind::Field { path, left, right } => (path.as_str(), left.as_deref(), right.as_deref()),
                Kind::OnlyLeft => ("", Some(&*difference.object), None),
                Kind::OnlyRight => ("", None, Some(&*difference.object)),
            })
            .collect();
        assert_eq!(
            told,
            [
                ("spec.x", Some("1"), Some("3")),
                ("spec.y", Some("2"), None),
                ("spec.z", None, Some("4")),
                ("", None, Some("Secret/default/b")),
            ]
        );
    }
}
