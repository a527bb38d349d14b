//! The host cluster's certificates and kubeconfigs, created for every sandbox.

use std::io;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use super::address;
use crate::private;
use crate::substrate::kubeconfig::{Credentials, Kubeconfig};

/// A cluster's certificate authority.
#[derive(Debug)]
pub(super) struct Authority {
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key, both PEM.
struct Signed {
    certificate: String,
    key: String,
}

/// The identity in a certificate: the user and group that the API server takes from its subject.
struct Identity<'a> {
    user: &'a str,
    group: Option<&'a str>,
}

impl Authority {
    fn new(name: &str) -> Result<Self, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = subject(&Identity {
            user: name,
            group: None,
        });
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate()?;
        let certificate = parameters.self_signed(&key)?.pem();
        Ok(Self {
            certificate,
            issuer: Issuer::new(parameters, key),
        })
    }

    fn sign(&self, identity: &Identity<'_>, names: &[&str]) -> Result<Signed, rcgen::Error> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut parameters = CertificateParams::new(names)?;
        parameters.distinguished_name = subject(identity);
        parameters.key_usages = vec![
            KeyUsagePurpose::DigitalSignature,
            KeyUsagePurpose::KeyEncipherment,
        ];
        parameters.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let key = KeyPair::generate()?;
        let certificate = parameters.signed_by(&key, &self.issuer)?.pem();
        Ok(Signed {
            certificate,
            key: key.serialize_pem(),
        })
    }
}

fn subject(identity: &Identity<'_>) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, identity.user);
    if let Some(group) = identity.group {
        name.push(DnType::OrganizationName, group);
    }
    name
}

/// Writes `pki/` and `kubeconfig/` below the run folder, and returns the credentials of an administrator.
pub(super) fn write(folder: &Path) -> io::Result<Credentials> {
    let authority = Authority::new("kubernetes").map_err(io::Error::other)?;
    let pki = folder.join("pki");
    let kubeconfigs = folder.join("kubeconfig");
    std::fs::create_dir_all(&pki)?;
    std::fs::create_dir_all(&kubeconfigs)?;
    private::write(&pki.join("ca.crt"), &authority.certificate)?;
    private::write(&pki.join("ca.key"), &authority.issuer.key().serialize_pem())?;
    let service_account = KeyPair::generate().map_err(io::Error::other)?;
    private::write(&pki.join("service-account.key"), &service_account.serialize_pem())?;
    private::write(
        &pki.join("service-account.pub"),
        &service_account.public_key_pem(),
    )?;

    let node = format!("system:node:{}", address::NODE_NAME);
    let node_address = address::NODE.to_string();
    let api_server_names: Vec<&str> = API_SERVER_NAMES.into_iter().chain([&*node_address]).collect();
    for (name, identity, names) in [
        (
            "apiserver",
            Identity {
                user: "kube-apiserver",
                group: None,
            },
            &api_server_names[..],
        ),
        (
            "kubelet-client",
            Identity {
                user: "kube-apiserver-kubelet-client",
                group: Some("system:masters"),
            },
            &[],
        ),
        (
            "kubelet",
            Identity {
                user: &node,
                group: Some("system:nodes"),
            },
            &[address::NODE_NAME, &node_address],
        ),
    ] {
        let signed = authority.sign(&identity, names).map_err(io::Error::other)?;
        private::write(&pki.join(format!("{name}.crt")), &signed.certificate)?;
        private::write(&pki.join(format!("{name}.key")), &signed.key)?;
    }

    write_front_proxy(&pki)?;
    let inside = format!("https://{}:{}", address::NODE, address::API_PORT);
    for (name, identity) in [
        (
            "kube-controller-manager",
            Identity {
                user: "system:kube-controller-manager",
                group: None,
            },
        ),
        (
            "kube-scheduler",
            Identity {
                user: "system:kube-scheduler",
                group: None,
            },
        ),
        (
            "kube-proxy",
            Identity {
                user: "system:kube-proxy",
                group: None,
            },
        ),
        (
            "kubelet",
            Identity {
                user: &node,
                group: Some("system:nodes"),
            },
        ),
    ] {
        let kubeconfig = Kubeconfig {
            server: inside.clone(),
            credentials: authority.credentials(&identity)?,
        };
        private::write(&kubeconfigs.join(name), &kubeconfig.render())?;
    }
    authority.credentials(&Identity {
        user: "admin",
        group: Some("system:masters"),
    })
}

/// Writes the files by which further APIs identify the API server. They have an authority of their own: a client with
/// this certificate can act as any user.
fn write_front_proxy(pki: &Path) -> io::Result<()> {
    let authority = Authority::new("front-proxy").map_err(io::Error::other)?;
    private::write(&pki.join("front-proxy-ca.crt"), &authority.certificate)?;
    let identity = Identity {
        user: FRONT_PROXY,
        group: None,
    };
    let signed = authority.sign(&identity, &[]).map_err(io::Error::other)?;
    private::write(&pki.join("front-proxy-client.crt"), &signed.certificate)?;
    private::write(&pki.join("front-proxy-client.key"), &signed.key)
}

/// The API server's identity for servers of further APIs, to which it passes requests on.
pub(super) const FRONT_PROXY: &str = "front-proxy-client";

/// The API server's names besides the node's address: its Service from inside, loopback from outside.
const API_SERVER_NAMES: [&str; 7] = [
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    "kubernetes.default.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    address::API_SERVICE,
];

impl Authority {
    fn credentials(&self, identity: &Identity<'_>) -> io::Result<Credentials> {
        let signed = self.sign(identity, &[]).map_err(io::Error::other)?;
        Ok(Credentials {
            authority: self.certificate.clone(),
            certificate: signed.certificate,
            key: signed.key,
        })
    }
}
