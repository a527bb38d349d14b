use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use rstest::rstest;

use super::*;

/// Reads a guest pod as its API returns it.
fn pod(yaml: &str) -> Pod {
    serde_saphyr::from_str(yaml).unwrap()
}

fn translated(yaml: &str) -> Pod {
    let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
    host_pod(&pod(yaml), &surroundings(&tenant))
}

pub(super) fn surroundings(tenant: &Tenant) -> Surroundings<'_> {
    Surroundings {
        tenant,
        api_server: Ipv4Addr::new(10, 96, 7, 7).into(),
        cluster_domain: "cluster.local",
        dns: Some("10.96.7.10"),
        priority_class: None,
        account: None,
    }
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
            priority_class,
            ..surroundings(&tenant)
        };
        let spec = host_pod(&guest, &surroundings).spec.unwrap();
        (spec.priority, spec.priority_class_name)
    };
    assert_eq!(translated(Some("gold")), (None, Some("gold".to_owned())));
    assert_eq!(translated(None), (None, None));
}

#[rstest]
#[case::merged("{matchExpressions: [{key: rev, operator: In, values: ['1']}]}", None)]
// As Kubernetes 1.33 has a spread constraint.
#[case::not_merged("{matchLabels: {app: a}}", Some(vec!["rev".to_owned()]))]
fn a_key_that_is_in_the_selector_is_not_merged_again(
    #[case] selector: &str,
    #[case] expected: Option<Vec<String>>,
) {
    let term = format!("{{topologyKey: zone, labelSelector: {selector}, matchLabelKeys: [rev]}}");
    let unlike = format!("{{topologyKey: zone, labelSelector: {selector}, mismatchLabelKeys: [rev]}}");
    let yaml = format!(
        "{{metadata: {{name: a, namespace: default, labels: {{rev: '1'}}}}, spec: {{containers: [{{name: a}}], \
         topologySpreadConstraints: [{{maxSkew: 1, whenUnsatisfiable: ScheduleAnyway, topologyKey: zone, \
         labelSelector: {selector}, matchLabelKeys: [rev]}}], \
         affinity: {{podAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}, \
         podAntiAffinity: {{preferredDuringSchedulingIgnoredDuringExecution: [{{weight: 1, podAffinityTerm: {unlike}}}]}}}}}}}}"
    );
    let host = translated(&yaml).spec.unwrap();
    let constraint = &host.topology_spread_constraints.unwrap()[0];
    assert_eq!(constraint.match_label_keys, expected);
    let affinity = host.affinity.unwrap();
    let near = &affinity
        .pod_affinity
        .unwrap()
        .required_during_scheduling_ignored_during_execution
        .unwrap()[0];
    assert_eq!(near.match_label_keys, expected);
    let far = affinity.pod_anti_affinity.unwrap();
    let far = &far.preferred_during_scheduling_ignored_during_execution.unwrap()[0].pod_affinity_term;
    assert_eq!(far.mismatch_label_keys, expected);
    let selectors = [
        &constraint.label_selector,
        &near.label_selector,
        &far.label_selector,
    ];
    assert_eq!(selectors, [&Some(serde_saphyr::from_str(selector).unwrap()); 3]);
}

