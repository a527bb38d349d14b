use std::net::Ipv4Addr;

use super::*;

/// Reads a guest pod as its API gives it.
fn pod(yaml: &str) -> Pod {
    serde_saphyr::from_str(yaml).unwrap()
}

fn translated(yaml: &str) -> Pod {
    let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
    let surroundings = Surroundings {
        tenant: &tenant,
        api_server: Ipv4Addr::new(10, 96, 7, 7).into(),
        cluster_domain: "cluster.local",
        dns: Some("10.96.7.10"),
        priority_class: None,
        account: None,
    };
    host_pod(&pod(yaml), &surroundings)
}

#[test]
fn an_app_with_a_sidecar_to_be_injected() {
    insta::assert_yaml_snapshot!(translated(include_str!("tests/app.yaml")));
}

#[test]
fn a_pod_that_mounts_and_reads_all_there_is() {
    insta::assert_yaml_snapshot!(translated(include_str!("tests/mounts.yaml")));
}

#[test]
fn a_pod_with_ideas_about_its_place_and_its_dns() {
    insta::assert_yaml_snapshot!(translated(include_str!("tests/place.yaml")));
}

#[test]
fn a_pod_on_the_hosts_network_asks_the_nodes_dns_as_it_would_in_the_guest() {
    let spec = "{hostNetwork: true, dnsPolicy: ClusterFirst, containers: [{name: app}]}";
    let yaml = format!("{{metadata: {{name: on-the-host, namespace: default, uid: 1-2-3}}, spec: {spec}}}");
    let host = translated(&yaml).spec.unwrap();
    assert_eq!(
        (host.host_network, host.dns_policy.as_deref(), host.dns_config),
        (Some(true), Some("ClusterFirst"), None)
    );
    assert!(!needs_dns(&pod(&yaml)));
}

#[test]
fn a_priority_is_the_hosts_class_by_name_and_never_a_number_of_the_guests() {
    let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
    let guest = pod(
        "{metadata: {name: a, namespace: default}, spec: {priority: 1000000, priorityClassName: gold, containers: []}}",
    );
    let translated = |priority_class| {
        let surroundings = Surroundings {
            tenant: &tenant,
            api_server: Ipv4Addr::new(10, 96, 7, 7).into(),
            cluster_domain: "cluster.local",
            dns: Some("10.96.7.10"),
            priority_class,
            account: None,
        };
        let spec = host_pod(&guest, &surroundings).spec.unwrap();
        (spec.priority, spec.priority_class_name)
    };
    assert_eq!(translated(Some("gold")), (None, Some("gold".to_owned())));
    assert_eq!(translated(None), (None, None));
}
