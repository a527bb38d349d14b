//! The dialects of values files, each with its table.

use std::fmt;
use std::sync::LazyLock;

use super::chart_keys::CHART;
use super::forms::EMBEDDED;
use super::policy_keys::POLICIES;
use super::table::{Fate, Table};
use super::{since_0_20, v0_15, v0_20, v0_28};

/// The form of a values file: that of vcluster's charts of some versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The dialect of vcluster 0.15 to 0.19.
    V0_15,
    /// The dialect of vcluster 0.20 to 0.25.
    V0_20,
    /// The dialect of vcluster 0.28 and later.
    V0_28,
}

impl Dialect {
    /// All dialects, the oldest first.
    pub const ALL: [Self; 3] = [Self::V0_15, Self::V0_20, Self::V0_28];

    /// Returns the name: the first version of vcluster that has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_15 => "0.15",
            Self::V0_20 => "0.20",
            Self::V0_28 => "0.28",
        }
    }

    /// Returns the dialect of a [name](Self::name).
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dialect| dialect.name() == name)
    }

    /// Returns its keys.
    pub(super) fn table(self) -> &'static Table {
        static TABLES: LazyLock<[Table; 3]> = LazyLock::new(|| {
            [
                Table::of(&[
                    ("", "", CHART),
                    ("", "", v0_15::KEYS),
                    ("defaults.", "defaults.", CHART),
                    ("defaults.policies.", "defaults.policies.", POLICIES),
                ]),
                Table::of(&[
                    ("", "", v0_20::KEYS),
                    ("experimental.genericSync.", "sync.generic.kinds.", EMBEDDED),
                    ("", "", since_0_20::sync::KEYS),
                    ("", "", since_0_20::control_plane::KEYS),
                    ("", "", since_0_20::around::KEYS),
                    ("defaults.", "defaults.", CHART),
                    ("defaults.policies.", "defaults.policies.", POLICIES),
                ]),
                Table::of(&[
                    ("", "", v0_28::KEYS),
                    ("", "", since_0_20::sync::KEYS),
                    ("", "", since_0_20::control_plane::KEYS),
                    ("", "", since_0_20::around::KEYS),
                    ("defaults.", "defaults.", CHART),
                    ("defaults.policies.", "defaults.policies.", POLICIES),
                ]),
            ]
        });
        &TABLES[self as usize]
    }

    /// Returns the key that has to be true.
    pub(super) fn required(self) -> &'static str {
        let keys = self.table().keys.iter();
        let mut required = keys.filter(|key| matches!(key.fate, Fate::Required));
        required.next().map_or("", |key| &key.path)
    }

    /// Returns the companions of keys: anything below the first key only has an effect with the second key at the given value.
    pub(super) fn companions(self) -> &'static [(&'static str, &'static str, serde_json::Value)] {
        static COMPANIONS: LazyLock<[(&str, &str, serde_json::Value); 2]> = LazyLock::new(|| {
            [
                (
                    "experimental.genericSync",
                    "experimental.genericSync.version",
                    "v1beta1".into(),
                ),
                (
                    "controlPlane.backingStore.etcd.deploy.statefulSet",
                    "controlPlane.backingStore.etcd.deploy.enabled",
                    true.into(),
                ),
            ]
        });
        match self {
            Self::V0_15 => &[],
            Self::V0_20 => &*COMPANIONS,
            Self::V0_28 => &COMPANIONS[1..],
        }
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V0_15 => "0.15 to 0.19",
            Self::V0_20 => "0.20 to 0.25",
            Self::V0_28 => "0.28 and later",
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::table::{Shape, is_within};
    use super::*;

    #[test]
    fn no_key_is_listed_twice() {
        for dialect in Dialect::ALL {
            let mut seen = BTreeSet::new();
            for key in &dialect.table().keys {
                assert!(seen.insert(&key.path), "{dialect}: {}", key.path);
            }
        }
    }

    #[test]
    fn nothing_is_listed_below_what_is_taken_whole() {
        for dialect in Dialect::ALL {
            for key in &dialect.table().keys {
                let above = dialect.table().keys.iter().find(|above| {
                    above.path != key.path
                        && is_within(&key.path, &above.path)
                        && !matches!(
                            above.shape,
                            Shape::Keys | Shape::Items(_) | Shape::Patches | Shape::Named(_)
                        )
                });
                assert!(above.is_none(), "{dialect}: {} below {above:?}", key.path);
            }
        }
    }

    #[test]
    fn each_has_one_key_that_is_required() {
        let required = Dialect::ALL.map(Dialect::required);
        assert_eq!(
            required,
            [
                "multiNamespaceMode.enabled",
                "experimental.multiNamespaceMode.enabled",
                "sync.toHost.namespaces.enabled"
            ]
        );
    }
}
