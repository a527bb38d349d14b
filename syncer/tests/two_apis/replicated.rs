//! Services of the guest that are replicated to the host, with the roles that the chart creates for them.

use http::Method;
use serde_json::{Value, json};

use crate::rig::{Host, Tenant, Uninstalled, namespace, unique};

#[tokio::test]
async fn a_service_of_the_guest_is_where_the_values_say_and_is_deleted_with_it() {
    let host = Host::shared().await.admin().await;
    let there = unique("clients");
    host.create(namespace(&there)).await;
    let values = format!(
        "experimental: {{multiNamespaceMode: {{enabled: true}}}}\nnetworking:\n  replicateServices:\n    toHost:\n    \
         - {{from: default/web, to: beside}}\n    - {{from: default/peers, to: {there}/peers}}\n    \
         - {{from: default/taken, to: {there}/taken}}\n    - {{from: default/none, to: /none}}\n"
    );
    let tenant = Tenant::with_values("replicated", &values).await;
    let guest = tenant.guest().await.within("default");
    let (own, there) = (host.within(tenant.namespace()), host.within(&there));

    for (side, name, replica, address) in [
        (&own, "web", "beside", Value::Null),
        (&there, "peers", "peers", json!("None")),
    ] {
        guest.create(service(name, &address)).await;
        guest.create(endpoints(name, "10.1.2.3")).await;
        let theirs = side.appears("Service", replica).await;
        assert_eq!(theirs["spec"]["ports"][0]["port"], 6379);
        assert_eq!(theirs["spec"].get("selector"), None);
        assert_eq!(theirs["spec"]["clusterIP"] == "None", address == "None");
        let first = "/subsets/0/addresses";
        side.shows("Endpoints", replica, first, json!([{"ip": "10.1.2.3"}]))
            .await;

        // It follows the guest's, and not what is done to it.
        let moved = endpoints(name, "10.1.2.4");
        guest.merge("Endpoints", name, &moved).await;
        side.shows("Endpoints", replica, first, json!([{"ip": "10.1.2.4"}]))
            .await;
        side.merge("Endpoints", replica, &endpoints(replica, "10.9.9.9"))
            .await;
        side.shows("Endpoints", replica, first, json!([{"ip": "10.1.2.4"}]))
            .await;
        side.delete("Service", replica).await;
        side.appears("Service", replica).await;
        side.shows("Endpoints", replica, first, json!([{"ip": "10.1.2.4"}]))
            .await;

        // With a Service, its API deletes the endpoints.
        guest.delete("Service", name).await;
        for kind in ["Service", "Endpoints"] {
            side.until_gone(kind, replica).await;
        }
    }

    // What is there already is somebody else's.
    let theirs = there.create(service("taken", &Value::Null)).await;
    guest.create(service("taken", &Value::Null)).await;
    guest.has_event("Service", "taken", "is left as it is").await;
    guest.delete("Service", "taken").await;
    let left = there.get("Service", "taken").await.expect("it stays");
    for field in ["uid", "labels", "annotations"] {
        assert_eq!(left["metadata"][field], theirs["metadata"][field], "{field}");
    }
    assert_eq!(left["spec"], theirs["spec"]);

    // It may make these, and no others.
    let account = tenant.account().await;
    for namespace in [tenant.namespace(), there.namespace()] {
        let side = account.within(namespace);
        for path in [side.path("Service", "other"), side.path("Endpoints", "other")] {
            let applied = side
                .ask(
                    Method::PATCH,
                    &format!("{path}?fieldManager=test"),
                    "application/apply-patch+yaml",
                    Some(&applied(&path)),
                )
                .await;
            assert_eq!(applied.expect_err("it is refused").code, 403, "{path}");
        }
        let made = account
            .post(&side.path("Service", ""), &service("other", &Value::Null))
            .await;
        assert_eq!(made.expect_err("it is refused").code, 403);
        let listed = account
            .ask(Method::GET, &side.path("Service", ""), "application/json", None)
            .await;
        assert_eq!(listed.expect_err("it is refused").code, 403);
    }

    // It goes with the virtual cluster, too.
    guest.create(service("peers", &json!("None"))).await;
    there.appears("Service", "peers").await;
    let uninstalled = Uninstalled::of(tenant).await;
    uninstalled.removes().await;
    assert_eq!(there.names("Service").await, ["taken"]);
    let account = uninstalled.account().await.within(there.namespace());
    let delete = account
        .ask(
            Method::DELETE,
            &account.path("Service", "taken"),
            "application/json",
            None,
        )
        .await;
    assert_eq!(delete.expect_err("it is refused").code, 403);
}

fn service(name: &str, address: &Value) -> Value {
    let mut service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
        "spec": {"ports": [{"name": "redis", "port": 6379}]},
    });
    if !address.is_null() {
        service["spec"]["clusterIP"] = address.clone();
    }
    service
}

fn endpoints(name: &str, address: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": name},
        "subsets": [{"addresses": [{"ip": address}], "ports": [{"name": "redis", "port": 6379}]}],
    })
}

fn applied(path: &str) -> Value {
    if path.contains("services") {
        service("other", &Value::Null)
    } else {
        endpoints("other", "10.1.2.3")
    }
}
