//! The specs of Services to write: that of a mirror, and that of a guest Service that has to follow its mirror.
//!
//! Each API server assigns addresses, node ports and the health check port by itself. The host is asked for the guest's values;
//! if it cannot assign them, the guest gets the host's.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Service, ServiceSpec};
use kube::core::Status;

/// Part of an API server's message about a health check port that it cannot assign. It is an internal error there, while a node
/// port is an invalid value.
const HEALTH_CHECK: &str = "HealthCheck NodePort";

/// The policy of a Service with addresses of one family.
const SINGLE: &str = "SingleStack";

/// Returns the spec that the guest wants of its mirror. The first address of an existing mirror can't be changed.
pub(super) fn wanted(guest: &Service, host: Option<&Service>) -> ServiceSpec {
    let mut spec = guest.spec.clone().unwrap_or_default();
    if addresses(&spec).len() == 1 {
        // A host of two families would give it a second address, which a guest of one cannot have.
        spec.ip_family_policy = Some(SINGLE.to_owned());
    }
    let Some(theirs) = host.and_then(|host| host.spec.as_ref()) else {
        return spec;
    };
    let (ours, given) = (addresses(&spec), addresses(theirs));
    if !ours.is_empty() && !given.is_empty() && ours[0] != given[0] {
        keep_addresses(&mut spec, theirs);
    }
    spec
}

/// Returns the spec of an intermediate step to the wanted one, if it is needed: an API server does not change a health check
/// port, but assigns another one once there was none.
pub(super) fn releasing(wanted: &ServiceSpec, host: &Service) -> Option<ServiceSpec> {
    let theirs = host.spec.as_ref().and_then(health_check_port)?;
    let ours = health_check_port(wanted)?;
    (ours != theirs).then(|| ServiceSpec {
        external_traffic_policy: Some("Cluster".to_owned()),
        health_check_node_port: None,
        ..wanted.clone()
    })
}

/// Returns true if a refusal may be because an address or a port is taken, so that the host has to choose.
pub(super) fn is_for_a_choice(refusal: &Status) -> bool {
    refusal.is_invalid() || refusal.message.contains(HEALTH_CHECK)
}

/// Removes the values that the host may choose: addresses except those that it has assigned already, and node ports except those
/// that it has chosen already.
pub(super) fn at_the_hosts_choice(mut spec: ServiceSpec, host: Option<&Service>) -> ServiceSpec {
    let theirs = host.and_then(|host| host.spec.as_ref());
    if spec.cluster_ip.as_deref() != Some("None") {
        spec.cluster_ip = None;
        spec.cluster_ips = None;
        match theirs.filter(|theirs| !addresses(theirs).is_empty()) {
            Some(theirs) => keep_addresses(&mut spec, theirs),
            None => prefer(&mut spec),
        }
    }
    spec.health_check_node_port = None;
    for port in spec.ports.iter_mut().flatten() {
        let same = theirs
            .and_then(|theirs| theirs.ports.as_ref())
            .into_iter()
            .flatten()
            .find(|their| (their.port, &their.protocol) == (port.port, &port.protocol));
        port.node_port = same.and_then(|their| their.node_port);
    }
    spec
}

/// Keeps the addresses that the host has assigned, as many as are wanted.
fn keep_addresses(spec: &mut ServiceSpec, theirs: &ServiceSpec) {
    let many = spec.ip_families.as_ref().map_or(1, Vec::len);
    let kept = |list: &Option<Vec<String>>| list.as_ref().map(|all| all.iter().take(many).cloned().collect());
    spec.cluster_ip.clone_from(&theirs.cluster_ip);
    spec.cluster_ips = kept(&theirs.cluster_ips);
    match kept(&theirs.ip_families) {
        Some(families) if Vec::len(&families) == many => spec.ip_families = Some(families),
        _ => prefer(spec),
    }
}

/// Makes the second address family optional for the host, unless it is required.
fn prefer(spec: &mut ServiceSpec) {
    if let Some(families) = &mut spec.ip_families
        && spec.ip_family_policy.as_deref() == Some("PreferDualStack")
    {
        families.truncate(1);
    }
}

/// Returns the spec to recreate the guest's Service with, if it cannot be changed to the addresses or the health check port that
/// the host has chosen.
pub(super) fn anew(ours: &ServiceSpec, theirs: &ServiceSpec) -> Option<ServiceSpec> {
    let given = addresses(theirs);
    let moved = !given.is_empty() && given != addresses(ours);
    let checked = health_check_port(theirs).is_some() && health_check_port(theirs) != health_check_port(ours);
    if !moved && !checked {
        return None;
    }
    let mut spec = ServiceSpec {
        health_check_node_port: theirs.health_check_node_port,
        ports: theirs.ports.clone(),
        ..ours.clone()
    };
    if moved {
        spec.cluster_ip.clone_from(&theirs.cluster_ip);
        spec.cluster_ips.clone_from(&theirs.cluster_ips);
        spec.ip_families.clone_from(&theirs.ip_families);
        if given.len() < addresses(ours).len() {
            // The guest would give an address of its own to the second family.
            spec.ip_family_policy = Some(SINGLE.to_owned());
        }
    }
    Some(spec)
}

