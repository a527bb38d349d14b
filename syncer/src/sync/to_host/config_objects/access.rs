//! Access of the tenant's objects to the ConfigMaps and Secrets that they name: to the tenant's own and to those that the host
//! shows, and never to a Secret that only the host has.
//!
//! On the host, a name is resolved by a program that does not know the guest: a kubelet, or the operator that a kind is exported
//! to. So an object is written to the host only once each Secret that it requires is the tenant's there. An optional Secret may
//! be missing; then an empty Secret of the syncer's holds the name on the host, so that nobody there fills it later. The same
//! holds for a Secret that the tenant has deleted while something names it.

use std::collections::HashSet;
use std::sync::{MutexGuard, PoisonError};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::ConfigObjects;
use crate::sync::runtime::error::ReconcileError;
use crate::sync::runtime::informer::Scope;
use crate::sync::runtime::key::Key;
use crate::sync::to_host::references::{ConfigObject, Need};
use crate::sync::write::ownership;

/// The state of a name on the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The guest has the object, and the host has its mirror.
    Ready,
    /// The guest has the object, and the host does not have it yet.
    Due,
    /// The guest has the object, and the host has another of that name.
    Taken,
    /// Neither side has it. The mirror of a deleted object does not count.
    Absent,
    /// The guest does not have it, and the host has an empty one of the syncer's.
    Held,
    /// The guest does not have it, and the host has one that is not the syncer's.
    HostOnly,
}

