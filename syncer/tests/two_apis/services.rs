//! Services have mirrors, and the same endpoints on both sides.

use provision::wait::{self, Seen};
use rstest::rstest;
use serde_json::{Value, json};

use crate::rig::{NamespacePair, Refusal, SOON, Side, Tenant, unique};

const CHECKED: &str = "/spec/healthCheckNodePort";

#[tokio::test]
async fn a_service_has_one_address_on_both_sides() {
    let space = NamespacePair::shared().await;
    let guest = space.guest.create(service("app")).await;
    let address = guest["spec"]["clusterIP"].clone();
    let host = space.host.appears("Service", "app").await;
    assert_eq!(host["spec"]["ports"][0]["port"], 80);
    let guest = space.guest.get("Service", "app").await.expect("it is there");
    if host["spec"]["clusterIP"] == address {
        assert_eq!(guest["spec"]["clusterIP"], address);
    } else {
        space
            .guest
            .shows(
                "Service",
                "app",
                "/spec/clusterIP",
                host["spec"]["clusterIP"].clone(),
            )
            .await;
    }
}

#[tokio::test]
async fn a_service_whose_address_is_taken_on_the_host_gets_another_on_both_sides() {
    let space = NamespacePair::shared().await;
    let foreign = space
        .host
        .everywhere()
        .within("default")
        .create(service(&unique("foreign")))
        .await;
    let taken = foreign["spec"]["clusterIP"].clone();
    let mut wanted = service("app");
    wanted["spec"]["clusterIP"] = taken.clone();
    wanted["metadata"]["labels"] = json!({"team": "a"});
    let before = space.guest.create(wanted).await;
    assert_eq!(before["spec"]["clusterIP"], taken);
    let host = space.host.appears("Service", "app").await;
    assert_ne!(host["spec"]["clusterIP"], taken);
    let guest = space
        .guest
        .shows(
            "Service",
            "app",
            "/spec/clusterIP",
            host["spec"]["clusterIP"].clone(),
        )
        .await;
    assert_eq!(guest["metadata"]["labels"], json!({"team": "a"}));
    assert_eq!(guest["spec"]["ports"], host["spec"]["ports"]);
    space.guest.delete("Service", "app").await;
    space.host.until_gone("Service", "app").await;
}

#[rstest]
#[case::it_gets_ports_of_nodes(json!([{"port": 80}]), json!({"type": "NodePort"}))]
#[case::it_gets_another_port(json!([{"port": 443}]), json!({"type": "NodePort"}))]
#[tokio::test]
async fn a_service_that_gets_a_port_that_is_taken_on_the_host_gets_another(
    #[case] before: Value,
    #[case] mut change: Value,
) {
    let space = NamespacePair::shared().await;
    let taken = port_of_a_foreign_service(&space.host).await;
    let mut ours = service("app");
    ours["spec"]["ports"] = before.clone();
    space.guest.create(ours).await;
    space.host.appears("Service", "app").await;

    let mut ports = vec![json!({"name": "http", "port": 80, "nodePort": taken})];
    if before[0]["port"] != 80 {
        ports.push(json!({"name": "https", "port": 443}));
    }
    change["ports"] = json!(ports);
    space
        .guest
        .merge("Service", "app", &json!({"spec": change}))
        .await;

    let got = space
        .host
        .sees("Service", "app", "with a port of nodes", node_port_of_http)
        .await;
    assert_ne!(got, taken);
    is_at(&space.guest, got).await;
}

#[tokio::test]
async fn a_service_that_asks_for_a_taken_port_keeps_the_one_it_has() {
    let space = NamespacePair::shared().await;
    let taken = port_of_a_foreign_service(&space.host).await;
    let mut ours = service("app");
    ours["spec"]["type"] = json!("NodePort");
    space.guest.create(ours).await;
    let had = space
        .host
        .sees("Service", "app", "with a port of nodes", node_port_of_http)
        .await;

    let asked = json!([{"name": "http", "port": 80, "targetPort": 9090, "nodePort": taken}]);
    space
        .guest
        .merge("Service", "app", &json!({"spec": {"ports": asked}}))
        .await;

    let host = space
        .host
        .shows("Service", "app", "/spec/ports/0/targetPort", 9090)
        .await;
    assert_eq!(node_port_of_http(&host), Some(had));
    is_at(&space.guest, had).await;
}