/// Returns a Service without its node ports.
pub(super) fn without_node_ports(service: &Service) -> Service {
    let mut service = service.clone();
    if let Some(spec) = &mut service.spec {
        spec.health_check_node_port = None;
        (spec.ports.iter_mut().flatten()).for_each(|port| port.node_port = None);
    }
    service
}

/// Returns the addresses of a Service that has any.
pub(super) fn addresses(spec: &ServiceSpec) -> Vec<&str> {
    let all = spec.cluster_ips.as_deref().unwrap_or_default();
    let all = all.iter().map(String::as_str);
    let one = spec.cluster_ip.as_deref().filter(|_| all.len() == 0);
    all.chain(one)
        .filter(|address| address.parse::<IpAddr>().is_ok())
        .collect()
}

/// Returns the node ports.
pub(super) fn node_ports(spec: &ServiceSpec) -> Vec<Option<i32>> {
    spec.ports.iter().flatten().map(|port| port.node_port).collect()
}

fn health_check_port(spec: &ServiceSpec) -> Option<i32> {
    spec.health_check_node_port.filter(|port| *port != 0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn spec(value: Value) -> ServiceSpec {
        serde_json::from_value(value).unwrap()
    }

    fn service(value: Value) -> Service {
        Service {
            spec: Some(spec(value)),
            ..Service::default()
        }
    }

    fn dual(policy: &str) -> Value {
        json!({
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1", "fd00::1"],
            "ipFamilies": ["IPv4", "IPv6"], "ipFamilyPolicy": policy,
        })
    }

    #[test]
    fn a_second_address_is_asked_for_and_the_first_kept() {
        let guest = dual("RequireDualStack");
        let single = json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]});
        let host = service(single);
        assert_eq!(wanted(&service(guest.clone()), Some(&host)), spec(guest.clone()));
        let chosen = at_the_hosts_choice(spec(guest.clone()), Some(&host));
        assert_eq!(addresses(&chosen), ["10.0.0.1"]);
        assert_eq!(chosen.ip_families.as_ref().map(Vec::len), Some(2));
        assert_eq!(
            addresses(&at_the_hosts_choice(spec(guest.clone()), None)),
            [""; 0]
        );
        let moved =
            service(json!({"clusterIP": "10.0.0.2", "clusterIPs": ["10.0.0.2"], "ipFamilies": ["IPv4"]}));
        assert_eq!(addresses(&wanted(&service(guest), Some(&moved))), ["10.0.0.2"]);
    }

    #[test]
    fn a_host_of_one_family_is_not_asked_for_a_second_that_is_only_preferred() {
        let chosen = at_the_hosts_choice(spec(dual("PreferDualStack")), None);
        assert_eq!(chosen.ip_families, Some(vec!["IPv4".to_owned()]));
        assert_eq!(chosen.ip_family_policy.as_deref(), Some("PreferDualStack"));
        // What it has of both is not taken away.
        let host = service(dual("PreferDualStack"));
        let chosen = at_the_hosts_choice(spec(dual("PreferDualStack")), Some(&host));
        assert_eq!(chosen, spec(dual("PreferDualStack")));
    }

    #[test]
    fn a_guest_of_one_family_does_not_get_a_second_address() {
        let mut guest = json!({"clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"]});
        guest["ipFamilyPolicy"] = json!("PreferDualStack");
        let asked = wanted(&service(guest), None);
        assert_eq!(asked.ip_family_policy.as_deref(), Some(SINGLE));
        let headless = json!({"clusterIP": "None", "clusterIPs": ["None"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "PreferDualStack"});
        assert_eq!(wanted(&service(headless.clone()), None), spec(headless));
    }

    #[test]
    fn a_host_of_one_family_makes_the_guests_service_one_of_that() {
        let ours = spec(dual("PreferDualStack"));
        let theirs = spec(json!({
            "clusterIP": "10.0.0.1", "clusterIPs": ["10.0.0.1"], "ipFamilies": ["IPv4"], "ipFamilyPolicy": "PreferDualStack",
        }));
        let made = anew(&ours, &theirs).unwrap();
        assert_eq!(made.ip_family_policy.as_deref(), Some("SingleStack"));
        assert_eq!(anew(&made, &theirs), None);
    }

    #[test]
    fn a_port_for_health_checks_is_released_before_another_is_taken() {
        let wanted = spec(json!({"externalTrafficPolicy": "Local", "healthCheckNodePort": 30001}));
        let has = |port: i32| service(json!({"externalTrafficPolicy": "Local", "healthCheckNodePort": port}));
        let released = releasing(&wanted, &has(30002)).unwrap();
        assert_eq!(released.external_traffic_policy.as_deref(), Some("Cluster"));
        assert_eq!(released.health_check_node_port, None);
        assert_eq!(releasing(&wanted, &has(30001)), None);
        assert_eq!(releasing(&wanted, &has(0)), None);
        let gets = anew(&wanted, has(30003).spec.as_ref().unwrap()).unwrap();
        assert_eq!(gets.health_check_node_port, Some(30003));
        // The guest's may be told to have none sooner than the host's mirror is.
        assert_eq!(anew(&wanted, &spec(json!({}))), None);
    }
}
