//! The next step for one object of an imported kind, as a pure function of its state.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use crate::sync::write::delete::is_going;
use crate::sync::write::ownership;

/// A step for an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing, until something changes.
    Nothing,
    /// Nothing may be done: the tenant has an object of its own with that name.
    Refuse,
    /// Create or update the copy.
    Show,
    /// Delete the copy at once: its original is gone.
    DeleteCopy,
    /// Delete the copy, with this grace period in seconds: its original is being deleted.
    EndCopy(Option<i64>),
    /// Delete the original, with this grace period in seconds, after a check: the tenant seems to have deleted the copy.
    DeleteHost(Option<i64>),
}

/// Returns the step for a guest object and a host object of one name. The host object has to be foreign.
///
/// `life` is the UID of the guest's namespace.
pub(super) fn step(guest: Option<&ObjectMeta>, host: Option<&ObjectMeta>, life: &str) -> Step {
    // What is not marked has had no copy yet, or its copy is being recreated.
    let marked = |host: &ObjectMeta| ownership::shown_in(host) == Some(life);
    let forsaken = |host: &ObjectMeta| !is_going(host) && marked(host);
    match (guest, host) {
        (None, None) => Step::Nothing,
        (Some(guest), None) if !ownership::is_imported(guest) => Step::Nothing,
        (Some(_), None) => Step::DeleteCopy,
        (None, Some(host)) if forsaken(host) => Step::DeleteHost(None),
        (None, Some(host)) if is_going(host) => Step::Nothing,
        (None, Some(_)) => Step::Show,
        // A name is given to another only after the copy that had it is gone.
        (Some(guest), Some(host)) if !ownership::is_imported(guest) && forsaken(host) => {
            Step::DeleteHost(None)
        }
        (Some(guest), Some(_)) if !ownership::is_imported(guest) => Step::Refuse,
        (Some(guest), Some(host)) if ownership::shows(guest) != host.uid.as_deref() => Step::DeleteCopy,
        (Some(guest), Some(host)) => match (is_going(guest), is_going(host)) {
            (true, false) if !marked(host) => Step::DeleteCopy,
            (true, going) => {
                let (ours, theirs) = (
                    guest.deletion_grace_period_seconds,
                    host.deletion_grace_period_seconds,
                );
                if going && ours >= theirs {
                    Step::Nothing
                } else {
                    Step::DeleteHost(ours)
                }
            }
            (false, true) => Step::EndCopy(host.deletion_grace_period_seconds),
            (false, false) => Step::Show,
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const LIFE: &str = "namespace-1";

    fn meta(value: serde_json::Value) -> ObjectMeta {
        serde_json::from_value(value).unwrap()
    }

    fn copy() -> ObjectMeta {
        meta(json!({"name": "pod", "uid": "guest-1", "annotations": {
            "vcluster.loft.sh/controlled-by": "pod/v1/GenericImport",
            "shared-dapr.io/source-uid": "host-1",
        }}))
    }

    fn own() -> ObjectMeta {
        meta(json!({"name": "pod", "uid": "guest-2"}))
    }

    fn host() -> ObjectMeta {
        meta(json!({"name": "pod", "uid": "host-1"}))
    }

    fn marked() -> ObjectMeta {
        meta(json!({"name": "pod", "uid": "host-1", "annotations": {
            "vcluster.loft.sh/controlled-by": "pod/v1/GenericImport",
            "shared-dapr.io/synced-into": LIFE,
        }}))
    }

    fn going(mut object: ObjectMeta, seconds: i64) -> ObjectMeta {
        object.deletion_timestamp = serde_json::from_value(json!("2026-01-01T00:00:00Z")).unwrap();
        object.deletion_grace_period_seconds = Some(seconds);
        object
    }

    #[test]
    fn what_the_host_made_is_shown() {
        assert_eq!(step(None, Some(&host()), LIFE), Step::Show);
        assert_eq!(step(Some(&copy()), Some(&marked()), LIFE), Step::Show);
    }

    #[test]
    fn a_copy_without_an_original_is_deleted() {
        assert_eq!(step(Some(&copy()), None, LIFE), Step::DeleteCopy);
    }

    #[test]
    fn a_copy_of_an_earlier_original_is_deleted() {
        let mut host = host();
        host.uid = Some("host-2".to_owned());
        assert_eq!(step(Some(&copy()), Some(&host), LIFE), Step::DeleteCopy);
    }

    #[test]
    fn an_object_of_the_tenants_own_is_left_alone() {
        assert_eq!(step(Some(&own()), None, LIFE), Step::Nothing);
        assert_eq!(step(Some(&own()), Some(&host()), LIFE), Step::Refuse);
    }

    #[test]
    fn a_deleted_copy_takes_what_it_showed_with_it() {
        assert_eq!(step(None, Some(&marked()), LIFE), Step::DeleteHost(None));
        assert_eq!(step(Some(&own()), Some(&marked()), LIFE), Step::DeleteHost(None));
        assert_eq!(
            step(Some(&going(copy(), 5)), Some(&marked()), LIFE),
            Step::DeleteHost(Some(5))
        );
    }

    #[test]
    fn a_copy_that_is_recreated_takes_nothing_with_it() {
        assert_eq!(
            step(Some(&going(copy(), 0)), Some(&host()), LIFE),
            Step::DeleteCopy
        );
        assert_eq!(step(None, Some(&host()), LIFE), Step::Show);
    }

    #[test]
    fn a_guest_that_lost_its_data_deletes_nothing() {
        assert_eq!(step(None, Some(&marked()), "namespace-2"), Step::Show);
    }

    #[test]
    fn a_copy_goes_with_what_it_shows_and_not_before() {
        let host = going(marked(), 30);
        assert_eq!(step(Some(&copy()), Some(&host), LIFE), Step::EndCopy(Some(30)));
        assert_eq!(step(Some(&going(copy(), 30)), Some(&host), LIFE), Step::Nothing);
    }

    #[test]
    fn a_copy_deleted_sooner_hurries_what_it_shows() {
        let host = going(marked(), 30);
        assert_eq!(
            step(Some(&going(copy(), 1)), Some(&host), LIFE),
            Step::DeleteHost(Some(1))
        );
    }

    #[test]
    fn what_is_going_already_is_not_shown_any_more() {
        assert_eq!(step(None, Some(&going(marked(), 30)), LIFE), Step::Nothing);
    }

    #[test]
    fn a_copy_whose_mark_the_tenant_took_off_stays_one() {
        let mut copy = copy();
        let annotations = copy.annotations.get_or_insert_default();
        annotations.remove("vcluster.loft.sh/controlled-by");
        assert_eq!(step(Some(&copy), Some(&marked()), LIFE), Step::Show);
    }
}