/// Returns the environment by a kubelet's rule: `envFrom` overrides the variables of Services, and `env` overrides both.
fn environment(pod: &Pod, data: &[(&str, &str, &str)]) -> BTreeMap<String, String> {
    let spec = pod.spec.as_ref().unwrap();
    let container = &spec.containers[0];
    let mut all: BTreeMap<String, String> = [
        ("KUBERNETES_SERVICE_HOST", "the host's"),
        ("KUBERNETES_PORT", "the host's"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for source in container.env_from.iter().flatten() {
        let config_map = source.config_map_ref.as_ref().map(|source| &*source.name);
        let from = config_map.or_else(|| source.secret_ref.as_ref().map(|source| &*source.name));
        for (_, key, value) in data.iter().filter(|(object, ..)| Some(*object) == from) {
            let prefix = source.prefix.as_deref().unwrap_or_default();
            all.insert(format!("{prefix}{key}"), (*value).to_owned());
        }
    }
    for variable in container.env.iter().flatten() {
        let source = variable.value_from.as_ref();
        let of_config_map = source.and_then(|source| source.config_map_key_ref.as_ref());
        let of_secret = source.and_then(|source| source.secret_key_ref.as_ref());
        let named = of_config_map.map(|source| (&source.name, &source.key, source.optional));
        let named = named.or_else(|| of_secret.map(|source| (&source.name, &source.key, source.optional)));
        let value = match named {
            None => variable.value.clone(),
            Some((object, key, optional)) => {
                assert_eq!(optional, Some(true), "what is missing is no failure");
                let entry = data
                    .iter()
                    .find(|(named, entry, _)| named == object && entry == key);
                entry.map(|(.., value)| (*value).to_owned())
            }
        };
        if let Some(value) = value {
            all.insert(variable.name.clone(), value);
        }
    }
    all
}

#[rstest]
#[case::a_config_map("{configMapRef: {name: a}}", "[]", "of a")]
#[case::a_secret("{secretRef: {name: a}}", "[]", "of a")]
#[case::a_prefix("{configMapRef: {name: b}, prefix: KUBERNETES_}", "[]", "of b")]
#[case::the_last_of_several(
    "{configMapRef: {name: a}}, {secretRef: {name: b}, prefix: KUBERNETES_}",
    "[]",
    "of b"
)]
#[case::none_that_says_it("{configMapRef: {name: b}}", "[]", "10.96.7.7")]
#[case::one_that_is_missing("{configMapRef: {name: c, optional: true}}", "[]", "10.96.7.7")]
#[case::a_variable(
    "{configMapRef: {name: a}}",
    "[{name: KUBERNETES_SERVICE_HOST, value: own}]",
    "own"
)]
fn the_guests_api_gives_way_to_what_a_container_says_of_its_environment(
    #[case] sources: &str,
    #[case] variables: &str,
    #[case] expected: &str,
) {
    let host = translated(&format!(
        "{{metadata: {{name: a, namespace: default}}, spec: {{containers: [{{name: a, envFrom: [{sources}], env: {variables}}}]}}}}"
    ));
    let data = [
        ("a", "KUBERNETES_SERVICE_HOST", "of a"),
        ("b", "SERVICE_HOST", "of b"),
    ];
    let environment = environment(&host, &data);
    assert_eq!(environment["KUBERNETES_SERVICE_HOST"], expected);
    // What no source says is never the host's.
    assert_eq!(environment["KUBERNETES_PORT"], "tcp://10.96.7.7:443");
}

#[rstest]
#[case::nobody("{}", "{}", None)]
#[case::a_user_of_the_pod("{runAsUser: 1000}", "{}", Some(0o444))]
#[case::a_user_of_all_containers("{}", "{runAsUser: 1000}", Some(0o444))]
#[case::two_users("{runAsUser: 1001}", "{runAsUser: 1000}", None)]
#[case::root("{runAsUser: 0}", "{}", Some(0o600))]
#[case::a_group("{runAsUser: 1000, fsGroup: 2000}", "{}", Some(0o600))]
#[case::a_group_alone("{fsGroup: 2000}", "{}", Some(0o600))]
fn a_token_can_be_read_by_the_pods_one_user_and_by_its_group(
    #[case] of_pod: &str,
    #[case] of_container: &str,
    #[case] expected: Option<i32>,
) {
    let second = if of_pod == "{}" { of_container } else { "{}" };
    let host = translated(&format!(
        "{{metadata: {{name: a, namespace: default}}, spec: {{securityContext: {of_pod}, \
         initContainers: [{{name: a, securityContext: {of_container}}}], \
         containers: [{{name: b, securityContext: {second}}}], volumes: [{{name: t, projected: {{defaultMode: 256, \
         sources: [{{serviceAccountToken: {{path: token}}}}]}}}}]}}}}"
    ));
    let volumes = host.spec.unwrap().volumes.unwrap();
    let projected = volumes[0].projected.as_ref().unwrap();
    let source = projected.sources.as_ref().unwrap()[0].secret.as_ref().unwrap();
    assert_eq!(source.items.as_ref().unwrap()[0].mode, expected);
    assert_eq!(projected.default_mode, Some(256));
}

#[test]
fn a_file_with_the_annotations_has_the_tenants() {
    let files = "[{path: a, fieldRef: {fieldPath: metadata.annotations}}]";
    let with = |volume: &str| {
        translated(&format!(
            "{{metadata: {{name: a, namespace: default, annotations: {{note: a \"b\", also: c, shared-dapr.io/host-managed-keys: d}}}}, \
             spec: {{containers: [{{name: a}}], volumes: [{{name: v, {volume}}}]}}}}"
        ))
    };
    let plain = with(&format!("downwardAPI: {{items: {files}}}"));
    let projected = with(&format!(
        "projected: {{sources: [{{downwardAPI: {{items: {files}}}}}]}}"
    ));
    for host in [plain, projected] {
        let shown = &host.metadata.annotations.as_ref().unwrap()["shared-dapr.io/guest-annotations"];
        assert_eq!(shown, "also=\"c\"\nnote=\"a \\\"b\\\"\"");
        let text = serde_json::to_string(&host.spec).unwrap();
        assert!(
            text.contains("metadata.annotations['shared-dapr.io/guest-annotations']"),
            "{text}"
        );
    }
    let without = with("emptyDir: {}");
    assert!(
        !without
            .metadata
            .annotations
            .unwrap()
            .contains_key("shared-dapr.io/guest-annotations")
    );
}

