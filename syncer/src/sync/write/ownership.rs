//! The annotations that name the owner of a host object, and the host object that a copy shows.
//!
//! The owner's are those of vcluster 0.25 in multi-namespace mode. Keys below `vcluster.loft.sh/` and `shared-dapr.io/` of a guest
//! object never reach the host, so a tenant can't claim foreign objects.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::ApiResource;
use vcluster_values::naming::{self, own};

use super::host_metadata::{Named, Note};
use crate::sync::runtime::key::Key;

/// Prefix of the annotations and labels that vcluster writes, too.
const VCLUSTER: &str = "vcluster.loft.sh/";

/// kubectl's copy of the last applied object. With it, an object near the limit of 256 KiB of annotations would no longer fit on
/// the host, and nobody uses kubectl there to apply it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Annotation: the keys of the guest labels that were copied, one a line. A key that is removed in the guest is removed here.
pub(crate) const MANAGED_LABELS: &str = "vcluster.loft.sh/managed-labels";

/// Returns the labels of a guest object that its mirror gets: those that did not come from the host.
pub(crate) fn labels(guest: &ObjectMeta) -> BTreeMap<String, String> {
    let note = Note::of(guest);
    let mut all = copied(guest.labels.as_ref());
    all.retain(|name, value| !note.has(Named::Label, name, value));
    all
}

/// Returns the annotations of a guest object that its mirror gets, and those of ownership.
pub(crate) fn annotations(
    guest: &ObjectMeta,
    kind: &ApiResource,
    host: &HostName<'_>,
) -> BTreeMap<String, String> {
    let note = Note::of(guest);
    let mut all = copied(guest.annotations.as_ref());
    all.retain(|name, value| !note.has(Named::Annotation, name, value));
    let managed: Vec<&str> = all.keys().map(String::as_str).collect();
    let managed = managed.join("\n");
    let own = [
        (naming::OBJECT_NAME, guest.name.clone().unwrap_or_default()),
        (
            naming::OBJECT_NAMESPACE,
            guest.namespace.clone().unwrap_or_default(),
        ),
        (naming::OBJECT_UID, guest.uid.clone().unwrap_or_default()),
        (naming::OBJECT_KIND, kind_of(kind)),
        (naming::OBJECT_HOST_NAME, host.name.to_owned()),
        (naming::OBJECT_HOST_NAMESPACE, host.namespace.to_owned()),
    ];
    all.extend(own.map(|(name, value)| (name.to_owned(), value)));
    if !managed.is_empty() {
        all.insert(naming::MANAGED_ANNOTATIONS.to_owned(), managed);
    }
    all
}

/// Namespace and name of a host object.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostName<'a> {
    /// Its namespace.
    pub(crate) namespace: &'a str,
    /// Its name.
    pub(crate) name: &'a str,
}

/// Returns true if a label or annotation is the syncer's own.
pub(crate) fn is_own(name: &str) -> bool {
    name.starts_with(VCLUSTER) || name.starts_with(own::DOMAIN)
}

/// Returns true if a label or annotation is not copied to the other side.
pub(crate) fn is_kept_back(name: &str) -> bool {
    is_own(name) || name == LAST_APPLIED
}

/// Returns true if a guest object is marked as a copy of a foreign host object. To make it its own, a tenant would have to remove
/// both marks.
pub(crate) fn is_imported(guest: &ObjectMeta) -> bool {
    let by = (guest.annotations.as_ref()).and_then(|annotations| annotations.get(naming::CONTROLLED_BY));
    by.is_some_and(|by| by.ends_with("/GenericImport")) || shows(guest).is_some()
}

/// Returns the annotations of a host object that its copy in the guest gets, and those that mark the copy.
pub(crate) fn import_annotations(host: &ObjectMeta, kind: &ApiResource) -> BTreeMap<String, String> {
    let mut all = copied(host.annotations.as_ref());
    all.insert(naming::CONTROLLED_BY.to_owned(), importer(kind));
    all.insert(own::SOURCE_UID.to_owned(), host.uid.clone().unwrap_or_default());
    all
}

/// Returns the labels of a host object that its copy in the guest gets.
pub(crate) fn labels_of_copy(host: &ObjectMeta) -> BTreeMap<String, String> {
    copied(host.labels.as_ref())
}

/// Returns the annotations of a host object that its copy in the guest gets, if the copy is marked in another way.
pub(crate) fn annotations_of_copy(host: &ObjectMeta) -> BTreeMap<String, String> {
    copied(host.annotations.as_ref())
}

/// Returns the UID of the guest namespace that a host object has been shown in.
pub(crate) fn shown_in(host: &ObjectMeta) -> Option<&str> {
    let annotations = host.annotations.as_ref()?;
    annotations.get(own::SYNCED_INTO).map(String::as_str)
}