impl ConfigObjects {
    /// Returns the reason for which an object that names a ConfigMap or Secret has to wait before it may be on the host; `None`
    /// if it need not wait.
    ///
    /// # Errors
    ///
    /// The object may not be on the host until somebody changes something.
    pub(crate) fn admit(&self, key: &Key, need: Need) -> Result<Option<&'static str>, ReconcileError> {
        if need == Need::Kept {
            return Ok(None);
        }
        if !self.guest.has_listed(&Scope::Everything) || !self.host.has_listed_namespace(&key.namespace) {
            return Ok(Some("the ConfigMaps and Secrets of both sides to be listed"));
        }
        let kind = &self.kind.kind;
        match (self.standing(key), self.payload, need) {
            (Standing::Ready, ..)
            | (Standing::Absent | Standing::Held | Standing::HostOnly, ConfigObject::ConfigMap, _)
            | (Standing::Held, _, Need::Optional) => Ok(None),
            (Standing::Due, ..) => {
                self.unmet.check(kind, key)?;
                Ok(Some("a ConfigMap or Secret to be on the host"))
            }
            (Standing::Taken, ..) => Err(ReconcileError::Refused(format!(
                "{kind} {key} can't be on the host, which has another {kind} of that name: give it another name",
            ))),
            (Standing::HostOnly, ..) => Err(ReconcileError::Refused(format!(
                "{kind} {key} is not in this virtual cluster, and one of that name that only the host has may not be \
                 read: create one of another name, or ask the host's administrator to show it"
            ))),
            (Standing::Absent, _, Need::Optional) if !self.holds_names() => Ok(None),
            (Standing::Absent, _, Need::Optional) => {
                self.reserved().insert(key.clone());
                self.references.queue(self.payload).add(key.clone());
                Ok(Some("the name of a missing Secret to be held on the host"))
            }
            (Standing::Absent | Standing::Held, ..) => Err(ReconcileError::Refused(format!(
                "{kind} {key} is not in this virtual cluster: create it, or make the reference optional"
            ))),
        }
    }

    fn standing(&self, key: &Key) -> Standing {
        let guest = self.guest.get(key);
        let host = self.host.get(&self.host_key(key));
        let ours = host.as_deref().and_then(|host| self.ours(key, host));
        let is_copy = (guest.as_deref()).is_some_and(|guest| self.context.is_copy(&self.kind, guest));
        standing(guest.as_deref(), is_copy, host.as_deref(), ours.as_ref())
    }

    /// Returns the owner of a host object, unless the syncer has given the object back.
    pub(super) fn ours(&self, key: &Key, host: &ObjectMeta) -> Option<ownership::Guest> {
        let guest = ownership::owner_of(host, &self.kind)?;
        (!self.written.was_given_back(key, host)).then_some(guest)
    }

    /// Returns true if the syncer keeps the host from using a name that the tenant's objects use. If the host's Secrets are shown
    /// to the tenant, the host's programs may need the name, and the tenant may read the Secrets that they write.
    pub(super) fn holds_names(&self) -> bool {
        self.payload == ConfigObject::Secret && !self.context.is_imported(&self.kind)
    }

    /// Returns the names that have to be held by an empty Secret.
    pub(super) fn reserved(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.reserved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Compares the two sides. `is_copy` is true if the guest's object is marked as a copy, and `ours` is the owner of the host's
/// object.
fn standing(
    guest: Option<&ObjectMeta>,
    is_copy: bool,
    host: Option<&ObjectMeta>,
    ours: Option<&ownership::Guest>,
) -> Standing {
    let guest = guest.filter(|guest| guest.deletion_timestamp.is_none());
    match (guest, host, ours) {
        (Some(guest), Some(host), None) if is_copy => {
            // A tenant can't know the UID otherwise than by such a copy, so the claim is true.
            if host.uid.is_some() && ownership::shows(guest) == host.uid.as_deref() {
                Standing::Ready
            } else {
                Standing::Due
            }
        }
        (Some(_), Some(_), None) => Standing::Taken,
        (Some(guest), Some(_), Some(ours)) if guest.uid.as_ref() == Some(&ours.uid) => Standing::Ready,
        (Some(_), ..) => Standing::Due,
        (None, Some(_), None) => Standing::HostOnly,
        (None, Some(_), Some(ours)) if ours.uid.is_empty() => Standing::Held,
        (None, ..) => Standing::Absent,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn meta(value: Value) -> ObjectMeta {
        serde_json::from_value(value).unwrap()
    }

    fn own(uid: &str) -> ObjectMeta {
        meta(json!({"name": "s", "uid": uid}))
    }

    fn copy(of: &str) -> ObjectMeta {
        meta(json!({"name": "s", "uid": "copy", "annotations": {"shared-dapr.io/source-uid": of}}))
    }

    fn going() -> ObjectMeta {
        meta(json!({"name": "s", "uid": "own", "deletionTimestamp": "2026-01-01T00:00:00Z"}))
    }

    #[rstest]
    #[case::the_same(Some(own("own")), Some("own"), Standing::Ready)]
    #[case::of_the_one_before(Some(own("own")), Some("before"), Standing::Due)]
    #[case::over_a_held_name(Some(own("own")), Some(""), Standing::Due)]
    #[case::held(None, Some(""), Standing::Held)]
    #[case::deleted_in_the_guest(None, Some("own"), Standing::Absent)]
    #[case::being_deleted_in_the_guest(Some(going()), Some("own"), Standing::Absent)]
    fn what_the_syncer_has_made_counts_for_the_guests_object_of_its_uid(
        #[case] guest: Option<ObjectMeta>,
        #[case] made_for: Option<&str>,
        #[case] expected: Standing,
    ) {
        let ours = made_for.map(|uid| ownership::Guest {
            key: Key::new("default", "s"),
            uid: uid.to_owned(),
            kind: String::new(),
        });
        let host = own("host");
        assert_eq!(
            standing(guest.as_ref(), false, Some(&host), ours.as_ref()),
            expected
        );
    }

    #[rstest]
    #[case::of_that_name_too(Some(own("own")), false, Standing::Taken)]
    #[case::nothing(None, false, Standing::HostOnly)]
    #[case::going(Some(going()), false, Standing::HostOnly)]
    #[case::a_copy(Some(copy("host")), true, Standing::Ready)]
    #[case::a_copy_where_nothing_is_imported(Some(copy("host")), false, Standing::Taken)]
    #[case::a_copy_of_another(Some(copy("other")), true, Standing::Due)]
    #[case::a_forged_copy(Some(copy("")), true, Standing::Due)]
    fn what_others_have_made_on_the_host_is_read_by_its_copy_alone(
        #[case] guest: Option<ObjectMeta>,
        #[case] is_copy: bool,
        #[case] expected: Standing,
    ) {
        let host = own("host");
        assert_eq!(standing(guest.as_ref(), is_copy, Some(&host), None), expected);
    }

    #[test]
    fn what_the_host_lacks_is_due_if_the_guest_has_it() {
        assert_eq!(standing(Some(&own("own")), false, None, None), Standing::Due);
        assert_eq!(standing(None, false, None, None), Standing::Absent);
    }
}