fn remarks_of(yaml: &str, host: &Pod) -> Vec<(&'static str, String)> {
    let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
    remarks(&pod(yaml), host, &surroundings(&tenant))
}

#[test]
fn a_pod_has_as_many_name_servers_and_search_domains_as_a_kubelet_gives_it() {
    let searches: Vec<String> = (0..31).map(|number| format!("d{number}.test")).collect();
    let yaml = format!(
        "{{metadata: {{name: a, namespace: team}}, spec: {{containers: [{{name: a}}], dnsConfig: {{\
         nameservers: [192.0.2.1, 10.96.7.10, 192.0.2.2, 192.0.2.3], searches: [cluster.local, {}]}}}}}}",
        searches.join(", ")
    );
    let host = translated(&yaml);
    let config = host.spec.as_ref().unwrap().dns_config.as_ref().unwrap();
    assert_eq!(
        config.nameservers.as_ref().unwrap(),
        &["10.96.7.10", "192.0.2.1", "192.0.2.2"]
    );
    let kept = config.searches.as_ref().unwrap();
    assert_eq!(kept.len(), 32);
    assert_eq!(
        kept[..4],
        [
            "team.svc.cluster.local",
            "svc.cluster.local",
            "cluster.local",
            "d0.test"
        ]
    );
    let told = remarks_of(&yaml, &host);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].0, "DNSConfigForming");
    assert!(
        told[0]
            .1
            .starts_with("left out of the pod's DNS configuration: 192.0.2.3, d29.test, d30.test. "),
        "{told:?}"
    );
}

#[test]
fn search_domains_have_no_more_characters_than_a_pod_may_have() {
    let long: Vec<String> = (0..10)
        .map(|number| format!("{}{number}", format!("{}.", "a".repeat(50)).repeat(4)))
        .collect();
    let yaml = format!(
        "{{metadata: {{name: a, namespace: team}}, spec: {{containers: [{{name: a}}], dnsConfig: {{searches: [{}]}}}}}}",
        long.join(", ")
    );
    let host = translated(&yaml);
    let kept = host
        .spec
        .as_ref()
        .unwrap()
        .dns_config
        .as_ref()
        .unwrap()
        .searches
        .as_ref()
        .unwrap();
    assert!(kept.join(" ").len() <= 2048, "{}", kept.join(" ").len());
    assert_eq!(kept.len(), 12);
    assert!(remarks_of(&yaml, &host)[0].1.contains(&long[9]));
}

#[rstest]
#[case::by_its_own_name(
    "{hostname: db, subdomain: orders, setHostnameAsFQDN: true",
    Some("db.orders.team.svc.cluster.local")
)]
#[case::by_the_pods_name(
    "{subdomain: orders, setHostnameAsFQDN: true",
    Some("a.orders.team.svc.cluster.local")
)]
#[case::in_no_subdomain("{setHostnameAsFQDN: true", None)]
#[case::not_asked_for("{subdomain: orders", None)]
#[case::on_the_nodes_network("{subdomain: orders, setHostnameAsFQDN: true, hostNetwork: true", None)]
fn a_full_host_name_is_that_of_the_guests_dns(#[case] spec: &str, #[case] expected: Option<&str>) {
    let yaml =
        format!("{{metadata: {{name: a, namespace: team}}, spec: {spec}, containers: [{{name: a}}]}}}}");
    let mut host = translated(&yaml);
    let spec = host.spec.as_mut().unwrap();
    assert_eq!(
        (spec.hostname_override.as_deref(), spec.set_hostname_as_fqdn),
        (expected, None)
    );
    assert_eq!(remarks_of(&yaml, &host), []);
    // A host without the feature leaves it out.
    host.spec.as_mut().unwrap().hostname_override = None;
    let told = remarks_of(&yaml, &host);
    assert_eq!(told.len(), usize::from(expected.is_some()), "{told:?}");
}

#[test]
fn what_a_pod_cannot_have_is_named_with_what_to_do() {
    let tenant = Tenant::new("tenant-a", "vcluster-tenant-a");
    let guest = pod(&format!(
        "{{metadata: {{name: a, namespace: team}}, spec: {{hostname: {}, subdomain: orders, setHostnameAsFQDN: true, \
         containers: [{{name: a}}], volumes: [{{name: b, emptyDir: {{}}}}, {{name: c, projected: {{sources: [\
         {{podCertificate: {{signerName: example.com/a, keyType: ED25519}}}}, \
         {{clusterTrustBundle: {{name: a, path: b}}}}]}}}}]}}}}",
        "d".repeat(40)
    ));
    insta::assert_yaml_snapshot!(obstacles(&guest, &surroundings(&tenant)));
}