/// Returns the UID of the host object that a guest object shows.
pub(crate) fn shows(guest: &ObjectMeta) -> Option<&str> {
    let annotations = guest.annotations.as_ref()?;
    annotations.get(own::SOURCE_UID).map(String::as_str)
}

/// Returns the guest object that a host object's annotations name, if the host object is the syncer's.
///
/// A host controller that copies annotations to its children does not make them the syncer's: the host names must match.
pub(crate) fn guest_of(host: &ObjectMeta) -> Option<Guest> {
    let annotations = host.annotations.as_ref()?;
    let value = |name: &str| annotations.get(name).cloned();
    let fits = annotations.get(naming::OBJECT_HOST_NAME) == host.name.as_ref()
        && annotations.get(naming::OBJECT_HOST_NAMESPACE) == host.namespace.as_ref();
    let key = Key::new(value(naming::OBJECT_NAMESPACE)?, value(naming::OBJECT_NAME)?);
    let uid = value(naming::OBJECT_UID).unwrap_or_default();
    let kind = value(naming::OBJECT_KIND).unwrap_or_default();
    fits.then_some(Guest { key, uid, kind })
}

/// Returns the owner of a host object of this kind, if the host object is the syncer's.
///
/// A host controller may create an object of another kind under the same name, with copied annotations. Versions of vcluster
/// before 0.20 do not write the kind.
pub(crate) fn owner_of(host: &ObjectMeta, kind: &ApiResource) -> Option<Guest> {
    guest_of(host).filter(|guest| guest.kind.is_empty() || is_same_kind(&guest.kind, kind))
}

/// Returns true if a kind, as [`kind_of`] writes it, is this one in any version.
fn is_same_kind(written: &str, kind: &ApiResource) -> bool {
    written
        .split_once(", Kind=")
        .and_then(|(version, name)| Some((version.split_once('/')?.0, name)))
        .is_some_and(|(group, name)| group == kind.group && name == kind.kind)
}

/// Returns true if a host object is the mirror of a guest object.
pub(crate) fn is_made_from(host: &ObjectMeta, guest: &ObjectMeta) -> bool {
    guest_of(host).is_some_and(|ours| Some(&ours.uid) == guest.uid.as_ref())
}

/// Returns true if a guest object is marked as a copy of a host object, and the host object is foreign. The tenant can write the
/// mark too: it means something only for kinds that are imported.
pub(crate) fn is_copy_of(guest: &ObjectMeta, host: &ObjectMeta) -> bool {
    host.uid.is_some() && shows(guest) == host.uid.as_deref() && guest_of(host).is_none()
}

/// A guest object, as a host object's annotations name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Guest {
    /// Its namespace and name.
    pub(crate) key: Key,
    /// Its UID.
    pub(crate) uid: String,
    /// Its kind, as [`kind_of`] writes it.
    pub(crate) kind: String,
}

/// Returns `<kind>/<group>/GenericExport`, with the kind in lower case and the version in place of the core group, as vcluster
/// writes it.
pub(crate) fn exporter(kind: &ApiResource) -> String {
    controller(kind, "GenericExport")
}

/// Returns `<kind>/<group>/GenericImport`; that of the blog is `pod/v1/GenericImport`.
pub(crate) fn importer(kind: &ApiResource) -> String {
    controller(kind, "GenericImport")
}

fn controller(kind: &ApiResource, which: &str) -> String {
    let group = if kind.group.is_empty() {
        &kind.version
    } else {
        &kind.group
    };
    format!("{}/{group}/{which}", kind.kind.to_lowercase())
}

/// Returns a kind as client-go prints it: `dapr.io/v1alpha1, Kind=Component`.
pub(crate) fn kind_of(kind: &ApiResource) -> String {
    format!("{}/{}, Kind={}", kind.group, kind.version, kind.kind)
}

