use serde_json::json;
use strum::IntoEnumIterator as _;

use super::*;

fn object(yaml: &str) -> Object {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    serde_json::from_value(value).unwrap()
}

fn tenant() -> Tenant {
    Tenant::new("tenant-a", "vcluster-tenant-a")
}

/// Returns the fields of a mirror that differ from the guest's: annotations and spec.
fn mirror(kind: CoreKind, guest: &Object) -> Result<Value, String> {
    let translation = of(kind);
    let mut annotations = guest.metadata.annotations.clone().unwrap_or_default();
    translation.annotate(&mut annotations, &tenant());
    Ok(json!({"annotations": annotations, "spec": translation.host_spec(guest, &tenant())?}))
}

#[test]
fn a_claim_asks_for_what_the_guest_asks_for_and_hides_the_storage_controllers_notes() {
    let guest = object(include_str!("tests/claim.yaml"));
    insta::assert_yaml_snapshot!(mirror(CoreKind::PersistentVolumeClaim, &guest).unwrap());
}

#[test]
fn a_claim_does_not_choose_its_volume() {
    let claims = of(CoreKind::PersistentVolumeClaim);
    let guest = object("spec: {volumeName: theirs, resources: {}}");
    assert_eq!(claims.admission(), Some(Resource::Claims));
    assert_eq!(claims.host_spec(&guest, &tenant()), Ok(json!({"resources": {}})));
}

#[test]
fn what_the_host_decides_about_a_claim_is_taken_over_once() {
    let claims = of(CoreKind::PersistentVolumeClaim);
    let host = object("spec: {volumeName: pvc-1, storageClassName: fast}");
    let guest = object("spec: {resources: {}}");
    let decided = json!({"spec": {"volumeName": "pvc-1", "storageClassName": "fast"}});
    assert_eq!(claims.decided(&guest, &host), Some(decided));
    assert_eq!(claims.decided(&host, &host), None);
    assert_eq!(claims.decided(&guest, &guest), None);
}

#[test]
fn a_policy_finds_the_guests_dns_by_either_label() {
    let selects = |name: &str| {
        let labels = json!({"matchLabels": {"k8s-app": name, "tier": "a"}});
        json!({"podSelector": labels, "egress": [{"to": [{"podSelector": labels}]}]})
    };
    let written = |spec: Value| {
        let guest = object(&json!({"spec": spec}).to_string());
        of(CoreKind::NetworkPolicy).host_spec(&guest, &tenant()).unwrap()
    };
    let either = json!({
        "matchLabels": {"tier": "a"},
        "matchExpressions": [
            {"key": "k8s-app", "operator": "In", "values": ["kube-dns", "vcluster-kube-dns"]},
        ],
    });
    let expected = json!({"podSelector": either, "egress": [{"to": [{"podSelector": either}]}]});
    assert_eq!(written(selects("vcluster-kube-dns")), expected);
    assert_eq!(written(selects("kube-dns")), selects("kube-dns"));
}

#[test]
fn a_claim_that_was_bound_is_not_given_another_volume() {
    let claims = of(CoreKind::PersistentVolumeClaim);
    let bound = object("spec: {volumeName: pvc-1}\nstatus: {phase: Bound}");
    assert!(claims.stands_and_falls(&bound));
    assert!(!claims.stands_and_falls(&object("status: {phase: Pending}")));
    let spec = claims.host_spec(&bound, &tenant()).unwrap();
    assert_eq!(spec, json!({}));
}

#[test]
fn an_ingress_names_secrets_in_the_tenants_namespaces() {
    let guest = object(include_str!("tests/ingress.yaml"));
    insta::assert_yaml_snapshot!(mirror(CoreKind::Ingress, &guest).unwrap());
    let key = Key::new("default", "site");
    let named: Vec<String> = (of(CoreKind::Ingress).references(&key, &guest).into_iter())
        .map(|(_, secret)| secret.to_string())
        .collect();
    assert_eq!(named, ["dapr-system/users", "default/certificate"]);
}

#[test]
fn a_policy_lets_in_nobody_but_the_tenant() {
    let guest = object(include_str!("tests/network-policy.yaml"));
    insta::assert_yaml_snapshot!(mirror(CoreKind::NetworkPolicy, &guest).unwrap());
}

#[test]
fn a_budget_counts_the_same_pods() {
    let spec = "{minAvailable: 50%, selector: {matchLabels: {app: write}}}";
    let guest = object(&format!("spec: {spec}"));
    let expected: Value = serde_saphyr::from_str(spec).unwrap();
    let mirror = mirror(CoreKind::PodDisruptionBudget, &guest).unwrap();
    assert_eq!(mirror["spec"], expected);
}

#[test]
fn what_says_whose_a_mirror_is_stays() {
    for kind in CoreKind::iter() {
        let own = (vcluster_values::naming::OBJECT_UID.to_owned(), "1-2-3".to_owned());
        let mut annotations = BTreeMap::from([own.clone()]);
        of(kind).annotate(&mut annotations, &tenant());
        assert_eq!(annotations, BTreeMap::from([own]));
    }
}