#[rstest]
#[case::from_the_start(&["Local"])]
#[case::later(&["Cluster", "Local"])]
#[case::again(&["Local", "Cluster", "Local"])]
#[tokio::test]
async fn health_is_checked_at_one_port_on_both_sides(#[case] policies: &[&str]) {
    let space = NamespacePair::shared().await;
    space.guest.create(balancer("app", policies[0])).await;
    for policy in policies {
        let change = json!({"spec": {"externalTrafficPolicy": policy}});
        space.guest.merge("Service", "app", &change).await;
        space
            .host
            .shows("Service", "app", "/spec/externalTrafficPolicy", *policy)
            .await;
    }
    checks_at_one_port(&space).await;
    // What is changed back at once is not seen in between.
    for policy in ["Cluster", "Local"] {
        let change = json!({"spec": {"externalTrafficPolicy": policy}});
        space.guest.merge("Service", "app", &change).await;
    }
    checks_at_one_port(&space).await;
    let change = json!({"spec": {"externalTrafficPolicy": "Cluster"}});
    space.guest.merge("Service", "app", &change).await;
    space
        .host
        .shows("Service", "app", "/spec/externalTrafficPolicy", "Cluster")
        .await;
    for side in [&space.guest, &space.host] {
        side.sees("Service", "app", "without a port for checks", |found| {
            found.pointer(CHECKED).is_none().then_some(())
        })
        .await;
    }
}

#[rstest]
#[case::from_the_start("Local")]
#[case::later("Cluster")]
#[tokio::test]
async fn a_port_for_health_checks_that_is_taken_on_the_host_is_another_on_both_sides(#[case] first: &str) {
    let space = NamespacePair::shared().await;
    let foreign = balancer(&unique("foreign"), "Local");
    let foreign = space.host.everywhere().within("default").create(foreign).await;
    let taken = foreign.pointer(CHECKED).expect("the API gives it one");
    let mut ours = balancer("app", first);
    let asked = json!({"externalTrafficPolicy": "Local", "healthCheckNodePort": taken});
    if first == "Local" {
        ours["spec"]["healthCheckNodePort"] = taken.clone();
    }
    space.guest.create(ours).await;
    space.host.appears("Service", "app").await;
    if first != "Local" {
        space.guest.merge("Service", "app", &json!({"spec": asked})).await;
    }
    let got = space
        .host
        .sees("Service", "app", "with a port of its own", |found| {
            found.pointer(CHECKED).cloned()
        })
        .await;
    assert_ne!(&got, taken);
    space.guest.shows("Service", "app", CHECKED, got).await;
    checks_at_one_port(&space).await;
}

#[rstest]
#[case::from_the_start(true)]
#[case::later(false)]
#[tokio::test]
async fn a_service_of_two_families_has_the_same_addresses_on_both_sides(#[case] at_once: bool) {
    let space = NamespacePair::shared().await;
    let (single, dual) = (
        json!({"spec": {"ipFamilyPolicy": "SingleStack"}}),
        json!({"spec": {"ipFamilyPolicy": "PreferDualStack"}}),
    );
    let mut ours = service("app");
    if at_once {
        ours["spec"]["ipFamilyPolicy"] = json!("PreferDualStack");
    }
    space.guest.create(ours).await;
    space.host.appears("Service", "app").await;
    if !at_once {
        space.guest.merge("Service", "app", &dual).await;
    }
    has_addresses(&space, 2).await;
    space.guest.merge("Service", "app", &single).await;
    has_addresses(&space, 1).await;
}

