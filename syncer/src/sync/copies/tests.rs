use super::*;
use crate::sync::config::{HostKind, Mapping};

fn object(yaml: &str) -> Object {
    let value: Value = serde_saphyr::from_str(yaml).unwrap();
    serde_json::from_value(value).unwrap()
}

fn mapping(from: &str, to: &str) -> Source {
    Source::config_map(Mapping::parse(from, to, "vcluster-a").unwrap())
}

#[test]
fn a_mapping_of_a_name_shows_that_name_alone() {
    let source = mapping("shared/settings", "default/house");
    assert_eq!(source.guest_key("settings"), Some(Key::new("default", "house")));
    assert_eq!(source.guest_key("other"), None);
    assert_eq!(source.fields().as_deref(), Some("metadata.name=settings"));
}

#[test]
fn a_mapping_of_a_namespace_shows_all_but_the_clusters_own() {
    let source = mapping("shared/*", "house/*");
    assert_eq!(source.guest_key("settings"), Some(Key::new("house", "settings")));
    assert_eq!(source.guest_key("kube-root-ca.crt"), None);
    assert_eq!(source.fields(), None);
}

#[test]
fn priorities_of_the_hosts_own_are_not_shown() {
    let source = Source::whole_host(HostKind::PriorityClass, "");
    assert_eq!(source.guest_key("system-node-critical"), None);
    assert_eq!(source.guest_key("gold"), Some(Key::new("", "gold")));
}

#[test]
fn only_what_is_marked_as_of_this_source_is_its_copy() {
    let source = mapping("shared/*", "house/*");
    let copy = |name: &str, of: &str| {
        let yaml =
            format!("metadata: {{name: {name}, namespace: house, annotations: {{'{COPY_OF}': '{of}'}}}}");
        source.is_copy(&object(&yaml).metadata)
    };
    assert!(copy("settings", "shared/settings"));
    assert!(!copy("settings", "other/settings"));
    assert!(!copy("mine", "shared/settings"));
    assert!(!copy("settings", "settings"));
}

#[test]
fn a_stand_in_gives_way_to_a_copy_of_its_node_and_is_none_itself() {
    let stand_in = object("metadata: {name: worker-1, labels: {vcluster.loft.sh/fake-node: 'true'}}");
    let nodes = Source::whole_host(HostKind::Node, "");
    assert!(nodes.may_replace(&stand_in.metadata));
    assert!(!nodes.is_copy(&stand_in.metadata));
    assert!(!Source::whole_host(HostKind::StorageClass, "").may_replace(&stand_in.metadata));
}

#[test]
fn a_node_shows_how_it_is_and_nothing_of_others() {
    let node = object(include_str!("tests/node.yaml"));
    let kind = Source::whole_host(HostKind::Node, "").kind();
    let shape = Shape::of(&node, &kind, 10250).unwrap();
    insta::assert_yaml_snapshot!(json!({
        "labels": shape.labels,
        "annotations": shape.annotations,
        "fields": shape.fields,
        "status": shape.status,
    }));
}

#[test]
fn a_token_of_the_hosts_is_no_token_of_the_guests() {
    let secret = object("type: kubernetes.io/service-account-token\ndata: {token: YQ==}");
    let mapping = Mapping::parse("shared/token", "default/token", "vcluster-a").unwrap();
    let shape = Shape::of(&secret, &Source::secret(mapping).kind(), 10250).unwrap();
    assert_eq!(shape.fields["type"].get(), "\"Opaque\"");
}

#[test]
fn a_service_has_the_hosts_address_and_no_endpoints_of_its_own() {
    let service = object(
        "spec: {type: NodePort, clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], selector: {app: theirs}, ports: [{port: 80, nodePort: 30080}]}",
    );
    let mapping = Mapping::parse("shared/redis", "default/redis", "vcluster-a").unwrap();
    let shape = Shape::of(&service, &Source::service(mapping).kind(), 10250).unwrap();
    let spec: Value = serde_json::from_str(shape.fields["spec"].get()).unwrap();
    let expected = json!({
        "type": "ClusterIP", "ports": [{"port": 80}], "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"],
    });
    assert_eq!(spec, expected);
}
