//! The differences that are intended, and the reasons.
//!
//! `explained.toml` lists them as patterns. An explanation that no difference needs is reported too, because it is
//! outdated.

use serde::Deserialize;

use super::Difference;

/// The file is beside this file's module, so that it is changed together with the code that it explains.
const TEXT: &str = include_str!("../../explained.toml");

/// The differences that are intended.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Explanations {
    #[serde(default, rename = "difference")]
    all: Vec<Explanation>,
}

/// One thing that is meant to differ.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Explanation {
    /// The two kinds of virtual cluster, in either order.
    between: [String; 2],
    /// The objects, as `kind/guest namespace/name`, with `*` for anything.
    objects: String,
    /// The place in them, with `*` for anything; without it, that one side does not have the object at all.
    #[serde(default)]
    path: String,
    /// The reason.
    why: String,
}

/// The data file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("understand the explanations that this program was built with")]
pub struct Error(#[source] Box<toml::de::Error>);

/// Returns the explanations that this program was built with.
pub fn built_in() -> Result<Explanations, Error> {
    parse(TEXT)
}

fn parse(text: &str) -> Result<Explanations, Error> {
    toml::from_str(text).map_err(|source| Error(Box::new(source)))
}

impl Explanations {
    /// Returns the explanations for these two kinds of virtual cluster.
    #[must_use]
    pub fn between(mut self, left: &str, right: &str) -> Self {
        self.all.retain(|explanation| {
            let [one, other] = &explanation.between;
            (one == left && other == right) || (one == right && other == left)
        });
        self
    }

    /// Adds the reason to each difference that is explained. Returns the explanations too that no difference needed.
    #[must_use]
    pub fn explain(&self, mut differences: Vec<Difference>) -> (Vec<Difference>, Vec<String>) {
        let mut needed = vec![false; self.all.len()];
        for difference in &mut differences {
            let found = self
                .all
                .iter()
                .position(|explanation| explanation.is_of(difference));
            if let Some(index) = found {
                needed[index] = true;
                difference.why = Some(self.all[index].why.clone());
            }
        }
        let unneeded = self.all.iter().zip(needed).filter(|(_, needed)| !needed);
        let unneeded = unneeded.map(|(explanation, _)| {
            format!(
                "{} {}: {}",
                explanation.objects, explanation.path, explanation.why
            )
        });
        (differences, unneeded.collect())
    }
}

impl Explanation {
    fn is_of(&self, difference: &Difference) -> bool {
        fits(&self.objects, &difference.object) && fits(&self.path, difference.path())
    }
}

/// Returns true if `text` matches `pattern`, in which `*` stands for any text, including none.
fn fits(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(before) else {
        return false;
    };
    (0..=rest.len())
        .filter(|&at| rest.is_char_boundary(at))
        .any(|at| fits(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::Kind;
    use super::*;

    #[rstest]
    #[case::as_it_is("Pod/default/a", "Pod/default/a", true)]
    #[case::longer("Pod/default/a", "Pod/default/ab", false)]
    #[case::anything("Pod/*/a*", "Pod/default/abc", true)]
    #[case::nothing("*", "", true)]
    #[case::whole_object("", "spec.x", false)]
    #[case::again("*.b.*", "a.b.b.c", true)]
    fn a_pattern_fits(#[case] pattern: &str, #[case] text: &str, #[case] yes: bool) {
        assert_eq!(fits(pattern, text), yes);
    }

    #[test]
    fn what_is_meant_is_explained_and_the_rest_is_not() {
        let text = "[[difference]]\nbetween = [\"embedded\", \"vcluster\"]\nobjects = \"Pod/*\"\npath = \"spec.x\"\nwhy = \"meant\"\n\
                    [[difference]]\nbetween = [\"vcluster\", \"embedded\"]\nobjects = \"Secret/*\"\nwhy = \"no longer\"\n";
        let field = |path: &str| Difference {
            object: "Pod/default/a".to_owned(),
            kind: Kind::Field {
                path: path.to_owned(),
                left: Some("1".to_owned()),
                right: None,
            },
            why: None,
        };
        let explanations = parse(text).expect("it is fine").between("vcluster", "embedded");
        let (told, unneeded) = explanations.explain(vec![field("spec.x"), field("spec.y")]);
        let whys: Vec<_> = told.iter().map(|it| it.why.as_deref()).collect();
        assert_eq!(whys, [Some("meant"), None]);
        assert_eq!(unneeded, ["Secret/* : no longer"]);
    }

    #[test]
    fn those_of_this_program_can_be_read() {
        built_in().expect("explained.toml is part of the program");
    }
}
