//! The number of a virtual cluster's host namespaces.
//!
//! A syncer may not list the host's namespaces. After its start, it knows each only once it has read it, and until then counts it
//! as existing: otherwise namespaces that were refused before could come first, and exceed the limit.

use std::collections::BTreeSet;

/// The guest namespaces of which it is known whether they have a host namespace.
#[derive(Debug, Default)]
pub(super) struct Counted {
    /// Namespaces that are on the host, or about to be.
    on_host: BTreeSet<String>,
    /// Namespaces that are not on the host, and had no place when they were read.
    absent: BTreeSet<String>,
}

/// A place for a namespace within the limit of the virtual cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// There is a place, and the namespace has it now.
    Free,
    /// The result depends on namespaces that were not read yet.
    Unknown,
    /// There is no place.
    None,
}

impl Counted {
    /// Returns the place of a namespace; one that is on the host has one. `guests` are the names of all guest namespaces.
    pub(super) fn place<'a>(
        &mut self,
        name: &str,
        is_there: bool,
        guests: impl Iterator<Item = &'a str>,
        most: usize,
    ) -> Place {
        let is_known = |guest: &str| self.on_host.contains(guest) || self.absent.contains(guest);
        let uncounted = guests.filter(|guest| *guest != name && !is_known(guest)).count();
        let is_held = is_there || self.on_host.contains(name);
        if is_held || self.on_host.len() + uncounted < most {
            self.absent.remove(name);
            self.on_host.insert(name.to_owned());
            return Place::Free;
        }
        self.absent.insert(name.to_owned());
        if self.on_host.len() < most {
            Place::Unknown
        } else {
            Place::None
        }
    }

    /// Returns the number of namespaces on the host.
    pub(super) fn on_host(&self) -> usize {
        self.on_host.len()
    }

    /// Frees the place of a namespace that is no longer on the host.
    pub(super) fn forget(&mut self, name: &str) {
        self.on_host.remove(name);
        self.absent.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(counted: &mut Counted, name: &str, is_there: bool) -> Place {
        counted.place(name, is_there, ["a", "b", "c", "d"].into_iter(), 2)
    }

    #[test]
    fn after_a_start_those_that_are_there_come_first() {
        let mut counted = Counted::default();
        assert_eq!(place(&mut counted, "c", false), Place::Unknown);
        assert_eq!(place(&mut counted, "a", true), Place::Free);
        assert_eq!(place(&mut counted, "d", false), Place::Unknown);
        assert_eq!(place(&mut counted, "b", true), Place::Free);
        assert_eq!(place(&mut counted, "c", false), Place::None);
        counted.forget("a");
        let guests = || ["b", "c", "d"].into_iter();
        assert_eq!(counted.place("d", false, guests(), 2), Place::Free);
        assert_eq!(counted.place("c", false, guests(), 2), Place::None);
    }

    #[test]
    fn none_waits_for_one_that_waits() {
        let mut counted = Counted::default();
        for (name, expected) in [
            ("a", Place::Unknown),
            ("b", Place::Unknown),
            ("c", Place::Free),
            ("d", Place::Free),
            ("a", Place::None),
        ] {
            assert_eq!(place(&mut counted, name, false), expected, "{name}");
        }
    }

    #[test]
    fn while_there_is_room_for_all_none_waits() {
        let mut counted = Counted::default();
        let guests = || ["a", "b", "c"].into_iter();
        assert_eq!(counted.place("a", false, guests(), 3), Place::Free);
    }

    #[test]
    fn more_than_the_limit_stay_if_they_are_there() {
        let mut counted = Counted::default();
        for name in ["a", "b", "c", "d"] {
            assert_eq!(place(&mut counted, name, true), Place::Free);
        }
        assert_eq!(counted.on_host(), 4);
    }
}
