use rstest::rstest;

use super::*;

/// Metadata whose labels are `names=values`.
fn labelled(labels: &str, annotations: &[(&str, &str)]) -> ObjectMeta {
    let label = |pair: &str| {
        pair.split_once('=')
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    ObjectMeta {
        labels: Some(labels.split(' ').filter_map(label).collect()),
        annotations: Some(
            annotations
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
        ),
        ..ObjectMeta::default()
    }
}

/// Returns the note of a guest object that got these labels from the host.
fn noting(labels: &str) -> String {
    let pairs = labels.split(' ').filter_map(|pair| pair.split_once('='));
    let lines: Vec<_> = pairs
        .map(|(name, value)| line(Named::Label, name, value))
        .collect();
    lines.join("\n")
}

#[rstest]
#[case::it_is_shown("app=a", "", "app=a zone=b", json!({"zone": "b"}), Some("zone=b"))]
#[case::it_is_there("app=a zone=b", "zone=b", "app=a zone=b", json!({}), Some("zone=b"))]
#[case::its_value_is_another("zone=b", "zone=b", "zone=c", json!({"zone": "c"}), Some("zone=c"))]
#[case::it_goes("app=a zone=b", "zone=b", "app=a", json!({"zone": null}), None)]
#[case::the_tenant_takes_it_off("app=a", "zone=b", "zone=b", json!({"zone": "b"}), Some("zone=b"))]
#[case::the_tenant_gives_it_another_value("zone=t", "zone=b", "zone=b", json!({}), None)]
#[case::the_tenant_has_one_of_the_same("zone=b", "", "zone=b", json!({}), None)]
fn what_the_host_has_given(
    #[case] guest: &str,
    #[case] noted: &str,
    #[case] host: &str,
    #[case] expected: Value,
    #[case] then_noted: Option<&str>,
) {
    let noted = noting(noted);
    let note: &[_] = if noted.is_empty() {
        &[]
    } else {
        &[(HOST_MANAGED_KEYS, noted.as_str())]
    };
    let guest = labelled(guest, note);
    let host = labelled(host, &[(MANAGED_LABELS, "app\nteam")]);

    let changes = changes(&guest, &host).unwrap_or_default();

    let labels = changes.get("labels").cloned().unwrap_or_else(|| json!({}));
    assert_eq!(labels, expected);
    let then_noted = then_noted.map(noting);
    let is_noted = (!noted.is_empty()).then_some(noted);
    let changed = (then_noted != is_noted).then(|| json!({HOST_MANAGED_KEYS: then_noted}));
    assert_eq!(changes.get("annotations").cloned(), changed);
}

#[test]
fn what_the_tenant_has_just_taken_off_does_not_come_back() {
    let host = labelled("app=a team=b", &[(MANAGED_LABELS, "app\nteam")]);
    assert_eq!(changes(&labelled("app=a", &[]), &host), None);
}

#[test]
fn what_is_of_controllers_alone_is_not_shown() {
    let kept = [
        ("pv.kubernetes.io/bind-completed", "yes"),
        ("volume.kubernetes.io/selected-node", "node-1"),
        ("kubectl.kubernetes.io/last-applied-configuration", "{}"),
        ("field.cattle.io/publicEndpoints", "[]"),
        ("vcluster.loft.sh/object-name", "store"),
    ];
    assert_eq!(changes(&labelled("", &[]), &labelled("", &kept)), None);
}

#[test]
fn what_came_from_the_host_does_not_go_back() {
    let host = labelled("zone=b", &[("mesh/id", "1")]);
    let mut guest = labelled("app=a", &[("note", "n")]);
    let changes = changes(&guest, &host).unwrap();
    assert_eq!(
        changes["annotations"][HOST_MANAGED_KEYS],
        "label zone 3e23e816\nannotation mesh/id 6b86b273"
    );
    let brought = |field: &str| {
        let of = changes[field].as_object().unwrap();
        of.iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect::<Vec<_>>()
    };
    guest.labels.as_mut().unwrap().extend(brought("labels"));
    guest.annotations.as_mut().unwrap().extend(brought("annotations"));

    let kind = ApiResource::erase::<k8s_openapi::api::core::v1::Pod>(&());
    let name = ownership::HostName {
        namespace: "n",
        name: "n",
    };
    assert_eq!(ownership::labels(&guest).into_keys().collect::<Vec<_>>(), ["app"]);
    let annotations = ownership::annotations(&guest, &kind, &name);
    let others: Vec<_> = annotations
        .into_keys()
        .filter(|name| !ownership::is_own(name))
        .collect();
    assert_eq!(others, ["note"]);
}