fn copied(from: Option<&BTreeMap<String, String>>) -> BTreeMap<String, String> {
    from.into_iter()
        .flatten()
        .filter(|(name, _)| !is_own(name))
        .filter(|(name, _)| *name != LAST_APPLIED)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: HostName<'_> = HostName {
        namespace: "vcluster-37a8eec1-ccd63636",
        name: "store",
    };

    fn component() -> ApiResource {
        ApiResource {
            group: "dapr.io".into(),
            version: "v1alpha1".into(),
            api_version: "dapr.io/v1alpha1".into(),
            kind: "Component".into(),
            plural: "components".into(),
        }
    }

    fn guest(annotations: &[(&str, &str)]) -> ObjectMeta {
        ObjectMeta {
            name: Some("store".into()),
            namespace: Some("default".into()),
            uid: Some("1-2-3".into()),
            annotations: Some(
                annotations
                    .iter()
                    .map(|(n, v)| ((*n).into(), (*v).into()))
                    .collect(),
            ),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_host_object_names_its_guest() {
        let annotations = annotations(&guest(&[("team", "a"), ("zone", "b")]), &component(), &HOST);
        insta::assert_json_snapshot!(annotations, @r#"
        {
          "team": "a",
          "vcluster.loft.sh/managed-annotations": "team\nzone",
          "vcluster.loft.sh/object-host-name": "store",
          "vcluster.loft.sh/object-host-namespace": "vcluster-37a8eec1-ccd63636",
          "vcluster.loft.sh/object-kind": "dapr.io/v1alpha1, Kind=Component",
          "vcluster.loft.sh/object-name": "store",
          "vcluster.loft.sh/object-namespace": "default",
          "vcluster.loft.sh/object-uid": "1-2-3",
          "zone": "b"
        }
        "#);
        let host = ObjectMeta {
            name: Some(HOST.name.into()),
            namespace: Some(HOST.namespace.into()),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        };
        assert_eq!(
            guest_of(&host),
            Some(Guest {
                key: Key::new("default", "store"),
                uid: "1-2-3".into(),
                kind: "dapr.io/v1alpha1, Kind=Component".into(),
            })
        );
    }

    #[test]
    fn a_host_object_belongs_to_a_guest_object_of_its_own_kind() {
        let of_kind = |written: Option<&str>| {
            let mut annotations = annotations(&guest(&[]), &component(), &HOST);
            match written {
                Some(written) => annotations.insert(naming::OBJECT_KIND.to_owned(), written.to_owned()),
                None => annotations.remove(naming::OBJECT_KIND),
            };
            let host = ObjectMeta {
                name: Some(HOST.name.into()),
                namespace: Some(HOST.namespace.into()),
                annotations: Some(annotations),
                ..ObjectMeta::default()
            };
            owner_of(&host, &component()).is_some()
        };
        assert!(of_kind(Some("dapr.io/v1alpha1, Kind=Component")));
        assert!(of_kind(Some("dapr.io/v2, Kind=Component")));
        assert!(of_kind(None));
        assert!(!of_kind(Some("dapr.io/v1alpha1, Kind=Subscription")));
        assert!(!of_kind(Some("example.org/v1alpha1, Kind=Component")));
        assert!(!of_kind(Some("/v1, Kind=Component")));
    }

    #[test]
    fn a_copy_made_by_a_host_controller_is_nobodys() {
        let host = ObjectMeta {
            name: Some("child".into()),
            namespace: Some(HOST.namespace.into()),
            annotations: Some(annotations(&guest(&[]), &component(), &HOST)),
            ..ObjectMeta::default()
        };
        assert_eq!(guest_of(&host), None);
    }

    #[test]
    fn what_a_guest_forges_does_not_pass() {
        let forged = [
            (naming::OBJECT_NAME, "theirs"),
            (naming::CONTROLLED_BY, "pod/v1/GenericImport"),
        ];
        let annotations = annotations(&guest(&forged), &component(), &HOST);
        assert_eq!(annotations[naming::OBJECT_NAME], "store");
        assert!(!annotations.contains_key(naming::CONTROLLED_BY));
    }

    #[test]
    fn a_copy_names_what_it_shows() {
        let host = guest(&[("team", "a"), (own::SYNCED_INTO, "4-5-6")]);
        let pod = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
        let copy = ObjectMeta {
            annotations: Some(import_annotations(&host, &pod)),
            ..ObjectMeta::default()
        };
        insta::assert_json_snapshot!(copy.annotations, @r#"
        {
          "shared-dapr.io/source-uid": "1-2-3",
          "team": "a",
          "vcluster.loft.sh/controlled-by": "pod/v1/GenericImport"
        }
        "#);
        assert!(is_imported(&copy));
        assert_eq!(shows(&copy), Some("1-2-3"));
    }

    #[test]
    fn what_was_made_from_a_guest_object_is_copied_by_none() {
        let made = ObjectMeta {
            name: Some(HOST.name.into()),
            namespace: Some(HOST.namespace.into()),
            uid: Some("7-8-9".into()),
            annotations: Some(annotations(&guest(&[]), &component(), &HOST)),
            ..ObjectMeta::default()
        };
        let foreign = ObjectMeta {
            annotations: None,
            ..made.clone()
        };
        // Its successor of the same name, whose tenant has found out the UID on the host.
        let claims = ObjectMeta {
            uid: Some("4-5-6".into()),
            ..guest(&[(own::SOURCE_UID, "7-8-9")])
        };
        assert!(is_made_from(&made, &guest(&[])));
        assert!(!is_made_from(&made, &claims) && !is_copy_of(&claims, &made));
        assert!(is_copy_of(&claims, &foreign));
    }

    #[test]
    fn exporters_and_importers_are_named_as_upstream_names_them() {
        assert_eq!(exporter(&component()), "component/dapr.io/GenericExport");
        let pod = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
        assert_eq!(importer(&pod), "pod/v1/GenericImport");
    }
}