#[tokio::test]
async fn a_second_address_that_is_taken_on_the_host_is_another_on_both_sides() {
    let space = NamespacePair::shared().await;
    let mut foreign = service(&unique("foreign"));
    foreign["spec"]["ipFamilyPolicy"] = json!("RequireDualStack");
    let foreign = space.host.everywhere().within("default").create(foreign).await;
    let taken = &foreign["spec"]["clusterIPs"][1];
    space.guest.create(service("app")).await;
    let first = has_addresses(&space, 1).await.remove(0);
    let change = json!({"ipFamilyPolicy": "RequireDualStack", "clusterIPs": [first, taken]});
    space
        .guest
        .merge("Service", "app", &json!({"spec": change}))
        .await;
    let has = has_addresses(&space, 2).await;
    assert_eq!(has[0], first);
    assert_ne!(&has[1], taken);
}

/// Older clients of Kubernetes, from before `EndpointSlices`, read the other form.
#[tokio::test]
async fn where_the_guests_api_is_can_be_read_in_either_form() {
    let mut tenant = Tenant::new("endpoints").await;
    tenant.stop().await;
    let mut syncer = tenant.another(&["--pod-ip=192.0.2.9".to_owned()]).await;
    syncer.is_ready().await;
    let guest = tenant.guest().await.within("default");
    let (slice, endpoints) = ("/endpoints/0/addresses/0", "/subsets/0/addresses/0/ip");
    for _ in ["made", "made again"] {
        guest
            .shows("EndpointSlice", "kubernetes", slice, "192.0.2.9")
            .await;
        let found = guest
            .shows("Endpoints", "kubernetes", endpoints, "192.0.2.9")
            .await;
        assert_eq!(found["subsets"][0]["ports"][0]["port"], 6443);
        for kind in ["EndpointSlice", "Endpoints"] {
            guest.delete(kind, "kubernetes").await;
        }
    }
    guest
        .shows("EndpointSlice", "kubernetes", slice, "192.0.2.9")
        .await;
    let elsewhere = json!({"subsets": [{"addresses": [{"ip": "192.0.2.66"}], "ports": [{"port": 1}]}]});
    guest
        .shows("Endpoints", "kubernetes", endpoints, "192.0.2.9")
        .await;
    guest.merge("Endpoints", "kubernetes", &elsewhere).await;
    guest
        .shows("Endpoints", "kubernetes", endpoints, "192.0.2.9")
        .await;
}

#[tokio::test]
async fn a_service_that_is_another_name_is_one_on_the_host_too() {
    let space = NamespacePair::shared().await;
    let ours = json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "app"},
        "spec": {"type": "ExternalName", "externalName": "store.example.org"},
    });
    space.guest.create(ours).await;
    space
        .host
        .shows("Service", "app", "/spec/externalName", "store.example.org")
        .await;
    let elsewhere = json!({"spec": {"externalName": "elsewhere.example.org"}});
    space.guest.merge("Service", "app", &elsewhere).await;
    let host = space
        .host
        .shows("Service", "app", "/spec/externalName", "elsewhere.example.org")
        .await;
    assert_eq!(host["spec"]["type"], "ExternalName");
    // It may become one with an address, which is the same on both sides then.
    let with_address = json!({"spec": {"type": "ClusterIP", "externalName": null, "ports": [{"port": 80}]}});
    space.guest.merge("Service", "app", &with_address).await;
    let host = space
        .host
        .shows("Service", "app", "/spec/type", "ClusterIP")
        .await;
    let address = host["spec"]["clusterIP"].clone();
    assert!(address.is_string());
    space
        .guest
        .shows("Service", "app", "/spec/clusterIP", address)
        .await;
}

#[tokio::test]
async fn a_load_balancers_address_is_shown() {
    let space = NamespacePair::shared().await;
    let mut ours = service("app");
    ours["spec"]["type"] = json!("LoadBalancer");
    space.guest.create(ours).await;
    space
        .host
        .shows("Service", "app", "/spec/type", "LoadBalancer")
        .await;
    let balancer = json!({"ingress": [{"ip": "192.0.2.7", "ipMode": "VIP"}]});
    space
        .host
        .merge_status("Service", "app", &json!({"loadBalancer": balancer}))
        .await;
    space
        .guest
        .shows("Service", "app", "/status/loadBalancer", balancer)
        .await;
    space
        .host
        .merge_status("Service", "app", &json!({"loadBalancer": null}))
        .await;
    space
        .guest
        .shows("Service", "app", "/status/loadBalancer", json!({}))
        .await;
}

