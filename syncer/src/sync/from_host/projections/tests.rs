use serde_json::json;
use vcluster_values::from_host::HostKind;
use vcluster_values::mapping::Mapping;

use super::*;

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
        let yaml = format!(
            "metadata: {{name: {name}, namespace: house, annotations: {{'{}': '{of}'}}}}",
            own::SOURCE
        );
        source.is_copy(&object(&yaml).metadata)
    };
    assert!(copy("settings", "shared/settings"));
    assert!(!copy("settings", "other/settings"));
    assert!(!copy("mine", "shared/settings"));
    assert!(!copy("settings", "settings"));
}

#[test]
fn a_placeholder_gives_way_to_a_copy_of_its_node_and_is_none_itself() {
    let placeholder = object("metadata: {name: worker-1, labels: {vcluster.loft.sh/fake-node: 'true'}}");
    let nodes = Source::whole_host(HostKind::Node, "");
    assert!(nodes.may_replace(&placeholder.metadata));
    assert!(!nodes.is_copy(&placeholder.metadata));
    assert!(!Source::whole_host(HostKind::StorageClass, "").may_replace(&placeholder.metadata));
}

#[test]
fn a_node_shows_how_it_is_and_nothing_of_others() {
    let node = object(include_str!("tests/node.yaml"));
    let kind = Source::whole_host(HostKind::Node, "").kind();
    let shape = Shape::of(&node, &kind, Status::Field, 10250).unwrap();
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
    let shape = Shape::of(&secret, &Source::secret(mapping).kind(), Status::Field, 10250).unwrap();
    assert_eq!(shape.fields["type"].get(), "\"Opaque\"");
}

#[test]
fn a_token_of_the_hosts_is_shown_only_if_it_is_mapped_by_name() {
    let source = |from: &str, to: &str| Source::secret(Mapping::parse(from, to, "vcluster-a").unwrap());
    let all = source("shared/*", "default/*");
    let one = source("shared/token", "default/token");
    let token = object("type: kubernetes.io/service-account-token");
    assert!(all.withholds(&token));
    assert!(!one.withholds(&token));
    assert!(!all.withholds(&object("type: Opaque")));
}

#[test]
fn a_service_has_the_hosts_address_and_no_endpoints_of_its_own() {
    let service = object(
        "spec: {type: NodePort, clusterIP: 10.96.0.7, clusterIPs: [10.96.0.7], selector: {app: theirs}, ports: [{port: 80, nodePort: 30080}]}",
    );
    let mapping = Mapping::parse("shared/redis", "default/redis", "vcluster-a").unwrap();
    let shape = Shape::of(&service, &Source::service(mapping).kind(), Status::Field, 10250).unwrap();
    let spec: Value = serde_json::from_str(shape.fields["spec"].get()).unwrap();
    let expected = json!({
        "type": "ClusterIP", "ports": [{"port": 80}], "clusterIP": "10.96.0.7", "clusterIPs": ["10.96.0.7"],
    });
    assert_eq!(spec, expected);
}

#[test]
fn endpoints_are_addresses_and_ports_alone() {
    let endpoints = object(
        "{metadata: {labels: {endpoints.kubernetes.io/managed-by: endpoint-controller}}, subsets: [{addresses: [{ip: 10.0.0.7, \
         hostname: redis-0, nodeName: worker-1, targetRef: {kind: Pod, name: redis-0}}], ports: [{port: 6379}]}]}",
    );
    let mapping = Mapping::parse("shared/redis", "default/redis", "vcluster-a").unwrap();
    let shape = Shape::of(
        &endpoints,
        &Source::endpoints(mapping).kind(),
        Status::Field,
        10250,
    )
    .unwrap();
    let subsets: Value = serde_json::from_str(shape.fields["subsets"].get()).unwrap();
    let expected =
        json!([{"addresses": [{"ip": "10.0.0.7", "hostname": "redis-0"}], "ports": [{"port": 6379}]}]);
    assert_eq!((shape.labels.len(), subsets), (0, expected));
}

#[test]
fn what_the_tenant_made_gives_way_only_to_an_import_that_says_so() {
    let kind = ApiResource::erase::<k8s_openapi::api::networking::v1::IngressClass>(&());
    let import = |replaces| Source::imported(kind.clone(), Status::None, None, replaces);
    assert!(import(true).takes_names());
    assert!(!import(false).takes_names());
    assert!(!Source::whole_host(HostKind::IngressClass, "").takes_names());
}

#[test]
fn the_status_of_an_imported_kind_is_apart_if_it_is_written_apart() {
    let issuer = object("{spec: {a: 1}, status: {ready: true}}");
    let kind = ApiResource {
        group: "example.org".to_owned(),
        version: "v1".to_owned(),
        api_version: "example.org/v1".to_owned(),
        kind: "Node".to_owned(),
        plural: "nodes".to_owned(),
    };
    let apart = Shape::of(&issuer, &kind, Status::Subresource, 10250).unwrap();
    assert_eq!(apart.status, Some(json!({"ready": true})));
    assert_eq!(apart.fields.keys().collect::<Vec<_>>(), ["spec"]);
    let within = Shape::of(&issuer, &kind, Status::Field, 10250).unwrap();
    assert_eq!(within.status, None);
    assert_eq!(within.fields.keys().collect::<Vec<_>>(), ["spec", "status"]);
}
