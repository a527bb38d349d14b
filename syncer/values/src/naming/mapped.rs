//! Configured names of host namespaces, as in a values file of vcluster 0.28: a name for a name, or a prefix for a prefix
//! (`team-*: blue-team-*`). `${name}` is the virtual cluster's name.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use serde::Deserialize;

use super::is_label;

/// Placeholder for the virtual cluster's name.
const NAME: &str = "${name}";

/// Host namespaces by guest namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "BTreeMap<String, String>")]
pub struct MappedNamespaces(BTreeMap<String, String>);

impl MappedNamespaces {
    /// Returns the names for the virtual cluster of this name.
    pub(super) fn in_cluster(&self, name: &str) -> Self {
        let sides = |(guest, host): (&String, &String)| (guest.replace(NAME, name), host.replace(NAME, name));
        Self(self.0.iter().map(sides).collect())
    }

    /// Returns the host namespace of a guest namespace, if it is configured: a name takes precedence over a prefix, and a longer
    /// prefix over a shorter one.
    pub(super) fn host_namespace(&self, guest: &str) -> Option<String> {
        if let Some(host) = self.0.get(guest) {
            return Some(host.clone());
        }
        let beginnings = self.0.iter().filter_map(|(guests, hosts)| {
            let rest = guest.strip_prefix(guests.strip_suffix('*')?)?;
            Some((guests.len(), hosts.strip_suffix('*')?, rest))
        });
        let (_, beginning, rest) = beginnings.max()?;
        Some(format!("{beginning}{rest}"))
    }

    /// Returns the guest namespace of a host namespace, if it is configured by name.
    pub(super) fn guest_namespace(&self, host: &str) -> Option<&str> {
        let found = self.0.iter().find(|(_, chosen)| *chosen == host);
        found.map(|(guest, _)| guest.as_str())
    }
}

/// Checks the configured names; the error is a fragment that follows the key.
impl TryFrom<BTreeMap<String, String>> for MappedNamespaces {
    type Error = String;

    fn try_from(by_name: BTreeMap<String, String>) -> Result<Self, Self::Error> {
        let mut hosts = BTreeSet::new();
        for (guest, host) in &by_name {
            let refused = |why: &str| Err(format!("cannot have `{guest}` be `{host}`: {why}"));
            if guest.ends_with('*') != host.ends_with('*') {
                return refused("either both end in `*`, or none does");
            }
            if host == "*" {
                return refused("that is any namespace of the host; let it begin with something");
            }
            if let Some(wrong) = [guest, host].into_iter().find(|side| !is_name(side)) {
                return refused(&format!(
                    "`{wrong}` is no name of a namespace, nor the beginning of one and `*`"
                ));
            }
            if !hosts.insert(host) {
                return refused("another has that name already");
            }
        }
        Ok(Self(by_name))
    }
}

/// Reads `GUEST=HOST`, several separated by commas.
impl FromStr for MappedNamespaces {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let pairs = text.split(',').filter(|pair| !pair.is_empty()).map(|pair| {
            let (guest, host) = pair
                .split_once('=')
                .ok_or_else(|| format!("has `{pair}`, which is not GUEST=HOST"))?;
            Ok((guest.to_owned(), host.to_owned()))
        });
        Self::try_from(pairs.collect::<Result<BTreeMap<_, _>, String>>()?)
    }
}

/// Returns true if a text is a valid name of a namespace, or the prefix of one and `*`.
fn is_name(side: &str) -> bool {
    let name = side.replace(NAME, "n");
    match name.strip_suffix('*') {
        Some(beginning) => is_label(&format!("{beginning}n")),
        None => is_label(&name),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::a_name("house", Some("blue-house"))]
    #[case::a_beginning("team-a", Some("t-a"))]
    #[case::a_longer_beginning("team-of-b", Some("of-b"))]
    #[case::a_name_within_a_beginning("team-x", Some("x"))]
    #[case::no_more_than_the_beginning("team-", Some("t-"))]
    #[case::by_the_clusters_name("blue-1", Some("b-1"))]
    #[case::none("default", None)]
    fn what_a_namespace_is_called(#[case] guest: &str, #[case] host: Option<&str>) {
        let said = "house=${name}-house,team-*=t-*,team-of-*=of-*,team-x=x,${name}-*=b-*";
        let mapped: MappedNamespaces = said.parse().expect("they can be");
        let mapped = mapped.in_cluster("blue");
        assert_eq!(mapped.host_namespace(guest).as_deref(), host);
    }

    #[rstest]
    #[case::of_one_side("a-*=b", "`a-*` be `b`: either both end in `*`, or none does")]
    #[case::all(
        "*=*",
        "`*` be `*`: that is any namespace of the host; let it begin with something"
    )]
    #[case::in_the_middle(
        "a-*-b=c",
        "`a-*-b` be `c`: `a-*-b` is no name of a namespace, nor the beginning of one and `*`"
    )]
    #[case::no_name(
        "a=B",
        "`a` be `B`: `B` is no name of a namespace, nor the beginning of one and `*`"
    )]
    #[case::empty(
        "=b",
        "`` be `b`: `` is no name of a namespace, nor the beginning of one and `*`"
    )]
    #[case::twice("a=c,b=c", "`b` be `c`: another has that name already")]
    fn an_impossible_mapping_is_refused(#[case] text: &str, #[case] told: &str) {
        let read = text.parse::<MappedNamespaces>();
        assert_eq!(read, Err(format!("cannot have {told}")));
    }
}
