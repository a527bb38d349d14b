use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt;

use rstest::rstest;
use vcluster_values::naming::Tenant;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::GeneralName;

use super::*;

fn names() -> Names {
    Names {
        tenant: Tenant::new("tenant-1", "vcluster-tenant-1"),
        service: vec!["10.96.7.7".parse().unwrap()],
        pod: Some("10.244.0.9".parse().unwrap()),
        outside: vec!["api.example.org".to_owned(), "192.0.2.7".to_owned()],
    }
}

#[test]
fn the_api_server_can_be_reached_by_every_name_it_has() {
    let issued = Authority::generate("tenant-1")
        .unwrap()
        .issue(&Identity::ApiServer(names()))
        .unwrap();
    let (_, pem) = parse_x509_pem(issued.certificate.as_bytes()).unwrap();
    let certificate = pem.parse_x509().unwrap();
    let alternatives: Vec<String> = certificate
        .subject_alternative_name()
        .unwrap()
        .unwrap()
        .value
        .general_names
        .iter()
        .map(|name| match name {
            GeneralName::DNSName(name) => (*name).to_owned(),
            GeneralName::IPAddress(bytes) => IpAddr::from(<[u8; 4]>::try_from(*bytes).unwrap()).to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        alternatives,
        [
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            "kubernetes.default.svc.cluster.local",
            "tenant-1",
            "tenant-1.vcluster-tenant-1",
            "tenant-1.vcluster-tenant-1.svc",
            "tenant-1.vcluster-tenant-1.svc.cluster.local",
            "127.0.0.1",
            "10.96.7.7",
            "10.244.0.9",
            "api.example.org",
            "192.0.2.7",
        ]
    );
}

#[rstest]
#[case::admin(Identity::Admin, "O=system:masters, CN=kubernetes-admin")]
#[case::syncer(Identity::Syncer, "O=system:masters, CN=syncer")]
#[case::controller_manager(Identity::ControllerManager, "CN=system:kube-controller-manager")]
#[case::kubelet_client(Identity::KubeletClient, "CN=kube-apiserver-kubelet-client")]
#[case::front_proxy(Identity::FrontProxy, "CN=front-proxy-client")]
fn a_client_is_who_it_should_be_by_the_authority(#[case] identity: Identity, #[case] subject: &str) {
    let authority = Authority::generate("tenant-1").unwrap();
    let issued = authority.issue(&identity).unwrap();
    let (_, ca) = parse_x509_pem(authority.certificate().as_bytes()).unwrap();
    let (_, pem) = parse_x509_pem(issued.certificate.as_bytes()).unwrap();
    let (ca, certificate) = (ca.parse_x509().unwrap(), pem.parse_x509().unwrap());
    let mut parts: Vec<String> = certificate
        .subject()
        .to_string()
        .split(", ")
        .map(str::to_owned)
        .collect();
    parts.sort_by(|one, other| other.cmp(one));
    assert_eq!(parts.join(", "), subject);
    assert_eq!(certificate.issuer(), ca.subject());
    assert!(certificate.validity().is_valid() && ca.validity().is_valid());
    assert!(ca.is_ca() && !certificate.is_ca());
    assert!(
        certificate
            .extended_key_usage()
            .unwrap()
            .unwrap()
            .value
            .client_auth
    );
}

#[test]
fn an_authority_that_was_kept_goes_on_issuing() {
    let first = Authority::generate("tenant-1").unwrap();
    let again = Authority::from_parts(&first.parts()).unwrap();
    assert_eq!(again.parts(), first.parts());
    again.issue(&Identity::Admin).unwrap();
}

#[rstest]
#[case::missing("sa.key", None)]
#[case::broken("ca.crt", Some("not a certificate"))]
fn a_damaged_authority_is_refused_with_the_name_of_its_part(#[case] key: &str, #[case] text: Option<&str>) {
    let mut parts = Authority::generate("tenant-1").unwrap().parts();
    parts.remove(key);
    parts.extend(text.map(|text| (key.to_owned(), text.as_bytes().to_vec())));
    let error = Authority::from_parts(&parts).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("read {key} of the kept certificate authority")
    );
}

#[tokio::test]
async fn only_the_writer_can_read_what_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::generate("tenant-1").unwrap();
    let access = Access {
        server: "https://api.example.org",
        context: "team-a",
    };
    write(&authority, &names(), access, folder.path()).await.unwrap();
    let mut files: Vec<_> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap())
        .collect();
    files.sort_by_key(std::fs::DirEntry::file_name);
    for file in &files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let listed: Vec<_> = files
        .iter()
        .map(|file| file.file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        listed,
        [
            "admin.crt",
            "admin.key",
            "admin.kubeconfig",
            "apiserver-kubelet-client.crt",
            "apiserver-kubelet-client.key",
            "apiserver.crt",
            "apiserver.key",
            "ca.crt",
            "ca.key",
            "controller-manager.kubeconfig",
            "front-proxy-ca.crt",
            "front-proxy-client.crt",
            "front-proxy-client.key",
            "kubelet.crt",
            "kubelet.key",
            "sa.key",
            "sa.pub",
            "syncer.kubeconfig",
        ]
    );
    let issued_by = |name: &str| {
        let (_, pem) = parse_x509_pem(&std::fs::read(folder.path().join(name)).unwrap()).unwrap();
        pem.parse_x509().unwrap().issuer().to_string()
    };
    assert_eq!(
        issued_by("front-proxy-client.crt"),
        issued_by("front-proxy-ca.crt")
    );
    assert_ne!(issued_by("front-proxy-client.crt"), issued_by("ca.crt"));
    let config = kube::config::Kubeconfig::read_from(folder.path().join("admin.kubeconfig")).unwrap();
    let server = config.clusters[0]
        .cluster
        .as_ref()
        .and_then(|cluster| cluster.server.clone());
    assert_eq!(config.current_context.as_deref(), Some("team-a"));
    assert_eq!(server.as_deref(), Some("https://api.example.org"));
}
