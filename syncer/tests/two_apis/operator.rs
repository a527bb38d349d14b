//! Another operator is shared as Dapr is: cert-manager, whose Secrets are imported to the tenant.

use std::convert::Infallible;

use provision::values;
use provision::wait::{self, Seen};
use serde_json::{Value, json};

use crate::rig::{CertManager, NamespacePair, SOON, Tenant};

/// The Secret in which both tenants have their certificates.
const SECRET: &str = "demo-tls";

#[tokio::test]
#[ignore = "builds cert-manager"]
async fn a_certificate_is_issued_by_the_hosts_cert_manager_and_seen_by_its_tenant_alone() {
    let _cert_manager = CertManager::start().await;
    let (ours, theirs) = tokio::join!(
        Tenant::with_values("ours", values::CERT_MANAGER),
        Tenant::with_values("theirs", values::CERT_MANAGER),
    );
    let (our_space, their_space) = (ours.space("default").await, theirs.space("default").await);

    issue(&our_space, "ours.example.com").await;
    issue(&their_space, "theirs.example.com").await;

    // Of equal names, and each with its own content.
    let our_secret = shown_as_on_the_host(&our_space).await;
    let their_secret = shown_as_on_the_host(&their_space).await;
    assert_ne!(our_secret["data"]["tls.key"], their_secret["data"]["tls.key"]);
    for (tenant, secret) in [(&ours, &our_secret), (&theirs, &their_secret)] {
        let everywhere = has_one_secret(tenant).await;
        assert_eq!(everywhere["metadata"]["namespace"], "default");
        assert_eq!(everywhere["data"], secret["data"]);
    }

    // The Certificate goes; its Secret stays, as on any cluster with cert-manager, until the tenant deletes it.
    our_space.guest.delete("Certificate", "demo").await;
    our_space.host.until_gone("Certificate", "demo").await;
    assert!(our_space.guest.get("Secret", SECRET).await.is_some());
    our_space.guest.delete("Secret", SECRET).await;
    our_space.host.until_gone("Secret", SECRET).await;
    our_space.guest.until_gone("Secret", SECRET).await;
    assert!(their_space.guest.get("Secret", SECRET).await.is_some());
    let kept = their_space.host.get("Secret", SECRET).await.expect("it is there");
    assert_eq!(kept["data"], their_secret["data"]);
}

/// Requests a certificate for a tenant, and waits until the tenant sees that it was issued.
async fn issue(space: &NamespacePair, name: &str) {
    let issuer = json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Issuer",
        "metadata": {"name": "self-signed"},
        "spec": {"selfSigned": {}},
    });
    let certificate = json!({
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": "demo"},
        "spec": {"secretName": SECRET, "dnsNames": [name], "issuerRef": {"name": "self-signed"}},
    });
    space.guest.create(issuer).await;
    space.guest.create(certificate).await;
    for (kind, name) in [("Issuer", "self-signed"), ("Certificate", "demo")] {
        let ready = |found: &Value| {
            let conditions = found["status"]["conditions"].as_array()?;
            (conditions.iter())
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
                .then_some(())
        };
        space.guest.sees(kind, name, "ready", ready).await;
    }
}

/// Waits until the tenant sees one Secret in all of its namespaces together: cert-manager keeps a new key in another Secret until
/// the certificate is issued.
async fn has_one_secret(tenant: &Tenant) -> Value {
    let guest = tenant.guest().await;
    wait::until(format!("one Secret in {}", tenant.name()), SOON, || async {
        let mut secrets = guest.list("Secret").await;
        Ok::<_, Infallible>(match (secrets.pop(), secrets.len()) {
            (Some(only), 0) => Seen::Ready(only),
            (_, others) => Seen::NotYet(format!("{others} besides")),
        })
    })
    .await
    .expect("nothing else is shown")
}

/// Returns the tenant's Secret, and checks that it equals the host's.
async fn shown_as_on_the_host(space: &NamespacePair) -> Value {
    let made = space.host.appears("Secret", SECRET).await;
    let shown = space
        .guest
        .shows("Secret", SECRET, "/data", made["data"].clone())
        .await;
    assert_eq!(shown["type"], "kubernetes.io/tls");
    let key = &shown["data"]["tls.key"];
    assert!(key.as_str().is_some_and(|key| !key.is_empty()), "there is no key");
    assert_eq!(
        shown["metadata"]["annotations"]["vcluster.loft.sh/controlled-by"],
        "secret/v1/GenericImport"
    );
    shown
}

#[tokio::test]
async fn secrets_of_the_host_are_shown_but_for_its_tokens() {
    let tenant = Tenant::with_values("importing-secrets", &secrets_only()).await;
    let space = tenant.space("default").await;
    space.host.appears("ServiceAccount", "default").await;
    let token = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "token", "annotations": {"kubernetes.io/service-account.name": "default"}},
        "type": "kubernetes.io/service-account-token",
    });
    let other = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "other"},
        "stringData": {"a": "1"},
    });

    space.host.create(token).await;
    space.host.create(other.clone()).await;

    let theirs = space.host.appears("Secret", "other").await;
    space
        .guest
        .shows("Secret", "other", "/data", theirs["data"].clone())
        .await;
    // It was made first, and had its turn: its neighbour of a moment later is shown.
    let mut later = other;
    later["metadata"]["name"] = json!("later");
    space.host.create(later).await;
    space.guest.appears("Secret", "later").await;
    assert!(space.guest.get("Secret", "token").await.is_none());
    let token = space.host.get("Secret", "token").await.expect("it is there");
    assert!(token["metadata"]["annotations"]["vcluster.loft.sh/controlled-by"].is_null());
}

/// Returns values of a tenant that imports only Secrets, on a host without cert-manager.
fn secrets_only() -> String {
    let (head, import) = values::CERT_MANAGER
        .split_once("      export:\n")
        .and_then(|(head, rest)| Some((head, rest.split_once("      import:\n")?.1)))
        .expect("the file has both");
    format!("{head}      import:\n{import}")
}