#[tokio::test]
async fn where_a_service_without_selector_leads_is_what_the_tenant_says() {
    let space = NamespacePair::shared().await;
    let (guest, host) = (&space.guest, &space.host);
    let mut ours = service("app");
    ours["spec"]["selector"] = Value::Null;
    guest.create(ours).await;
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "app-1", "labels": {"kubernetes.io/service-name": "app"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["192.0.2.1"]}],
        "ports": [{"name": "http", "port": 8080}],
    });
    guest.create(slice).await;
    let mirror = host.appears("EndpointSlice", "app-1").await;
    assert_eq!(mirror["endpoints"][0]["addresses"], json!(["192.0.2.1"]));
    assert_eq!(mirror["metadata"]["labels"]["kubernetes.io/service-name"], "app");
    let moved = json!({"endpoints": [{"addresses": ["192.0.2.2"]}]});
    guest.merge("EndpointSlice", "app-1", &moved).await;
    host.shows("EndpointSlice", "app-1", "/endpoints/0/addresses/0", "192.0.2.2")
        .await;
    guest.delete("EndpointSlice", "app-1").await;
    host.until_gone("EndpointSlice", "app-1").await;
}

/// Waits until the health check port is the same on both sides.
async fn checks_at_one_port(space: &NamespacePair) {
    wait::until("one port for health checks", SOON, || async {
        let (guest, host) = both(space).await;
        let (ours, theirs) = (guest.pointer(CHECKED), host.pointer(CHECKED));
        Ok::<_, Refusal>(if ours.is_some() && ours == theirs {
            Seen::Ready(())
        } else {
            Seen::NotYet(format!("{ours:?} and {theirs:?}"))
        })
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"));
}

/// Waits until both sides have the same addresses, of this number, and returns them.
async fn has_addresses(space: &NamespacePair, count: usize) -> Vec<Value> {
    wait::until("the same addresses", SOON, || async {
        let (guest, host) = both(space).await;
        let of = |side: &Value| side["spec"]["clusterIPs"].as_array().cloned().unwrap_or_default();
        let (ours, theirs) = (of(&guest), of(&host));
        let same = ours.len() == count && ours == theirs;
        let same = same && guest["spec"]["ipFamilies"] == host["spec"]["ipFamilies"];
        Ok::<_, Refusal>(if same {
            Seen::Ready(ours)
        } else {
            Seen::NotYet(format!("{ours:?} and {theirs:?}"))
        })
    })
    .await
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Reads the Service on either side; null if it does not exist.
async fn both(space: &NamespacePair) -> (Value, Value) {
    let (guest, host) = tokio::join!(
        space.guest.get("Service", "app"),
        space.host.get("Service", "app")
    );
    (guest.unwrap_or_default(), host.unwrap_or_default())
}

/// Creates a foreign Service, and returns its node port.
async fn port_of_a_foreign_service(host: &Side) -> i64 {
    let mut foreign = service(&unique("foreign"));
    foreign["spec"]["type"] = json!("NodePort");
    let foreign = host.everywhere().within("default").create(foreign).await;
    node_port_of_http(&foreign).expect("the API gives it one")
}

/// Waits until a Service has this node port.
async fn is_at(side: &Side, port: i64) {
    let at_port = |found: &Value| (node_port_of_http(found) == Some(port)).then_some(());
    side.sees("Service", "app", "at the host's port", at_port).await;
}

fn node_port_of_http(service: &Value) -> Option<i64> {
    let ports = service["spec"]["ports"].as_array()?;
    let http = ports.iter().find(|port| port["port"] == 80)?;
    http["nodePort"].as_i64()
}

fn balancer(name: &str, policy: &str) -> Value {
    let mut balancer = service(name);
    balancer["spec"]["type"] = json!("LoadBalancer");
    balancer["spec"]["externalTrafficPolicy"] = json!(policy);
    balancer
}

fn service(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": "app"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
    })
}
