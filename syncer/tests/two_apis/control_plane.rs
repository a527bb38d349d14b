//! The programs of a tenant's control plane, as its chart starts them: the objects that a tenant's own API server finds, and the
//! controllers that release objects which its admission holds.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use provision::command::Command;
use serde_json::{Value, json};

use crate::rig::{Host, Side, Tenant, VERSION, extension, unique};

/// The list of changes that a tenant's API server makes to objects before it accepts them.
const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/admission-in-the-guest.md");

#[tokio::test]
async fn an_api_server_of_the_tenants_own_is_asked_on_behalf_of_who_asks() {
    let guest = Tenant::shared().await.guest().await;
    // From this, such a server learns who may speak for others, and how they do it.
    let told = guest
        .within("kube-system")
        .appears("ConfigMap", "extension-apiserver-authentication")
        .await;
    let text = |key: &str| told["data"][key].as_str().unwrap_or_default().to_owned();
    for (key, expected) in [
        ("requestheader-allowed-names", r#"["front-proxy-client"]"#),
        ("requestheader-username-headers", r#"["X-Remote-User"]"#),
        ("requestheader-group-headers", r#"["X-Remote-Group"]"#),
        ("requestheader-extra-headers-prefix", r#"["X-Remote-Extra-"]"#),
    ] {
        assert_eq!(text(key), expected, "{key}");
    }
    // The tenant can have a certificate in any name signed by this one.
    let authority = text("requestheader-client-ca-file");
    assert_ne!(authority, text("client-ca-file"));

    let port = extension(&authority).await;
    let name = unique("own");
    guest
        .within("default")
        .create(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name},
            "spec": {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]},
        }))
        .await;
    let (group, version) = VERSION.split_once('/').expect("it has both");
    guest
        .create(json!({
            "apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService",
            "metadata": {"name": format!("{version}.{group}")},
            "spec": {
                "group": group, "version": version, "groupPriorityMinimum": 100, "versionPriority": 100,
                "service": {"name": name, "namespace": "default", "port": port},
                "insecureSkipTLSVerify": true,
            },
        }))
        .await;
    let answered = guest.answers(&format!("/apis/{VERSION}/boats")).await;
    assert_eq!(answered["user"], json!(["kubernetes-admin"]));
    assert_eq!(
        answered["groups"],
        json!(["system:masters", "system:authenticated"])
    );
    guest.delete("APIService", &format!("{version}.{group}")).await;
}

#[tokio::test]
async fn the_files_that_the_chart_names_are_those_that_are_made() {
    let tenant = Tenant::shared().await;
    let named: BTreeSet<String> = (arguments(&tenant).await.values().flatten())
        .filter_map(|argument| argument.split_once("=/pki/"))
        .map(|(_, file)| file.to_owned())
        .collect();
    assert!(named.contains("front-proxy-ca.crt"), "{named:?}");
    for file in named {
        assert!(tenant.pki().join(&file).exists(), "{file}");
    }
}

/// A new Kubernetes has other plug-ins, and somebody has to check whether a tenant can live with them.
#[tokio::test]
async fn each_plug_in_of_the_guests_admission_is_listed() {
    let host = Host::shared().await;
    let said = help(host.program("kube-apiserver")).await;
    let (_, defaults) = said
        .split_once("in addition to default enabled ones (")
        .expect("it says which are");
    let (defaults, _) = defaults.split_once(')').expect("the list ends");
    let mut defaults: Vec<&str> = defaults.split(", ").map(str::trim).collect();
    defaults.sort_unstable();
    let rows = rows("Plug-ins");
    let listed: Vec<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    assert_eq!(listed, defaults);
}

