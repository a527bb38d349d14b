//! Mappings of host objects to guest objects: entries of vcluster's `mappings.byName` and `replicateServices`.

use std::fmt;

/// A mapping of host objects to guest objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mapping {
    /// The host namespace.
    pub from_namespace: String,
    /// The guest namespace.
    pub to_namespace: String,
    /// The name on the host and the name in the guest; `None` for all objects of the namespace, under their own names.
    pub names: Option<(String, String)>,
}

impl Mapping {
    /// Returns true if it maps all objects of a host namespace.
    #[must_use]
    pub fn is_all_of(&self, namespace: &str) -> bool {
        self.from_namespace == namespace && self.names.is_none()
    }

    /// Reads the mapping of one Service, `NAMESPACE/NAME` on both sides. On the host's side, a name alone is in the namespace of
    /// the control plane, which is `own`.
    ///
    /// # Errors
    ///
    /// The mapping is invalid; the error is a sentence about it.
    pub fn of_service(from: &str, to: &str, own: &str) -> Result<Self, String> {
        let beside_it = format!("/{from}");
        let mapping = Self::parse(if from.contains('/') { from } else { &beside_it }, to, own)?;
        match mapping.names {
            Some(_) => Ok(mapping),
            None => Err(format!(
                "\"{from}\": \"{to}\": each side is one Service, by its name"
            )),
        }
    }

    /// Reads a mapping as vcluster writes it. `own` is the namespace of the control plane, which an empty namespace on the host's
    /// side stands for.
    ///
    /// | host | guest | |
    /// |---|---|---|
    /// | `a/*` | `b/*` | all of a namespace |
    /// | `a/name` | `b/other` | one object |
    /// | (empty) | `b`, `b/*` | all of the control plane's namespace |
    /// | `/name` | `b/other` | one object of it |
    ///
    /// # Errors
    ///
    /// The mapping is invalid; the error is a sentence about it.
    pub fn parse(from: &str, to: &str, own: &str) -> Result<Self, String> {
        let wrong = |why: &str| Err(format!("\"{from}\": \"{to}\": {why}"));
        let (from_namespace, from_name) = match from {
            "" => (own, "*"),
            _ => match from.split_once('/') {
                Some(("", name)) => (own, name),
                Some((namespace, name)) => (namespace, name),
                None => return wrong("the host's side is NAMESPACE/NAME or NAMESPACE/*"),
            },
        };
        let (to_namespace, to_name) = match to.split_once('/') {
            Some(to) => to,
            None if from.is_empty() => (to, "*"),
            None => return wrong("the guest's side is NAMESPACE/NAME or NAMESPACE/*"),
        };
        if [from_namespace, from_name, to_namespace, to_name]
            .iter()
            .any(|part| part.is_empty() || part.contains('/'))
        {
            return wrong("each side is a namespace, a slash, and a name or `*`");
        }
        let names = match (from_name, to_name) {
            ("*", "*") => None,
            ("*", _) | (_, "*") => return wrong("either both sides name an object, or both are `*`"),
            (from, to) => Some((from.to_owned(), to.to_owned())),
        };
        Ok(Self {
            from_namespace: from_namespace.to_owned(),
            to_namespace: to_namespace.to_owned(),
            names,
        })
    }
}

/// `a/name` or `a/*`: the host's side.
impl fmt::Display for Mapping {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.names.as_ref().map_or("*", |(from, _)| from.as_str());
        write!(formatter, "{}/{name}", self.from_namespace)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::all("a/*", "b/*", "a", "b", None)]
    #[case::one("a/x", "b/y", "a", "b", Some(("x", "y")))]
    #[case::all_beside_it("", "b/*", "own", "b", None)]
    #[case::all_beside_it_in_short("", "b", "own", "b", None)]
    #[case::one_beside_it("/x", "b/x", "own", "b", Some(("x", "x")))]
    fn a_mapping_is_read_as_vcluster_reads_it(
        #[case] from: &str,
        #[case] to: &str,
        #[case] from_namespace: &str,
        #[case] to_namespace: &str,
        #[case] names: Option<(&str, &str)>,
    ) {
        let expected = Mapping {
            from_namespace: from_namespace.to_owned(),
            to_namespace: to_namespace.to_owned(),
            names: names.map(|(from, to)| (from.to_owned(), to.to_owned())),
        };
        assert_eq!(Mapping::parse(from, to, "own"), Ok(expected));
    }

    #[rstest]
    #[case::beside_the_control_plane("x", "b/y", Some("own"))]
    #[case::elsewhere("a/x", "b/y", Some("a"))]
    #[case::all("a/*", "b/*", None)]
    #[case::no_namespace_in_the_guest("a/x", "y", None)]
    #[case::nothing("", "b/y", None)]
    fn a_service_is_mapped_by_its_name(
        #[case] from: &str,
        #[case] to: &str,
        #[case] namespace: Option<&str>,
    ) {
        let read = Mapping::of_service(from, to, "own").ok();
        assert_eq!(read.as_ref().map(|read| read.from_namespace.as_str()), namespace);
        let expected = namespace.map(|_| Some(("x".to_owned(), "y".to_owned())));
        assert_eq!(read.map(|read| read.names), expected);
    }

    #[rstest]
    #[case::no_slash("a", "b/*")]
    #[case::no_slash_in_the_guest("a/x", "b")]
    #[case::no_slash_for_all("a/*", "b")]
    #[case::nothing("", "")]
    #[case::all_for_one_beside_it("", "b/x")]
    #[case::one_for_all("a/*", "b/x")]
    #[case::all_for_one("a/x", "b/*")]
    #[case::no_namespace_in_the_guest("a/x", "/x")]
    #[case::two_slashes("a/x/y", "b/x")]
    fn a_mapping_that_says_nothing_is_refused(#[case] from: &str, #[case] to: &str) {
        let refused = Mapping::parse(from, to, "own").unwrap_err();
        assert!(
            refused.starts_with(&format!("\"{from}\": \"{to}\": ")),
            "{refused}"
        );
    }
}
