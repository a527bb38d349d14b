//! Values files of each dialect make the same virtual cluster.

use kube::config::Kubeconfig;
use rstest::rstest;
use serde_json::json;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::rig::{Tenant, VALUE, component};

#[rstest]
#[case::of_0_20(include_str!("../../fixtures/values/blog.0.20.yaml"))]
#[case::of_0_28(include_str!("../../fixtures/values/blog.0.28.yaml"))]
#[tokio::test]
async fn a_component_reaches_the_host(#[case] values: &str) {
    let tenant = Tenant::with_values("dialect", values).await;
    let space = tenant.space("default").await;
    let guest = space.guest.create(component("store", "1")).await;
    let host = space.host.shows("Component", "store", VALUE, json!("1")).await;
    assert_eq!(host["spec"], guest["spec"]);
}

#[tokio::test]
async fn the_kubeconfig_says_where_the_api_is_by_the_values() {
    let values = "experimental: {multiNamespaceMode: {enabled: true}}\n\
                  exportKubeConfig: {server: 'https://team-a.example.com', context: team-a}\n\
                  controlPlane: {proxy: {extraSANs: [team-a.example.com]}}\n";
    let tenant = Tenant::with_values("outside", values).await;
    let config = Kubeconfig::read_from(tenant.pki().join("admin.kubeconfig.given")).expect("it is one");
    let server = config.clusters[0]
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.server.as_deref());
    assert_eq!(server, Some("https://team-a.example.com"));
    assert_eq!(config.current_context.as_deref(), Some("team-a"));
    // A name is in a certificate as it is written.
    let certificate =
        CertificateDer::from_pem_file(tenant.pki().join("apiserver.crt")).expect("it was written");
    let name = b"team-a.example.com";
    assert!(certificate.windows(name.len()).any(|part| part == name));
}