/// Each finalizer of an object has a controller in the guest that removes it.
#[tokio::test]
async fn each_finalizer_is_released_by_what_runs_in_the_guest() {
    let tenant = Tenant::shared().await;
    let arguments = arguments(&tenant).await;
    let controllers = (arguments["kube-controller-manager"].iter())
        .find_map(|argument| argument.strip_prefix("--controllers="))
        .expect("the chart says which");
    let host = Host::shared().await;
    let known = help(host.program("kube-controller-manager")).await;
    for row in rows("Finalizers") {
        let [finalizer, _, by] = &row[..] else {
            panic!("a row has three cells: {row:?}")
        };
        let Some(controller) = by.strip_suffix("-controller").map(|_| by) else {
            assert!(
                ["the API server", "the syncer", "nobody needs to"].contains(&by.as_str()),
                "{finalizer}: {by}"
            );
            continue;
        };
        assert!(known.contains(controller.as_str()), "{controller} is known");
        let without = controllers.split(',').any(|one| one == format!("-{controller}"));
        assert!(
            !without,
            "{finalizer} is released by {controller}, which does not run"
        );
    }
}

#[tokio::test]
async fn what_a_tenant_makes_can_be_deleted() {
    let tenant = Tenant::shared().await;
    let guest = tenant.guest().await;
    let known: BTreeSet<String> = rows("Finalizers").into_iter().map(|row| row[0].clone()).collect();
    for (object, expected) in [
        (volume(), "kubernetes.io/pv-protection"),
        (attributes_class(), "kubernetes.io/vac-protection"),
    ] {
        let made = guest.create(object).await;
        assert_eq!(made["metadata"]["finalizers"], json!([expected]));
        assert!(known.contains(expected), "{expected} is listed");
        let (kind, name) = (made["kind"].as_str(), made["metadata"]["name"].as_str());
        let (kind, name) = (kind.expect("it has one"), name.expect("it has one"));
        guest.delete(kind, name).await;
        guest.until_gone(kind, name).await;
    }
    let claim = guest.within("default").create(claim()).await;
    let held = claim["metadata"]["finalizers"].as_array().expect("it is held");
    let held: BTreeSet<String> = held
        .iter()
        .filter_map(|one| one.as_str().map(ToOwned::to_owned))
        .collect();
    assert!(!held.is_empty() && held.is_subset(&known), "{held:?} are listed");
}

/// Returns the arguments of each program of a tenant's control plane.
async fn arguments(tenant: &Tenant) -> BTreeMap<String, Vec<String>> {
    let host: Side = tenant.host().await.within(tenant.namespace());
    let set = host
        .get("StatefulSet", tenant.name())
        .await
        .expect("the chart makes it");
    let pod = &set["spec"]["template"]["spec"];
    let containers = ["initContainers", "containers"].map(|of| pod[of].as_array().cloned());
    let texts = |value: &Value| serde_json::from_value::<Vec<String>>(value.clone()).unwrap_or_default();
    (containers.into_iter().flatten().flatten())
        .map(|container| {
            let all = [texts(&container["command"]), texts(&container["args"])].concat();
            (container["name"].as_str().unwrap_or_default().to_owned(), all)
        })
        .collect()
}

/// Returns a program's help about its arguments, without its line breaks.
async fn help(program: &Path) -> String {
    let said = Command::new(program).arg("--help").text().await;
    let said = said.expect("it says so");
    said.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads the rows of a table below a heading of the list, without the header.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let list = fs::read_to_string(LIST).expect("it is there");
    let below = list
        .split_once(&format!("## {heading}\n"))
        .expect("it has such a heading")
        .1;
    let section = below.split("\n## ").next().unwrap_or_default();
    let lines = section.lines().filter(|line| line.starts_with("| "));
    lines
        .skip(1)
        .map(|line| {
            let cells = line.trim_matches('|').split('|');
            cells
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect()
        })
        .collect()
}

fn volume() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": unique("own")},
        "spec": {
            "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"],
            "csi": {"driver": "example.com", "volumeHandle": "a"},
        },
    })
}

fn attributes_class() -> Value {
    json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttributesClass", "metadata": {"name": unique("own")},
        "driverName": "example.com", "parameters": {"a": "b"},
    })
}

fn claim() -> Value {
    json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": unique("own")},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    })
}
